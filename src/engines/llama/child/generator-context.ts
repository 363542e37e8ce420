import { MillraceError, toMillraceError } from '../../../errors.ts';
import type { WorkClass } from '../../../spec/engine.ts';
import type { Clock } from '../../../util/clock.ts';
import { createBatch, type Batch } from './batch.ts';
import type { ContextThreads } from './compute-threads.ts';
import type { LlamaLibrary } from './library.ts';
import type { Pointer } from './layout.ts';
import type { FigureName, GenerateCommand, GeneratorSettings, LoadedContext, WorkerEvent } from './messages.ts';
import type { Place } from './placement.ts';
import { byClaim, plan, type Chunk } from './plan.ts';
import { createSamplerFactory, type Sampler } from './sampler.ts';
import { createSplitPlacement } from './split-placement.ts';
import { createStepBudget } from './step-budget.ts';
import { createUnifiedPlacement } from './unified-placement.ts';

/** Longest step in ms: on a CPU, on a CPU while interactive work runs, on a GPU. */
const maxStepMs = { processor: 400, interactive: 120, gpu: 50 };
/** Cells that idle prefixes of a unified cache may fill: 512 make a step of 8 sequences about 5 % slower (measured on a CPU). */
const idlePrefixTokens = 512;
/** Tokens of one native call. */
const batchTokens = 512;
const warmUpTokens = 16;
/** Steps of no more tokens may try whether more cores are free. */
const smallStepTokens = 32;
/** Requests that may wait for a sequence; the scheduler admits none that would. */
const maxWaiting = 1024;
/** GGML_TYPE_F16 and GGML_TYPE_Q8_0. */
const kvTypes = { f16: 1, q8_0: 8 };

interface Sequence {
  readonly id: number;
  readonly place: Place;
  readonly class: WorkClass;
  readonly arrival: number;
  readonly promptTokens: number;
  readonly prefixTokens: number;
  /** Prompt and answer; the first `wanted` are known, the first `computed` are in the KV cache. */
  readonly tokens: Int32Array;
  readonly sampler: Sampler;
  computed: number;
  wanted: number;
  cachedTokens: number;
  prefixReported: boolean;
  startedAt: number | undefined;
  firstTokenAt: number | undefined;
  lastTokenAt: number | undefined;
}

/** What a step sampled, or why it could not. */
interface Sample {
  readonly item: Sequence;
  readonly token: number | MillraceError;
}

/** One native context of a generator with its running requests. A step is `plan → decode → sample → settle`. */
export interface GeneratorContext {
  readonly loaded: LoadedContext;
  /** Starts when a sequence id and cells are free: at once for what the scheduler admitted, else in the order of arrival. */
  admit(command: GenerateCommand): void;
  /** Ends the request if it is here. */
  cancel(id: number): boolean;
  /** The strongest class that has work. */
  claim(): WorkClass | undefined;
  plan(): Chunk[];
  decode(chunks: readonly Chunk[]): void;
  sample(chunks: readonly Chunk[]): readonly Sample[];
  settle(samples: readonly Sample[]): void;
  /** Ends every request with this error and empties the cache. */
  fail(error: MillraceError): void;
  readonly activeSequences: number;
  readonly usedKvTokens: number;
  close(): void;
}

export interface GeneratorContextOptions {
  readonly library: LlamaLibrary;
  readonly model: Pointer;
  readonly settings: GeneratorSettings;
  readonly clock: Clock;
  readonly threadsOf: (context: Pointer, most: number) => ContextThreads;
  readonly emit: (event: WorkerEvent) => void;
  readonly count: (figure: FigureName, amount: number) => void;
}

/**
 * @throws MillraceError E_MODEL_UNSUITABLE when the model has no decoder with a cache, E_ENGINE_FAILED when the context cannot be made
 */
