import { MillraceError, toMillraceError } from '../../../errors.ts';
import type { WorkClass } from '../../../spec/engine.ts';
import type { Clock } from '../../../util/clock.ts';
import { createBatch } from './batch.ts';
import type { ContextThreads } from './compute-threads.ts';
import type { LlamaLibrary } from './library.ts';
import type { Pointer } from './layout.ts';
import { createKeptPrefixes } from './kept-prefixes.ts';
import type { FigureName, GenerateCommand, GeneratorSettings, LoadedContext, PrefixEvent, WorkerEvent } from './messages.ts';
import { nativeMemory } from './native-memory.ts';
import { batchTokens, openContext, warmUp } from './open-context.ts';
import type { PrefixCells } from './prefix-cache.ts';
import { byClaim, isShortStep, plan, takePart, type Chunk } from './plan.ts';
import { createSamplerFactory, type Sampler } from './sampler.ts';
import { begunOf, createSequence, noUsage, readsOnly, type Sequence, viewOf } from './sequence.ts';
import { createSequenceState } from './sequence-state.ts';
import { createSplitPlacement } from './split-placement.ts';
import { createStepBudget, type StepTime } from './step-budget.ts';
import { createUnifiedPlacement } from './unified-placement.ts';

/** Time of long steps, and of short ones (`isShortStep`). */
const stepTimes: Readonly<Record<'processor' | 'gpu', { readonly long: StepTime; readonly short: StepTime }>> = {
  processor: { long: { mostMs: 400 }, short: { mostMs: 120, stretchedMs: 240 } },
  gpu: { long: { mostMs: 50 }, short: { mostMs: 50 } },
};
/** Cells that idle prefixes of a unified cache may fill: 512 make a step of 8 sequences about 5 % slower (measured on a CPU). */
const idlePrefixTokens = 512;
/** Steps of no more tokens may try whether more cores are free. */
const smallStepTokens = 32;
/** Requests that may wait for a sequence; the scheduler admits none that would. */
const maxWaiting = 1024;

/** What a step sampled, or why it could not. */
interface Sample {
  readonly item: Sequence;
  /** Its position in the batch. */
  readonly index: number;
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
  /** Empty when all that was left to do was to keep a prefix. */
  plan(): Chunk[];
  decode(chunks: readonly Chunk[]): void;
  sample(chunks: readonly Chunk[]): readonly Sample[];
  settle(samples: readonly Sample[]): void;
  /** The stored beginning that a request waits for; undefined when it is gone. */
  prefixLoaded(id: number, cells: PrefixCells | undefined): void;
  prefixReturned(key: string): void;
  forgetPrefixes(owners: readonly string[]): void;
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
  readonly handle: number;
  readonly clock: Clock;
  readonly threadsOf: (context: Pointer, most: number) => ContextThreads;
  readonly emit: (event: WorkerEvent) => void;
  /** Passes a message on at once. */
  readonly post: (event: PrefixEvent) => void;
  readonly count: (figure: FigureName, amount: number) => void;
}

/**
 * @throws MillraceError E_MODEL_UNSUITABLE when the model has no decoder with a cache, E_ENGINE_FAILED when the context cannot be made
 */
