import { open } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { MillraceError, toMillraceError } from '../../../errors.ts';
import type { EngineStatistics } from '../../../spec/engine.ts';
import type { FoundPrefix, PrefixCounts } from '../../../spec/prefixes.ts';
import type { Clock } from '../../../util/clock.ts';
import { entryUrl } from '../../../util/entry.ts';
import type { EngineCommand, EngineMessage, EngineReply, EngineRequest, LoadedModel, LoadRequest } from '../protocol.ts';
import { findLibraryDirectory, loadBackends, openLibrary } from './library.ts';
import {
  type FigureName,
  figureNames,
  plainFigures,
  stepBoundsMs,
  stepFigures,
  type StepKind,
  type LoadedContext,
  type PrefixEvent,
  type StepMessage,
  type WorkerCommand,
  type WorkerData,
  type WorkerEvent,
} from './messages.ts';
import { createGeneration, type Generation } from './generation.ts';
import { openPrefixStore } from './open-prefix-store.ts';
import type { PrefixStore } from './prefix-store.ts';
import { mostUnifiedSequences } from './unified-placement.ts';
import { openVocabulary, type Vocabulary } from './vocabulary.ts';

export interface EngineServer {
  receive(command: EngineCommand): void;
}

interface Model {
  readonly vocabulary: Vocabulary;
  readonly loaded: LoadedModel;
  readonly prefixes: PrefixStore | undefined;
}

/** A request that the compute thread works on: what to make of its events. */
type Pending =
  | { readonly type: 'generate'; readonly generation: Generation; readonly reads: PrefixStore | undefined }
  | { readonly type: 'encode' }
  | { readonly type: 'call'; readonly settle: (value: LoadedContext | undefined) => void; readonly reject: (error: MillraceError) => void };

/** Tokenising stops for other messages after this long. */
const turnMs = 20;
const readBytes = 8 * 1024 * 1024;
const progressMs = 100;
/** llama.cpp rounds the cells of a sequence to multiples of this. */
const kvUnit = 256;
/** Share of the free memory that a KV cache of default size may take. */
const kvMemoryShare = 0.5;

/**
 * The child's main thread: texts to tokens and back, requests to the compute thread and its events out. It never computes.
 *
 * @param options.send passes a message to the parent, resolves when it is written
 */
