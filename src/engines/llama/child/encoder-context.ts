import koffi from 'koffi';
import { MillraceError } from '../../../errors.ts';
import type { WorkClass } from '../../../spec/engine.ts';
import type { ContextThreads } from './compute-threads.ts';
import { createBatch, type Batch } from './batch.ts';
import type { LlamaLibrary } from './library.ts';
import type { Pointer } from './layout.ts';
import type { EncodeCommand, EncoderSettings, FigureName, LoadedContext, WorkerEvent } from './messages.ts';
import { byClaim } from './plan.ts';

/** One native context of an embedder or reranker, with the calls that wait for it. A step is `plan → encode → settle`. */
export interface EncoderContext {
  readonly loaded: LoadedContext;
  admit(command: EncodeCommand): void;
  cancel(id: number): boolean;
  claim(): WorkClass | undefined;
  /** The texts of the next native call: those of the strongest call by length, then of the next ones while they fit. */
  plan(): EncodeItem[];
  encode(items: readonly EncodeItem[]): void;
  settle(items: readonly EncodeItem[]): void;
  fail(error: MillraceError): void;
  readonly activeSequences: number;
  close(): void;
}

interface Call {
  readonly id: number;
  readonly class: WorkClass;
  readonly arrival: number;
  readonly tokens: Int32Array;
  /** Texts that were not encoded yet, longest last. */
  readonly rest: EncodeItem[];
  readonly values: Float32Array;
  missing: number;
}

interface EncodeItem {
  readonly call: Call;
  /** Number of the text in its call. */
  readonly index: number;
  readonly start: number;
  readonly length: number;
}

export interface EncoderContextOptions {
  readonly library: LlamaLibrary;
  readonly model: Pointer;
  readonly settings: EncoderSettings;
  readonly threadsOf: (context: Pointer, most: number) => ContextThreads;
  readonly emit: (event: WorkerEvent) => void;
  readonly count: (figure: FigureName, amount: number) => void;
}

/**
 * llama.cpp's CPU attention takes a slower and coarser path for batches below 64 tokens. Every batch has at least so many, so that
 * the vector of a short text is the same alone and among others (and comes sooner).
 */
const smallestBatch = 64;
/** Calls that may wait; the scheduler admits few. */
const maxWaiting = 1024;
/** llama.cpp wants a multiple of these as tokens of a call. One is for filling up. */
const nativeSequences = 64;

/** Fills a batch up with a sequence of its own, which nobody reads. */
function pad(batch: Batch, items: readonly EncodeItem[]): void {
  const [first] = items;
  if (first === undefined) return;
  const token = first.call.tokens[first.start]!;
  for (let position = 0; batch.size < smallestBatch; position++) batch.add(token, position, items.length, true);
}

const poolingTypes = { mean: 1, cls: 2, last: 3, rank: 4 };

