import { randomUUID } from 'node:crypto';
import { open, rename, rm, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { MillraceError, isMillraceError, toMillraceError } from '../../errors.ts';
import type { EngineStatistics, LoadOptions, LocalDevice } from '../../spec/engine.ts';
import type { WeightType } from '../../spec/model.ts';
import type { Clock } from '../../util/clock.ts';
import { createDeferred } from '../../util/deferred.ts';
import { createEmbedder } from './embedder.ts';
import { startEngineProcess, type EngineLink, type EngineProcess } from './engine-process.ts';
import { createGenerator } from './generator.ts';
import type { EngineTask, LoadedModel, LoadRequest } from './protocol.ts';
import { createReranker } from './reranker.ts';

export interface LlamaDeviceOptions {
  readonly clock: Clock;
  /** Compute threads. Default: the cores available to this process. More than free cores is slower: ggml's threads spin. */
  readonly threads?: number;
  /** Gets the native log as it comes. */
  readonly logSink?: (text: string) => void;
}

const backoff = { firstMs: 100, maxMs: 5000, attempts: 5 };
/** llama_ftype. */
const fileTypes: Record<WeightType, number> = { F32: 0, F16: 1, Q4_0: 2, Q8_0: 7, Q4_K_M: 15 };

/**
 * A device: one engine child and the models loaded into it. The child starts with the first model. When it dies, every request in
 * flight fails with `E_ENGINE_CRASHED`, a new child is started after a pause and loads the same models, and later requests wait for it.
 */
export function createLlamaDevice(options: LlamaDeviceOptions): LocalDevice {
  const { clock } = options;
  const threads = options.threads ?? availableParallelism();
  const models = new Map<number, Omit<LoadRequest, 'id'>>();
  let running: Promise<EngineProcess> | undefined;
  let current: EngineProcess | undefined;
  /** The current one, once it serves and as long as it lives. */
  let serving: EngineProcess | undefined;
  let closed = false;
  let restarts = 0;
  let nextHandle = 1;
  const closing = new AbortController();

  function start(): EngineProcess {
    const engine = startEngineProcess({ clock, ...(options.logSink === undefined ? {} : { logSink: options.logSink }) });
    current = engine;
    return engine;
  }

  /** Starts a child and loads every model; tries again after growing pauses. */
  async function restart(): Promise<EngineProcess> {
    for (let attempt = 1; ; attempt++) {
      await clock.sleep(Math.min(backoff.maxMs, backoff.firstMs * 2 ** (attempt - 1)), closing.signal);
      restarts += 1;
      const engine = start();
      try {
        await engine.ready;
        for (const model of models.values()) await engine.call(model);
        watch(engine);
        serving = engine;
        return engine;
      } catch (error) {
        await engine.close();
        if (attempt >= backoff.attempts || closed) throw error;
      }
    }
  }

  function watch(engine: EngineProcess): void {
    void engine.exited.then(() => {
      if (serving === engine) serving = undefined;
      if (closed || current !== engine) return;
      running = undefined;
      // Without a model there is nobody to serve: the next one starts a child.
      if (models.size > 0) void keep(restart());
    });
  }

  /** What failed is not kept: the next request tries again. */
  function keep(starting: Promise<EngineProcess>): Promise<EngineProcess> {
    running = starting;
    starting.catch(() => {
      if (running === starting) running = undefined;
    });
    return starting;
  }

  async function engine(signal?: AbortSignal): Promise<EngineProcess> {
    if (closed) throw new MillraceError('E_SHUTTING_DOWN', 'The engine was closed.');
    signal?.throwIfAborted();
    const starting = running ?? keep(models.size > 0 ? restart() : first());
    try {
      return await (signal === undefined ? starting : unlessAborted(starting, signal));
    } catch (error) {
      throw closed ? new MillraceError('E_SHUTTING_DOWN', 'The engine was closed.') : error;
    }
  }

  async function first(): Promise<EngineProcess> {
    const engine = start();
    watch(engine);
    await engine.ready;
    serving = engine;
    return engine;
  }

  async function load(request: LoadOptions, settings: EngineTask): Promise<{ loaded: LoadedModel; link: EngineLink }> {
    const startedAt = clock.monotonic();
    await checkFile(request.path);
    const handle = nextHandle++;
    const body = { type: 'load', handle, path: request.path, threads, settings } as const;
    const child = await engine(request.signal);
    let loaded: LoadedModel;
    try {
      loaded = (await child.call(body, request.signal, (reply) => {
        if (reply.type === 'progress')
          request.onEvent?.({ type: 'model-loading', model: request.id, doneBytes: reply.doneBytes, totalBytes: reply.totalBytes });
      })) as LoadedModel;
    } catch (error) {
      if (isMillraceError(error) && error.code === 'E_ENGINE_CRASHED') {
        throw new MillraceError('E_MODEL_INVALID', `The inference process ended while it loaded ${request.path}.`, {
          cause: error,
          details: error.details ?? {},
        });
      }
      throw error;
    }
    models.set(handle, body);
    request.onEvent?.({ type: 'model-loaded', model: request.id, elapsedMs: clock.monotonic() - startedAt });
    return { loaded, link: { engine, running: () => serving, handle } };
  }

  return {
    async loadGenerator(request) {
      const { sequences = 8, kvTokens, maxSequenceTokens, kvType = 'f16', kvMode, prefixes, sha256: weightsSha256 } = request;
      const shape = { sequences, kvTokens, maxSequenceTokens, kvType, kvMode };
      const { loaded, link } = await load(request, { task: 'generator', ...shape, weightsSha256, prefixes });
      return createGenerator({ link, request, loaded, kvType });
    },
    async loadEmbedder(request) {
      const { pooling, maxInputTokens, batchTokens = 256 } = request;
      const { loaded, link } = await load(request, { task: 'embedder', pooling, maxInputTokens, batchTokens });
      return createEmbedder({ link, request, loaded });
    },
    async loadReranker(request) {
      const { loaded, link } = await load(request, { task: 'reranker', maxInputTokens: request.maxInputTokens, batchTokens: 512 });
      return createReranker({ link, request, loaded });
    },
    async quantise({ inputPath, outputPath, type, signal }) {
      await checkFile(inputPath);
      const partial = `${outputPath}.${randomUUID()}.partial`;
      // A process of its own: it runs for minutes, and to stop it is to kill it.
      const child = startEngineProcess({ clock, ...(options.logSink === undefined ? {} : { logSink: options.logSink }) });
      const stop = (): void => child.kill();
      signal?.addEventListener('abort', stop, { once: true });
      try {
        signal?.throwIfAborted();
        await child.ready;
        await child.call({ type: 'quantise', inputPath, outputPath: partial, fileType: fileTypes[type], threads });
        const file = await open(partial, 'r');
        await file.sync();
        await file.close();
        await rename(partial, outputPath);
      } catch (error) {
        await child.close();
        await rm(partial, { force: true });
        if (signal?.aborted === true) throw toMillraceError(signal.reason, 'E_CANCELLED');
        throw error;
      } finally {
        signal?.removeEventListener('abort', stop);
        await child.close();
      }
    },
    async statistics() {
      const figures = (await (await engine()).call({ type: 'statistics' })) as Omit<EngineStatistics, 'restarts'>;
      return { ...figures, restarts };
    },
    async close() {
      if (closed) return current?.exited;
      closed = true;
      closing.abort(new MillraceError('E_SHUTTING_DOWN', 'The engine was closed.'));
      await current?.close();
    },
  };
}

async function checkFile(path: string): Promise<void> {
  try {
    const { size } = await stat(path);
    if (size === 0) throw new MillraceError('E_MODEL_INVALID', `${path} is empty.`);
  } catch (error) {
    if (isMillraceError(error)) throw error;
    throw new MillraceError('E_MODEL_NOT_INSTALLED', `The model file ${path} cannot be read.`, { cause: error });
  }
}

/** Ends waiting at an abort, and listens no longer than it waits: a signal may live for thousands of calls. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = createDeferred<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