export function createGeneratorContext({
  library,
  model,
  settings,
  handle,
  clock,
  threadsOf,
  emit,
  post,
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
  const warm = warmUp(library, context, batch, clock);
  const budget = createStepBudget({ batchTokens, tokensPerMs: warm.tokensPerMs });
  // A window forgets what lies behind it, and a state that is no list of cells cannot be cut: neither comes back as a prefix.
  const keeps = settings.prefixMemoryBytes !== undefined && shares && library.modelWindow(model) === 0;
  const state = createSequenceState({ library, context, streams: unified ? 1 : settings.sequences, memory: nativeMemory });
  const layout = keeps ? state.probe(warm.tokens) : undefined;
  const prefixes =
    layout === undefined
      ? undefined
      : createKeptPrefixes({ handle, limitBytes: settings.prefixMemoryBytes ?? 0, state, memory: nativeMemory, clock, post });
  library.memoryClear(memory, true);
  const stepTime = stepTimes[library.supportsGpu() ? 'gpu' : 'processor'];
  let [arrivals, steps, forgottenBefore] = [0, 0, 0];

  function start(command: GenerateCommand, arrival: number): boolean {
    const promptTokens = command.tokens.length;
    const prefixTokens = Math.min(command.prefixTokens, promptTokens);
    const place = placement.place(command.tokens, command.maxTokens, prefixTokens);
    if (place === undefined) return false;
    let sampler: Sampler;
    try {
      sampler = samplers.create({ ...command, prompt: command.tokens });
    } catch (error) {
      placement.leave(place);
      throw error;
    }
    const item = createSequence({ command, place, arrival, sampler, stored: prefixes === undefined ? undefined : command.stored });
    active.set(place.sequence, item);
    const { stored } = item;
    if (stored !== undefined && stored.tokens > placement.cachedOf(place, begunOf(item))) {
      item.waiting = prefixes!.mustWait(item.id, stored);
      if (item.waiting) item.loadMs = -clock.monotonic();
    }
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
    if (item.arrival < forgottenBefore) placement.evictIdle();
    startWaiting();
  }

  function end(item: Sequence, reason: 'end' | 'length' | 'cancelled'): void {
    const now = clock.monotonic();
    const first = item.firstTokenAt ?? now;
    const prefillMs = item.startedAt === undefined ? 0 : first - item.startedAt;
    const decodeMs = (item.lastTokenAt ?? first) - first;
    // What was computed of a named prefix stays, so that whoever begins with it again goes on from there.
    if (!item.prefixReported && item.computed > 0) placement.keep(item.place, item.tokens, Math.min(item.computed, item.prefixTokens));
    const { cachedTokens, restored, loadMs } = item;
    const usage = {
      cachedTokens,
      restoredTokens: restored.tokens,
      restoreMs: restored.restoreMs + loadMs,
      prefillMs,
      decodeMs,
      ...item.sampler.likelihood(),
    };
    tell(item);
    emit({ type: 'ended', id: item.id, reason, usage });
    free(item);
  }

  function tell(item: Sequence): void {
    if (item.told < item.wanted) emit({ type: 'tokens', id: item.id, tokens: item.tokens.slice(item.told, item.wanted) });
    item.told = item.wanted;
  }

  /** At its first step a request takes over what is cached by then, which may be more than when it was admitted. */
  function begin(item: Sequence): void {
    item.startedAt = clock.monotonic();
    const beginning = prefixes?.beginning(item.stored, (restored) => {
      if (restored === undefined) item.stored = undefined;
      else item.restored = restored;
    });
    item.computed = placement.adopt(item.place, begunOf(item), beginning);
    prefixes?.trim();
    item.cachedTokens = item.computed;
    count('reusedTokens', item.computed);
    count('restoredTokens', item.restored.tokens);
    if (item.prefixTokens > 0 && !readsOnly(item)) count(item.computed < item.prefixTokens ? 'prefixMisses' : 'prefixHits', 1);
    reportPrefix(item);
    endReading(item);
  }

  /** Its sequence holds exactly the prefix that is to be kept. */
  function isDue(item: Sequence): boolean {
    const { keep, stored } = item;
    if (keep === undefined || keep.key === stored?.key || item.computed !== item.prefixTokens) return false;
    return prefixes?.lacks(keep.key) === true;
  }

  /** At most one copy a step. */
  function keepOne(): boolean {
    const due = [...active.values()].find(isDue);
    if (due === undefined) return false;
    prefixes!.save(due.keep!, due.place.sequence, due.prefixTokens);
    due.keep = undefined;
    endReading(due);
    return true;
  }

  /** A request that only reads ends with its prefix. */
  function endReading(item: Sequence): void {
    if (readsOnly(item) && item.startedAt !== undefined && item.computed >= item.prefixTokens && !isDue(item)) end(item, 'length');
  }

  /** Keeps the named prefix for others as soon as its cells are there, and says so. */
  function reportPrefix(item: Sequence): void {
    if (item.prefixReported || (item.computed < item.prefixTokens && item.place.prefix === undefined)) return;
    item.prefixReported = true;
    if (placement.keep(item.place, item.tokens, item.prefixTokens)) emit({ type: 'prefix-ready', id: item.id, tokens: item.prefixTokens });
  }

  const byId = (id: number): Sequence | undefined => [...active.values()].find((item) => item.id === id);

  function planWithin(items: readonly Sequence[]): Chunk[] {
    const all = items.map(viewOf);
    const views = takePart(all, steps);
    const decodes = views.filter((item) => item.decoding).length;
    const promptTokens = budget.promptTokens(decodes, isShortStep(all, views) ? stepTime.short : stepTime.long);
    return plan(views, { batchTokens, promptTokens, step: steps });
  }

  return {
    loaded: {
      sequences: settings.sequences,
      kvTokens,
      sequenceTokens: unified ? kvTokens : Math.floor(kvTokens / settings.sequences),
      sharesPrefixes: shares,
      trainingContextTokens: library.modelTrainingContext(model),
      width: library.modelEmbeddingWidth(model),
      cells: layout,
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
        emit({ type: 'ended', id, reason: 'cancelled', usage: noUsage });
        return true;
      }
      const item = byId(id);
      if (item !== undefined) end(item, 'cancelled');
      return item !== undefined;
    },
    claim: () => [...active.values()].filter((item) => !item.waiting).sort(byClaim)[0]?.class,
    plan() {
      for (;;) {
        const ready = [...active.values()].filter((item) => !item.waiting && !isDue(item));
        if (ready.length === 0 && keepOne()) continue;
        const chunks = planWithin(ready);
        const fresh = chunks.map((chunk) => active.get(chunk.sequence)!).filter((item) => item.startedAt === undefined);
        if (fresh.length === 0) return chunks;
        // What they take over from the cache makes room for others in the same step.
        for (const item of fresh) begin(item);
      }
    },
    decode(chunks) {
      batch.clear();
      steps += 1;
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
          samples.push({ item, index, token: item.sampler.sample(context, index) });
        } catch (error) {
          samples.push({ item, index, token: toMillraceError(error, 'E_ENGINE_FAILED') });
        }
      }
      return samples;
    },
    settle(samples) {
      for (const { item, index, token } of samples) if (typeof token === 'number') item.sampler.judge(context, index, token);
      const now = clock.monotonic();
      for (const item of active.values()) {
        reportPrefix(item);
        endReading(item);
      }
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
          if (item.wanted === item.tokens.length) end(item, 'length');
          else if (item.wanted - item.told >= item.tellAfter) tell(item);
        }
      }
      keepOne();
    },
    prefixLoaded(id, cells) {
      prefixes?.loaded(cells);
      const item = byId(id);
      if (item === undefined) return prefixes?.trim();
      item.waiting = false;
      item.loadMs += clock.monotonic();
      item.stored = cells;
    },
    prefixReturned: (key) => prefixes?.returned(key),
    forgetPrefixes(owners) {
      prefixes?.forget(owners);
      // Whose text is in the KV cache is not known: all goes that nobody uses, and the rest when its requests end.
      forgottenBefore = arrivals;
      placement.evictIdle();
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
      prefixes?.close();
      samplers.free();
      batch.free();
      library.contextFree(context);
    },
  };
}