/** @throws MillraceError E_ENGINE_FAILED when the context cannot be made */
export function createEncoderContext({ library, model, settings, threadsOf, emit, count }: EncoderContextOptions): EncoderContext {
  const { pooling } = settings;
  const batchTokens = nativeSequences * Math.ceil(settings.batchTokens / nativeSequences);
  const batchItems = nativeSequences - 1;
  const context = library.contextCreate(model, {
    ...library.contextDefaults(),
    n_ctx: batchTokens,
    n_batch: batchTokens,
    n_ubatch: batchTokens,
    n_seq_max: nativeSequences,
    n_threads: settings.threads,
    n_threads_batch: settings.threads,
    pooling_type: poolingTypes[pooling],
    embeddings: true,
    kv_unified: true,
  });
  if (context === null)
    throw new MillraceError('E_ENGINE_FAILED', 'No context could be made for the model; there may be too little memory.');
  const threads = threadsOf(context, settings.threads);
  const memory = library.contextMemory(context);
  const width = pooling === 'rank' ? 1 : library.modelEmbeddingWidth(model);
  const vectorType = koffi.array('float', width, 'Typed');
  const batch = createBatch(batchTokens);
  const calls: Call[] = [];
  let arrivals = 0;

  function settleCall(call: Call): void {
    calls.splice(calls.indexOf(call), 1);
  }

  return {
    loaded: {
      sequences: batchItems,
      kvTokens: batchTokens,
      sequenceTokens: batchTokens,
      sharesPrefixes: false,
      trainingContextTokens: library.modelTrainingContext(model),
      width,
      cells: undefined,
    },
    admit(command) {
      if (calls.length >= maxWaiting)
        throw new MillraceError('E_OVERLOADED', `The engine holds ${maxWaiting} calls that wait for a batch.`);
      const call: Call = {
        id: command.id,
        class: command.class,
        arrival: arrivals++,
        tokens: command.tokens,
        rest: [],
        values: new Float32Array(command.lengths.length * width),
        missing: command.lengths.length,
      };
      let start = 0;
      command.lengths.forEach((length, index) => {
        call.rest.push({ call, index, start, length });
        start += length;
      });
      call.rest.sort((a, b) => a.length - b.length);
      calls.push(call);
      calls.sort(byClaim);
    },
    cancel(id) {
      const call = calls.find((candidate) => candidate.id === id);
      if (call === undefined) return false;
      settleCall(call);
      emit({
        type: 'ended',
        id,
        reason: 'cancelled',
        usage: { cachedTokens: 0, restoredTokens: 0, restoreMs: 0, prefillMs: 0, decodeMs: 0 },
      });
      return true;
    },
    claim: () => calls[0]?.class,
    plan() {
      const items: EncodeItem[] = [];
      let room = batchTokens;
      for (const call of calls) {
        for (let item = call.rest.at(-1); item !== undefined && item.length <= room && items.length < batchItems; item = call.rest.at(-1)) {
          call.rest.pop();
          items.push(item);
          room -= item.length;
        }
      }
      return items;
    },
    encode(items) {
      batch.clear();
      items.forEach(({ call, start, length }, sequence) => {
        for (let at = 0; at < length; at++) batch.add(call.tokens[start + at]!, at, sequence, true);
      });
      pad(batch, items);
      // A decoder used as an encoder has a cache, which must not outlive the batch.
      threads.run(true, () => {
        const status = memory === null ? library.encode(context, batch.value()) : library.decode(context, batch.value());
        if (status !== 0)
          throw new MillraceError('E_ENGINE_FAILED', `The inference library refused a batch of ${batch.size} tokens (status ${status}).`);
        library.synchronise(context);
      });
      if (memory !== null) library.memoryClear(memory, false);
      count(
        'encodedTokens',
        items.reduce((sum, item) => sum + item.length, 0),
      );
      count('encodedTexts', items.length);
    },
    settle(items) {
      items.forEach(({ call, index }, sequence) => {
        const address = library.sequenceEmbedding(context, sequence);
        if (address === null) throw new MillraceError('E_ENGINE_FAILED', 'The inference library returned no vector for a text.');
        const vector = koffi.decode(address, vectorType) as Float32Array;
        if (pooling !== 'rank') normalise(vector);
        call.values.set(vector, index * width);
        call.missing -= 1;
        if (call.missing > 0 || !calls.includes(call)) return;
        settleCall(call);
        emit({ type: 'encoded', id: call.id, values: call.values });
      });
    },
    fail(error) {
      for (const call of calls.splice(0)) emit({ type: 'failed', id: call.id, error: error.toJSON() });
    },
    get activeSequences() {
      return calls.length;
    },
    close() {
      batch.free();
      library.contextFree(context);
    },
  };
}

/** Divides by the Euclidean length, in double precision. */
function normalise(vector: Float32Array): void {
  let sum = 0;
  for (const value of vector) sum += value * value;
  if (!(sum > 0) || !Number.isFinite(sum))
    throw new MillraceError('E_ENGINE_FAILED', 'The model returned a vector that is zero or not a number.');
  const scale = 1 / Math.sqrt(sum);
  for (let index = 0; index < vector.length; index++) vector[index]! *= scale;
}