export function createGeneratorContext({
  library,
  model,
  settings,
  clock,
  threadsOf,
  emit,
  count,
}: GeneratorContextOptions): GeneratorContext {
  const { context, memory, kvTokens } = openContext(library, model, settings);
  const threads = threadsOf(context, settings.threads);
  const vocab = library.modelVocab(model);
  const batch = createBatch(batchTokens);
  const samplers = createSamplerFactory(library, vocab);
  const unified = settings.kvMode === 'unified';
  const shares = !library.modelIsRecurrent(model) && !library.modelIsHybrid(model);
  const cells = {
    copy(from: number, to: number, tokens: number): void {
      if (unified) return library.memoryCopy(memory, from, to, 0, tokens);
      // Between sequences with cells of their own only whole ones can be copied.
      library.memoryCopy(memory, from, to, -1, -1);
      library.memoryRemove(memory, to, tokens, -1);
    },
    remove: (sequence: number, start: number) => void library.memoryRemove(memory, sequence, start === 0 ? -1 : start, -1),
  };
  const placement = unified
    ? createUnifiedPlacement({ kvTokens, sequences: settings.sequences, idleTokens: idlePrefixTokens, shares, memory: cells })
    : createSplitPlacement({ sequences: settings.sequences, shares, memory: cells });
  const waiting: { readonly command: GenerateCommand; readonly arrival: number }[] = [];
  const active = new Map<number, Sequence>();
  const budget = createStepBudget({ batchTokens, tokensPerMs: warmUp(library, context, batch, clock) });
  library.memoryClear(memory, true);
  const stepLimit = library.supportsGpu()
    ? { batch: maxStepMs.gpu, interactive: maxStepMs.gpu }
    : { batch: maxStepMs.processor, interactive: maxStepMs.interactive };
  let arrivals = 0;

  function start(command: GenerateCommand, arrival: number): boolean {
    const promptTokens = command.tokens.length;
    const prefixTokens = Math.min(command.prefixTokens, promptTokens);
    const place = placement.place(command.tokens, command.maxTokens, prefixTokens);
    if (place === undefined) return false;
    let sampler: Sampler;
    try {
      sampler = samplers.create({ sampling: command.sampling, grammar: command.grammar, prompt: command.tokens });
    } catch (error) {
      placement.leave(place);
      throw error;
    }
    const tokens = new Int32Array(promptTokens + command.maxTokens);
    tokens.set(command.tokens);
    active.set(place.sequence, {
      id: command.id,
      place,
      class: command.class,
      arrival,
      promptTokens,
      prefixTokens,
      tokens,
      sampler,
      computed: 0,
      wanted: promptTokens,
      cachedTokens: 0,
      prefixReported: prefixTokens === 0,
      startedAt: undefined,
      firstTokenAt: undefined,
      lastTokenAt: undefined,
    });
    return true;
  }

  function startWaiting(): void {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      try {
        if (!start(next.command, next.arrival)) return;
      } catch (error) {
        emit({ type: 'failed', id: next.command.id, error: toMillraceError(error, 'E_ENGINE_FAILED').toJSON() });
      }
      waiting.shift();
    }
  }

  function free(item: Sequence): void {
    item.sampler.free();
    active.delete(item.place.sequence);
    placement.leave(item.place);
    startWaiting();
  }

  function end(item: Sequence, reason: 'end' | 'length' | 'cancelled'): void {
    const now = clock.monotonic();
    const first = item.firstTokenAt ?? now;
    const prefillMs = item.startedAt === undefined ? 0 : first - item.startedAt;
    const decodeMs = (item.lastTokenAt ?? first) - first;
    emit({ type: 'ended', id: item.id, reason, usage: { cachedTokens: item.cachedTokens, prefillMs, decodeMs } });
    free(item);
  }

  /** At its first step a request takes over what is cached by then, which may be more than when it was admitted. */
  function begin(item: Sequence): void {
    item.startedAt = clock.monotonic();
    item.computed = placement.adopt(item.place, item.tokens.subarray(0, item.promptTokens));
    item.cachedTokens = item.computed;
    count('reusedTokens', item.computed);
    reportPrefix(item);
  }

  /** Keeps the named prefix for others as soon as its cells are there, and says so. */
  function reportPrefix(item: Sequence): void {
    if (item.prefixReported || (item.computed < item.prefixTokens && item.place.prefix === undefined)) return;
    item.prefixReported = true;
    if (placement.keep(item.place, item.tokens, item.prefixTokens)) emit({ type: 'prefix-ready', id: item.id, tokens: item.prefixTokens });
  }

  const view = (item: Sequence) => ({
    sequence: item.place.sequence,
    class: item.class,
    arrival: item.arrival,
    computed: item.computed,
    wanted: item.wanted,
    decoding: item.wanted > item.promptTokens,
  });

  function planWithin(items: readonly Sequence[]): Chunk[] {
    const views = items.map(view);
    const interactive = items.some((item) => item.class === 'interactive');
    const decodes = views.filter((item) => item.decoding).length;
    const promptTokens = budget.promptTokens(decodes, interactive ? stepLimit.interactive : stepLimit.batch);
    return plan(views, { batchTokens, promptTokens });
  }

  return {
    loaded: {
      sequences: settings.sequences,
      kvTokens,
      sequenceTokens: unified ? kvTokens : Math.floor(kvTokens / settings.sequences),
      trainingContextTokens: library.modelTrainingContext(model),
      width: library.modelEmbeddingWidth(model),
    },
    admit(command) {
      if (waiting.length >= maxWaiting)
        throw new MillraceError('E_OVERLOADED', `The engine holds ${maxWaiting} requests that wait for a sequence.`);
      waiting.push({ command, arrival: arrivals++ });
      startWaiting();
    },
    cancel(id) {
      const queued = waiting.findIndex(({ command }) => command.id === id);
      if (queued !== -1) {
        waiting.splice(queued, 1);
        emit({ type: 'ended', id, reason: 'cancelled', usage: { cachedTokens: 0, prefillMs: 0, decodeMs: 0 } });
        return true;
      }
      const item = [...active.values()].find((candidate) => candidate.id === id);
      if (item !== undefined) end(item, 'cancelled');
      return item !== undefined;
    },
    claim: () => [...active.values()].sort(byClaim)[0]?.class,
    plan() {
      for (;;) {
        const chunks = planWithin([...active.values()]);
        const fresh = chunks.map((chunk) => active.get(chunk.sequence)!).filter((item) => item.startedAt === undefined);
        if (fresh.length === 0) return chunks;
        // What they take over from the cache makes room for others in the same step.
        for (const item of fresh) begin(item);
      }
    },
    decode(chunks) {
      batch.clear();
      let decodes = 0;
      for (const { sequence, start: from, count: tokens, output } of chunks) {
        const item = active.get(sequence)!;
        if (item.wanted > item.promptTokens) decodes += 1;
        for (let at = from; at < from + tokens; at++) batch.add(item.tokens[at]!, at, sequence, output && at === from + tokens - 1);
      }
      const startedAt = clock.monotonic();
      threads.run(batch.size <= smallStepTokens, () => {
        const status = library.decode(context, batch.value());
        if (status !== 0)
          throw new MillraceError('E_ENGINE_FAILED', `The inference library refused a step of ${batch.size} tokens (status ${status}).`);
        library.synchronise(context);
      });
      for (const chunk of chunks) active.get(chunk.sequence)!.computed = chunk.start + chunk.count;
      budget.observe({ decodes, prompts: batch.size - decodes, elapsedMs: clock.monotonic() - startedAt });
      count('decodeTokens', decodes);
      count('prefillTokens', batch.size - decodes);
      count('sequenceSteps', chunks.length);
    },
    sample(chunks) {
      const samples: Sample[] = [];
      let index = -1;
      for (const chunk of chunks) {
        index += chunk.count;
        if (!chunk.output) continue;
        const item = active.get(chunk.sequence)!;
        try {
          samples.push({ item, token: item.sampler.sample(context, index) });
        } catch (error) {
          samples.push({ item, token: toMillraceError(error, 'E_ENGINE_FAILED') });
        }
      }
      return samples;
    },
    settle(samples) {
      const now = clock.monotonic();
      for (const item of active.values()) reportPrefix(item);
      for (const { item, token } of samples) {
        item.firstTokenAt ??= now;
        if (typeof token !== 'number') {
          emit({ type: 'failed', id: item.id, error: token.toJSON() });
          free(item);
        } else if (library.vocabularyIsEnd(vocab, token)) {
          end(item, 'end');
        } else {
          item.tokens[item.wanted++] = token;
          item.lastTokenAt = now;
          emit({ type: 'token', id: item.id, token });
          if (item.wanted === item.tokens.length) end(item, 'length');
        }
      }
    },
    fail(error) {
      for (const { command } of waiting.splice(0)) emit({ type: 'failed', id: command.id, error: error.toJSON() });
      for (const item of active.values()) {
        emit({ type: 'failed', id: item.id, error: error.toJSON() });
        free(item);
      }
      placement.evictIdle();
    },
    get activeSequences() {
      return active.size;
    },
    get usedKvTokens() {
      let own = 0;
      for (const item of active.values()) own += Math.max(0, item.computed - (item.place.prefix?.length ?? 0));
      return own + placement.cachedTokens;
    },
    close() {
      for (const item of active.values()) item.sampler.free();
      samplers.free();
      batch.free();
      library.contextFree(context);
    },
  };
}

