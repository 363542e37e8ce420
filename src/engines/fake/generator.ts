import { MillraceError } from '../../errors.ts';
import type { CallOptions, GeneratePart, GenerateRequest, Generator, StopReason } from '../../spec/engine.ts';
import { hashOf } from '../../util/hash.ts';
import { answerFromPassages } from './answer.ts';
import { createFakeCells } from './cells.ts';
import type { FakePrefixes } from './prefixes.ts';
import { createFakePace } from './pace.ts';
import type { FakePaceOptions } from './pace.ts';
import { createFakeTokenizer, tokenizePrompt, tokenOf } from './tokenizer.ts';
import { piecesOf } from './words.ts';

export interface FakeGeneratorOptions extends FakePaceOptions {
  /** Default `fake-generator`. */
  readonly id?: string;
  /** Default 8. */
  readonly sequences?: number;
  /** Default 16,384. */
  readonly kvTokens?: number;
  /** Default 4,096. */
  readonly maxSequenceTokens?: number;
  /** Default: no time passes. */
  readonly prefillTokensPerSecond?: number;
  /** Of one sequence. Default: no time passes. */
  readonly decodeTokensPerSecond?: number;
  /** What it keeps of prefixes beyond its cells: `createFakePrefixes`. Default: nothing. */
  readonly prefixes?: FakePrefixes;
  /** The whole output, before `stop` and `maxTokens` cut it. Default `answerFromPassages`. A grammar has no effect. */
  readonly answer?: (request: GenerateRequest, call: number) => string;
  /** Log-probabilities of what a request has weighed. Default: none are told. */
  readonly weigh?: (request: GenerateRequest) => readonly number[];
  /** Mean log-probability of an output where a request asks for it. Default: none is told. */
  readonly likelihood?: (request: GenerateRequest) => number;
}

export interface FakeGeneratorStatistics {
  readonly calls: number;
  readonly active: number;
  readonly peakActive: number;
  readonly usedKvTokens: number;
  readonly peakKvTokens: number;
  /** Prompt tokens that were computed, without those from the cache. */
  readonly prefillTokens: number;
  readonly outputTokens: number;
}

export interface FakeGenerator extends Generator {
  statistics(): FakeGeneratorStatistics;
}

/**
 * A generator in the time of its clock: same requests in the same order, same parts at the same times. It holds callers to their
 * reservations: more sequences or KV cells than it has is `E_ENGINE_FAILED`, never a wait.
 */
export function createFakeGenerator(options: FakeGeneratorOptions): FakeGenerator {
  const { clock, id = 'fake-generator', sequences = 8, kvTokens = 16_384, maxSequenceTokens = 4_096 } = options;
  const { prefillTokensPerSecond = Infinity, decodeTokensPerSecond = Infinity, answer = answerFromPassages } = options;
  const startCall = createFakePace(options);
  const cells = createFakeCells({ sequences, kvTokens });
  let calls = 0;
  let prefillTokens = 0;
  let outputTokens = 0;

  async function* generate(request: GenerateRequest, { signal }: CallOptions): AsyncGenerator<GeneratePart> {
    const pace = startCall(signal);
    calls += 1;
    const call = calls;
    const { tokens: prompt, partEnds } = tokenizePrompt(request.prompt);
    const needed = prompt.length + request.maxTokens;
    if (needed > maxSequenceTokens) {
      throw new MillraceError('E_CONTEXT_EXCEEDED', `Prompt and answer need ${needed} tokens; ${id} holds ${maxSequenceTokens}.`);
    }
    const { prefixKey } = request;
    const prefixTokens = prefixKey === undefined ? 0 : (partEnds[(request.prefixParts ?? 1) - 1] ?? 0);
    const held = cells.hold({ ownTokens: needed - prefixTokens, prefixTokens, prefixKey });
    let delivered = false;
    try {
      pace.crashAt(0, delivered);
      const startedAt = clock.monotonic();
      const restored = !held.resident && prefixKey !== undefined && options.prefixes?.holds(request) === true;
      if (!held.resident && !restored) await pace.spend(prefixTokens, prefillTokensPerSecond);
      if (prefixKey !== undefined) {
        held.markResident();
        yield { type: 'prefix-ready', prefixKey, tokens: prefixTokens };
      }
      const restoredTokens = restored ? prefixTokens : 0;
      const cachedTokens = held.resident ? prefixTokens : restoredTokens;
      if (prefixKey !== undefined && !restored) options.prefixes?.keep(request);
      if (request.maxTokens === 0) {
        const usage = { promptTokens: prompt.length, cachedTokens, restoredTokens, restoreMs: 0, outputTokens: 0, decodeMs: 0 };
        prefillTokens += prefixTokens - cachedTokens;
        yield { type: 'final', text: '', stopReason: 'length', tokens: [], usage: { ...usage, prefillMs: clock.monotonic() - startedAt } };
        return;
      }
      await pace.spend(prompt.length - prefixTokens, prefillTokensPerSecond);
      prefillTokens += prompt.length - cachedTokens;

      const output = cut(answer(request, call), request);
      const firstAt = clock.monotonic();
      for (const [index, text] of output.pieces.entries()) {
        await pace.spend(1, decodeTokensPerSecond);
        pace.crashAt(index + 1, delivered);
        outputTokens += 1;
        if (request.deliver === 'final') continue;
        delivered = true;
        yield { type: 'text', text };
      }
      const times = { prefillMs: firstAt - startedAt, decodeMs: clock.monotonic() - firstAt };
      yield {
        type: 'final',
        text: output.pieces.join(''),
        stopReason: output.stopReason,
        usage: { promptTokens: prompt.length, cachedTokens, restoredTokens, restoreMs: 0, outputTokens: output.pieces.length, ...times },
        tokens: output.pieces.map(tokenOf),
        ...(request.likelihood !== true || options.likelihood === undefined ? {} : { meanLogProbability: options.likelihood(request) }),
        ...(request.weigh === undefined || options.weigh === undefined ? {} : { weights: options.weigh(request) }),
      };
    } finally {
      held.free();
    }
  }

  return {
    model: { id, hash: hashOf({ id, maxSequenceTokens }), title: `Fake generator "${id}"`, maxSequenceTokens },
    tokenizer: createFakeTokenizer(),
    capacity: () => ({ sequences, kvTokens, maxSequenceTokens }),
    ...(options.prefixes === undefined ? {} : { prefixes: options.prefixes }),
    generate,
    statistics: () => ({ calls, ...cells.statistics(), prefillTokens, outputTokens }),
  };
}

function cut(text: string, { stop, maxTokens }: GenerateRequest): { pieces: string[]; stopReason: StopReason } {
  const ends = stop.map((mark) => text.indexOf(mark)).filter((index) => index >= 0);
  const end = Math.min(text.length, ...ends);
  const pieces = piecesOf(text.slice(0, end));
  if (pieces.length > maxTokens) return { pieces: pieces.slice(0, maxTokens), stopReason: 'length' };
  return { pieces, stopReason: ends.length > 0 ? 'stop-string' : 'end' };
}