export function createEngineServer(options: {
  readonly send: (message: EngineMessage) => Promise<void>;
  readonly clock: Clock;
  readonly exit: (code: number) => void;
}): EngineServer {
  const { clock, send } = options;
  const directory = findLibraryDirectory();
  loadBackends(directory);
  const library = openLibrary(directory);
  library.backendInit();
  const shared: WorkerData = {
    libraryDirectory: directory,
    figures: new SharedArrayBuffer(8 * figureNames.length),
    acknowledged: new SharedArrayBuffer(4),
  };
  const figures = new Float64Array(shared.figures);
  const acknowledged = new Int32Array(shared.acknowledged);
  const worker = new Worker(entryUrl('llama-worker'), {
    workerData: shared,
  });
  const models = new Map<number, Model>();
  const pending = new Map<number, Pending>();
  /** Requests that are being tokenised; true once cancelled. */
  const preparing = new Map<number, boolean>();
  const command = (message: WorkerCommand): void => worker.postMessage(message);

  worker.on('error', (error: Error) => {
    process.stderr.write(`The compute thread failed: ${error.stack ?? error.message}\n`);
    options.exit(70);
  });
  worker.on('message', (message: StepMessage | PrefixEvent) => {
    if (message.type !== 'step') return models.get(message.handle)?.prefixes?.onEvent(message);
    const replies: EngineReply[] = [];
    for (const event of message.events) digest(event, replies);
    const done = (): void => void Atomics.add(acknowledged, 0, 1);
    if (replies.length === 0) done();
    else void send(replies).then(done);
  });

  const valueOf = (name: FigureName): number => figures[figureNames.indexOf(name)]!;

  function digest(event: WorkerEvent, replies: EngineReply[]): void {
    const waiter = pending.get(event.id);
    if (waiter === undefined) return;
    if (event.type === 'failed') {
      pending.delete(event.id);
      if (waiter.type === 'call') waiter.reject(MillraceError.fromJSON(event.error));
      else replies.push({ type: 'error', id: event.id, error: event.error });
    } else if (event.type === 'done') {
      pending.delete(event.id);
      if (waiter.type === 'call') waiter.settle(event.value);
    } else if (event.type === 'encoded') {
      pending.delete(event.id);
      replies.push({ type: 'result', id: event.id, value: event.values });
    } else if (waiter.type === 'generate' && waiter.reads !== undefined && event.type === 'ended') {
      pending.delete(event.id);
      const held: EngineReply[] = [];
      waiter.generation.digest(event, held);
      // Who asked for reading is told when it is on disk.
      void waiter.reads.written().then(() => send(held));
    } else if (waiter.type === 'generate') {
      const { stop, ended } = waiter.generation.digest(event, replies);
      if (ended) pending.delete(event.id);
      else if (stop) command({ type: 'cancel', id: event.id });
    } else if (event.type === 'ended') {
      pending.delete(event.id);
      replies.push({ type: 'error', id: event.id, error: new MillraceError('E_CANCELLED', 'The work was cancelled.').toJSON() });
    }
  }

  function call(id: number, message: WorkerCommand): Promise<LoadedContext | undefined> {
    return new Promise((settle, reject) => {
      pending.set(id, { type: 'call', settle, reject });
      command(message);
    });
  }

  function modelOf(handle: number): Model {
    const model = models.get(handle);
    if (model === undefined) throw new MillraceError('E_INTERNAL', 'The model of a request is not loaded in the engine.');
    return model;
  }

  /** Reads the file once from end to end: the bytes are in the page cache when the library maps them, and progress can be told. */
  async function readThrough(request: LoadRequest): Promise<void> {
    const file = await open(request.path, 'r');
    try {
      const totalBytes = (await file.stat()).size;
      const buffer = new Uint8Array(readBytes);
      let reportedAt = -Infinity;
      for (let doneBytes = 0; ;) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, doneBytes);
        doneBytes += bytesRead;
        if (bytesRead === 0 || clock.monotonic() - reportedAt > progressMs) {
          reportedAt = clock.monotonic();
          await send([{ type: 'progress', id: request.id, doneBytes, totalBytes }]);
        }
        if (bytesRead === 0) return;
      }
    } finally {
      await file.close();
    }
  }

  async function load(request: LoadRequest): Promise<LoadedModel> {
    await readThrough(request);
    const vocabulary = openVocabulary(library, request.path);
    try {
      const { context, loaded } = await loadContext(request, vocabulary);
      const { handle, settings } = request;
      const prefixes = openPrefixStore({ handle, settings, context, vocabulary, libraryVersion: library.version, clock, command });
      models.set(handle, { vocabulary, loaded, prefixes });
      return { ...loaded, prefixes: prefixes?.limits };
    } catch (error) {
      vocabulary.close();
      throw error;
    }
  }

  async function loadContext(
    request: LoadRequest,
    vocabulary: Vocabulary,
  ): Promise<{ readonly context: LoadedContext; readonly loaded: LoadedModel }> {
    if (request.settings.task === 'reranker' && !vocabulary.ranks) {
      throw new MillraceError('E_MODEL_UNSUITABLE', `${request.path} was not made to score passages.`);
    }
    const context = await call(request.id, loadCommand(request, vocabulary));
    if (context === undefined) throw new MillraceError('E_INTERNAL', 'Loading a model returned no context.');
    const { settings } = request;
    const limit =
      settings.task === 'generator' ? Math.min(settings.maxSequenceTokens ?? Infinity, context.sequenceTokens) : settings.maxInputTokens;
    const loaded = {
      sequences: context.sequences,
      kvTokens: context.kvTokens,
      maxSequenceTokens: Math.min(limit, context.trainingContextTokens),
      sharesPrefixes: context.sharesPrefixes,
      dimensions: context.width,
      prefixes: undefined,
    };
    return { context, loaded };
  }

  /** Calls `each` for every text and lets other messages through now and then. */
  async function inTurns(texts: readonly string[], each: (text: string, index: number) => void): Promise<void> {
    let startedAt = clock.monotonic();
    for (const [index, text] of texts.entries()) {
      each(text, index);
      if (clock.monotonic() - startedAt < turnMs) continue;
      await new Promise((resume) => setImmediate(resume));
      startedAt = clock.monotonic();
    }
  }

  async function encode(request: Extract<EngineRequest, { type: 'embed' | 'score' }>): Promise<void> {
    const { vocabulary, loaded } = modelOf(request.handle);
    const inputs: Int32Array[] = [];
    await inTurns(request.type === 'embed' ? request.texts : request.passages, (text, index) => {
      const tokens = request.type === 'embed' ? vocabulary.inputTokens(request.prefix + text) : vocabulary.pairTokens(request.query, text);
      if (tokens.length === 0) throw new MillraceError('E_INPUT_INVALID', `Text ${index} of the call holds no token.`);
      if (tokens.length > loaded.maxSequenceTokens) {
        throw new MillraceError(
          'E_CONTEXT_EXCEEDED',
          `Text ${index} of the call has ${tokens.length} tokens; the model reads ${loaded.maxSequenceTokens}.`,
        );
      }
      inputs.push(tokens);
    });
    const lengths = Int32Array.from(inputs, (tokens) => tokens.length);
    const tokens = new Int32Array(lengths.reduce((sum, length) => sum + length, 0));
    let at = 0;
    for (const input of inputs) {
      tokens.set(input, at);
      at += input.length;
    }
    throwIfCancelled(request.id);
    pending.set(request.id, { type: 'encode' });
    command({ type: 'encode', id: request.id, handle: request.handle, tokens, lengths, class: request.class });
  }

  async function generate(message: Extract<EngineRequest, { type: 'generate' }>): Promise<void> {
    const { vocabulary, loaded, prefixes } = modelOf(message.handle);
    const { generation, work } = createGeneration({ message, vocabulary, maxSequenceTokens: loaded.maxSequenceTokens });
    const { maxTokens, prefixOwners = [] } = message.request;
    const found = (await prefixes?.lookUp(work.tokens, work.prefixTokens, prefixOwners)) ?? { stored: undefined, keep: undefined };
    throwIfCancelled(message.id);
    pending.set(message.id, { type: 'generate', generation, reads: maxTokens === 0 ? prefixes : undefined });
    command({ ...work, ...found });
  }

  async function findPrefixes({ handle, prefixes }: Extract<EngineRequest, { type: 'find-prefixes' }>): Promise<FoundPrefix[]> {
    const { vocabulary, prefixes: store } = modelOf(handle);
    const found: FoundPrefix[] = [];
    for (const { prompt, prefixParts } of prefixes) {
      const { tokens: whole, partEnds } = vocabulary.promptTokens(prompt);
      const tokens = partEnds[prefixParts - 1] ?? 0;
      const bytes = Math.ceil(tokens * (store?.bytesPerToken ?? 0));
      const kept = (await store?.has(whole, tokens)) ?? { inMemory: false, onDisk: false };
      found.push({ promptTokens: whole.length, tokens, ...kept, bytes });
    }
    return found;
  }

  async function countPrefixes(handle: number): Promise<PrefixCounts> {
    const { prefixes } = modelOf(handle);
    return {
      ...(prefixes?.figures() ?? { memoryEntries: 0, memoryBytes: 0, damaged: 0, problem: null }),
      diskBytes: (await prefixes?.diskBytes()) ?? 0,
      hits: valueOf('prefixHits'),
      misses: valueOf('prefixMisses'),
      restoredTokens: valueOf('restoredTokens'),
      computedTokens: valueOf('prefillTokens'),
    };
  }

  function throwIfCancelled(id: number): void {
    if (preparing.get(id) === true) throw new MillraceError('E_CANCELLED', 'The work was cancelled.');
  }

  /** The result to send, or undefined when the compute thread's events will settle the request. */
  async function execute(request: EngineRequest): Promise<{ value: unknown } | undefined> {
    switch (request.type) {
      case 'load':
        return { value: await load(request) };
      case 'count-tokens': {
        const counts = new Uint32Array(request.texts.length);
        const { vocabulary } = modelOf(request.handle);
        await inTurns(request.texts, (text, index) => (counts[index] = vocabulary.tokens(text).length));
        return { value: counts };
      }
      case 'tokenize-prompt':
        return { value: modelOf(request.handle).vocabulary.promptTokens(request.prompt) };
      case 'generate':
        await generate(request);
        return undefined;
      case 'find-prefixes':
        return { value: await findPrefixes(request) };
      case 'prefix-owners':
        return { value: modelOf(request.handle).prefixes?.owners() ?? [] };
      case 'count-prefixes':
        return { value: await countPrefixes(request.handle) };
      case 'forget-prefixes':
        modelOf(request.handle).prefixes?.forget(request.owners);
        return { value: undefined };
      case 'embed':
      case 'score':
        await encode(request);
        return undefined;
      case 'quantise':
        await call(request.id, request);
        return { value: undefined };
      case 'statistics':
        return { value: statistics() };
    }
  }

  function statistics(): Omit<EngineStatistics, 'restarts'> {
    const stepTimes = (kind: StepKind): number[] => stepFigures(kind).map(valueOf);
    return {
      ...(Object.fromEntries(plainFigures.map((name) => [name, valueOf(name)])) as Record<(typeof plainFigures)[number], number>),
      stepTimes: { boundsMs: stepBoundsMs, decode: stepTimes('decode'), encode: stepTimes('encode') },
      residentBytes: process.memoryUsage.rss(),
    };
  }

  async function answer(request: EngineRequest): Promise<void> {
    preparing.set(request.id, false);
    try {
      const result = await execute(request);
      if (result !== undefined) await send([{ type: 'result', id: request.id, value: result.value }]);
    } catch (error) {
      await send([{ type: 'error', id: request.id, error: toMillraceError(error, 'E_ENGINE_FAILED').toJSON() }]);
    } finally {
      preparing.delete(request.id);
    }
  }

  void send([{ type: 'ready' }]);
  return {
    receive(message) {
      if (message.type === 'shutdown') options.exit(0);
      else if (message.type === 'cancel') {
        const waiter = pending.get(message.id);
        if (waiter?.type === 'generate') waiter.generation.cancel();
        if (waiter !== undefined) command({ type: 'cancel', id: message.id });
        else if (preparing.has(message.id)) preparing.set(message.id, true);
      } else void answer(message);
    },
  };
}