function openContext(
  library: LlamaLibrary,
  model: Pointer,
  settings: GeneratorSettings,
): { context: Pointer; memory: Pointer; kvTokens: number } {
  if (library.modelHasEncoder(model) || !library.modelHasDecoder(model) || library.modelIsDiffusion(model)) {
    throw new MillraceError('E_MODEL_UNSUITABLE', 'The model does not generate text token by token.');
  }
  const context = library.contextCreate(model, {
    ...library.contextDefaults(),
    n_ctx: settings.kvTokens,
    n_batch: batchTokens,
    n_ubatch: batchTokens,
    n_seq_max: settings.sequences,
    n_threads: settings.threads,
    n_threads_batch: settings.threads,
    type_k: kvTypes[settings.kvType],
    type_v: kvTypes[settings.kvType],
    kv_unified: settings.kvMode === 'unified',
  });
  if (context === null) {
    throw new MillraceError(
      'E_ENGINE_FAILED',
      `No context of ${settings.kvTokens} tokens could be made for the model; there may be too little memory.`,
    );
  }
  const memory = library.contextMemory(context);
  if (memory === null) {
    library.contextFree(context);
    throw new MillraceError('E_MODEL_UNSUITABLE', 'The model keeps no context and cannot generate text.');
  }
  return { context, memory, kvTokens: library.contextTokens(context) };
}

/** The first steps page in the weights and start threads; the last one tells the prompt tokens per ms of this machine. */
function warmUp(library: LlamaLibrary, context: Pointer, batch: Batch, clock: Clock): number {
  let rate = 0;
  for (let round = 0; round < 2; round++) {
    batch.clear();
    for (let index = 0; index < warmUpTokens; index++) batch.add(index, round * warmUpTokens + index, 0, index === warmUpTokens - 1);
    const startedAt = clock.monotonic();
    if (library.decode(context, batch.value()) !== 0)
      throw new MillraceError('E_ENGINE_FAILED', 'The inference library refused the first step of the model.');
    library.synchronise(context);
    const elapsedMs = clock.monotonic() - startedAt;
    rate = warmUpTokens / Math.max(elapsedMs, 0.01);
    if (elapsedMs > maxStepMs.interactive) break;
  }
  return rate;
}
