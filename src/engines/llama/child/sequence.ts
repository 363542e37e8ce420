import type { WorkClass } from '../../../spec/engine.ts';
import type { Restored } from './kept-prefixes.ts';
import type { GenerateCommand, SequenceUsage } from './messages.ts';
import type { Place } from './placement.ts';
import type { ActiveSequence } from './plan.ts';
import type { Sampler } from './sampler.ts';

/** A running request. */
export interface Sequence {
  readonly id: number;
  readonly place: Place;
  readonly class: WorkClass;
  readonly arrival: number;
  readonly promptTokens: number;
  readonly prefixTokens: number;
  /** Prompt and answer; the first `wanted` are known, the first `computed` are in the KV cache. */
  readonly tokens: Int32Array;
  readonly sampler: Sampler;
  /** Tokens are told when so many are new, and at the end. */
  readonly tellAfter: number;
  keep: GenerateCommand['keep'];
  /** Undefined from when it turns out to be gone or unusable. */
  stored: GenerateCommand['stored'];
  /** It waits for its stored beginning to be read from disk. */
  waiting: boolean;
  /** How long it waited for that; while it waits, minus the time at which it began to. */
  loadMs: number;
  restored: Restored;
  computed: number;
  wanted: number;
  /** Of the known tokens, those that the prompt held or the text side was told. */
  told: number;
  cachedTokens: number;
  prefixReported: boolean;
  startedAt: number | undefined;
  firstTokenAt: number | undefined;
  lastTokenAt: number | undefined;
}

export function createSequence({
  command,
  place,
  arrival,
  sampler,
  stored,
}: Pick<Sequence, 'place' | 'arrival' | 'sampler' | 'stored'> & { readonly command: GenerateCommand }): Sequence {
  const promptTokens = command.tokens.length;
  const prefixTokens = Math.min(command.prefixTokens, promptTokens);
  const tokens = new Int32Array(promptTokens + command.maxTokens);
  tokens.set(command.tokens);
  return {
    id: command.id,
    place,
    class: command.class,
    arrival,
    promptTokens,
    prefixTokens,
    tokens,
    sampler,
    tellAfter: command.tellAfter,
    keep: command.keep,
    stored,
    waiting: false,
    loadMs: 0,
    restored: { tokens: 0, restoreMs: 0 },
    computed: 0,
    wanted: promptTokens,
    told: promptTokens,
    cachedTokens: 0,
    prefixReported: prefixTokens === 0,
    startedAt: undefined,
    firstTokenAt: undefined,
    lastTokenAt: undefined,
  };
}

/** Of a request that ended before it had a sequence. */
export const noUsage: SequenceUsage = { cachedTokens: 0, restoredTokens: 0, restoreMs: 0, prefillMs: 0, decodeMs: 0 };

/** It generates nothing: its prefix is computed and kept. */
export const readsOnly = (item: Sequence): boolean => item.tokens.length === item.promptTokens;

/** The part of the prompt that may be begun with: of a request that only reads, its prefix and one token, which is never computed. */
export function begunOf(item: Sequence): Int32Array {
  return item.tokens.subarray(0, readsOnly(item) ? item.prefixTokens + 1 : item.promptTokens);
}

export function viewOf(item: Sequence): ActiveSequence {
  return {
    sequence: item.place.sequence,
    class: item.class,
    arrival: item.arrival,
    computed: item.computed,
    wanted: item.wanted,
    boundary: item.computed < item.prefixTokens ? item.prefixTokens : item.wanted,
    decoding: item.wanted > item.promptTokens,
  };
}