/** 2,048 cells a sequence, less when that would take more than half of the free memory. */
function defaultKvTokens(vocabulary: Vocabulary, sequences: number, kvType: 'f16' | 'q8_0'): number {
  const bytesPerToken = vocabulary.kvBytesPerToken * (kvType === 'q8_0' ? 0.53 : 1);
  const affordable = Math.floor((process.availableMemory() * kvMemoryShare) / Math.max(1, bytesPerToken));
  return Math.max(512, Math.min(sequences * 2048, affordable));
}

function loadCommand({ id, handle, settings, threads, path }: LoadRequest, vocabulary: Vocabulary): WorkerCommand {
  if (settings.task === 'generator') {
    const { sequences, kvType } = settings;
    const wanted = settings.kvTokens ?? defaultKvTokens(vocabulary, sequences, kvType);
    const kvMode =
      settings.kvMode ??
      (settings.maxSequenceTokens !== undefined && settings.maxSequenceTokens * sequences > wanted ? 'unified' : 'split');
    if (kvMode === 'unified' && sequences > mostUnifiedSequences) {
      throw new MillraceError(
        'E_INPUT_INVALID',
        `${sequences} sequences are more than share their cells: at most ${mostUnifiedSequences}.`,
        {
          remedy: 'Ask for fewer sequences, or for "split" as the mode of the cells (--kv-mode).',
        },
      );
    }
    const unit = kvMode === 'unified' ? kvUnit : kvUnit * sequences;
    const kvTokens = unit * Math.ceil(wanted / unit);
    return {
      type: 'load-generator',
      id,
      handle,
      settings: { path, threads, sequences, kvTokens, kvType, kvMode, prefixMemoryBytes: settings.prefixes?.memoryBytes },
    };
  }
  const pooling = settings.task === 'reranker' ? 'rank' : settings.pooling;
  const batchTokens = Math.max(settings.batchTokens, settings.maxInputTokens);
  return { type: 'load-encoder', id, handle, settings: { path, threads, pooling, batchTokens } };
}
