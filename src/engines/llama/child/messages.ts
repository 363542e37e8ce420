import type { ErrorData } from '../../../errors.ts';
import type { KvMode, Sampling, WorkClass } from '../../../spec/engine.ts';
import type { Likelihood } from './log-probability.ts';
import type { PrefixCells } from './prefix-cache.ts';
import type { StateLayout } from './sequence-state.ts';

/** Between the two threads of an engine child. Tokens only: text is the main thread's matter. */

export interface GeneratorSettings {
  readonly path: string;
  readonly threads: number;
  readonly sequences: number;
  /** Cells of the KV cache; a multiple of 256. */
  readonly kvTokens: number;
  readonly kvType: 'f16' | 'q8_0';
  readonly kvMode: KvMode;
  /** Bytes of memory for prefixes beyond the KV cache; undefined where none are kept. */
  readonly prefixMemoryBytes: number | undefined;
}

export interface EncoderSettings {
  readonly path: string;
  readonly threads: number;
  readonly pooling: 'mean' | 'cls' | 'last' | 'rank';
  /** Tokens of one native call; at least the longest text. */
  readonly batchTokens: number;
}

export interface GenerateCommand {
  readonly type: 'generate';
  readonly id: number;
  readonly handle: number;
  readonly tokens: Int32Array;
  readonly maxTokens: number;
  readonly sampling: Sampling;
  readonly grammar: string | undefined;
  /** Leading tokens to keep for others; 0 when no prefix was named. */
  readonly prefixTokens: number;
  /** The longest beginning of the prompt that is kept beyond the KV cache. */
  readonly stored: { readonly key: string; readonly tokens: number } | undefined;
  /** The named prefix is to be kept under this key once it is computed, unless it is what is stored. */
  readonly keep: { readonly key: string; readonly owners: readonly string[] } | undefined;
  /** Tokens whose log-probability as the first one of the output is wanted. */
  readonly weigh: readonly number[];
  /** The mean log-probability of the output is wanted. */
  readonly likelihood: boolean;
  readonly ignoreEnd: boolean;
  /** Tokens are told when so many are new, and at the end. */
  readonly tellAfter: number;
  readonly class: WorkClass;
}

export interface EncodeCommand {
  readonly type: 'encode';
  readonly id: number;
  readonly handle: number;
  /** Tokens of all texts, one after the other, and how many belong to each. */
  readonly tokens: Int32Array;
  readonly lengths: Int32Array;
  readonly class: WorkClass;
}

export type WorkerCommand =
  | { readonly type: 'load-generator'; readonly id: number; readonly handle: number; readonly settings: GeneratorSettings }
  | { readonly type: 'load-encoder'; readonly id: number; readonly handle: number; readonly settings: EncoderSettings }
  | GenerateCommand
  | EncodeCommand
  /** Answers `prefix-wanted`. The memory goes over to the compute thread; undefined where the prefix is gone. */
  | { readonly type: 'prefix-loaded'; readonly handle: number; readonly id: number; readonly cells: PrefixCells | undefined }
  /** The memory lent by `prefix-saved` is not read any more. */
  | { readonly type: 'prefix-returned'; readonly handle: number; readonly key: string }
  | { readonly type: 'forget-prefixes'; readonly handle: number; readonly owners: readonly string[] }
  | { readonly type: 'cancel'; readonly id: number }
  | {
      readonly type: 'quantise';
      readonly id: number;
      readonly inputPath: string;
      readonly outputPath: string;
      readonly fileType: number;
      readonly threads: number;
    };

export interface SequenceUsage extends Likelihood {
  readonly cachedTokens: number;
  readonly restoredTokens: number;
  readonly restoreMs: number;
  readonly prefillMs: number;
  readonly decodeMs: number;
}

export type WorkerEvent =
  | { readonly type: 'done'; readonly id: number; readonly value?: LoadedContext }
  | { readonly type: 'failed'; readonly id: number; readonly error: ErrorData }
  | { readonly type: 'prefix-ready'; readonly id: number; readonly tokens: number }
  | { readonly type: 'tokens'; readonly id: number; readonly tokens: Int32Array }
  /** The sequence and its cells are free. `cancelled` when it ended by command. */
  | { readonly type: 'ended'; readonly id: number; readonly reason: 'end' | 'length' | 'cancelled'; readonly usage: SequenceUsage }
  | { readonly type: 'encoded'; readonly id: number; readonly values: Float32Array };

/** What the compute thread tells about prefixes beyond the KV cache; posted at once, not with the step. */
export type PrefixEvent =
  /** A request waits for these cells. */
  | { readonly type: 'prefix-wanted'; readonly handle: number; readonly id: number; readonly key: string }
  /** New cells, lent until `prefix-returned`. */
  | { readonly type: 'prefix-saved'; readonly handle: number; readonly cells: PrefixCells }
  /** Gone from memory. */
  | { readonly type: 'prefix-dropped'; readonly handle: number; readonly key: string }
  /** The library would not take the cells. */
  | { readonly type: 'prefix-refused'; readonly handle: number; readonly key: string };

export interface LoadedContext {
  readonly sequences: number;
  readonly kvTokens: number;
  /** Cells that one sequence can have. */
  readonly sequenceTokens: number;
  /** A sequence may begin with what another has computed. */
  readonly sharesPrefixes: boolean;
  readonly trainingContextTokens: number;
  /** Values of one vector. */
  readonly width: number;
  /** What cells of this context look like outside of it; undefined where they cannot be kept. */
  readonly cells: StateLayout | undefined;
}

/** Upper bounds of the counts of steps by their time, in ms; the last count is of all longer ones. */
export const stepBoundsMs = [10, 25, 50, 100, 200, 400, 800] as const;
export type StepKind = 'decode' | 'encode';
type StepFigure = `${StepKind}Steps${number}`;

/** The figure that counts a step of this time: `decodeSteps0` up to 10 ms, `decodeSteps1` up to 25 ms, … */
export function stepFigure(kind: StepKind, elapsedMs: number): StepFigure {
  const place = stepBoundsMs.findIndex((bound) => elapsedMs <= bound);
  return `${kind}Steps${place === -1 ? stepBoundsMs.length : place}`;
}

export function stepFigures(kind: StepKind): readonly StepFigure[] {
  return [...stepBoundsMs, Number.POSITIVE_INFINITY].map((_, place): StepFigure => `${kind}Steps${place}`);
}

/** Those that are told as they are; the counts of steps come after them. */
export const plainFigures = [
  'steps',
  'prefillTokens',
  'decodeTokens',
  'reusedTokens',
  'encodedTokens',
  'encodedTexts',
  'nativeMs',
  'busyMs',
  'sequenceSteps',
  'activeSequences',
  'usedKvTokens',
  'restoredTokens',
  'prefixHits',
  'prefixMisses',
] as const;
export type FigureName = (typeof plainFigures)[number] | StepFigure;
/** Fields of the shared figures, in this order; the worker writes, the main thread reads. */
export const figureNames: readonly FigureName[] = [...plainFigures, ...stepFigures('decode'), ...stepFigures('encode')];

export interface WorkerData {
  readonly libraryDirectory: string;
  /** Float64 per figure. */
  readonly figures: SharedArrayBuffer;
  /** Int32: number of step messages that the main thread has passed on. */
  readonly acknowledged: SharedArrayBuffer;
}

export interface StepMessage {
  readonly type: 'step';
  readonly events: readonly WorkerEvent[];
}
