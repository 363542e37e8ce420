import { freemem, totalmem } from 'node:os';
import { join, resolve as resolvePath } from 'node:path';
import { createActivityWatch, readActivity } from './activity.ts';
import { createLlamaDevice } from './engines/llama/device.ts';
import { createPrefixKeeper } from './engines/llama/prefix-keeper.ts';
import { MillraceError, toMillraceError } from './errors.ts';
import { parseLane } from './lanes.ts';
import { createLoadedEngines, type LoadedEngines } from './loaded-engines.ts';
import { createMetrics } from './metrics/metrics.ts';
import { createMill } from './mill.ts';
import { createModels } from './models/models.ts';
import { defaultModelsHome } from './models/models-home.ts';
import { openParser } from './open-parser.ts';
import { readWhenIdle } from './query/read-when-idle.ts';
import { createScheduler } from './scheduler/scheduler.ts';
import { watchIdle } from './scheduler/watch-idle.ts';
import type { CacheOptions } from './spec/caches.ts';
import type { KvMode } from './spec/engine.ts';
import type { Mill } from './spec/mill.ts';
import type { Models } from './spec/model.ts';
import { defaultPrefixLimits, type StoredPrefixes } from './spec/prefixes.ts';
import type { Stages } from './spec/stages.ts';
import type { Store } from './spec/store.ts';
import { createMemoryStore } from './store/memory/memory-store.ts';
import { openStore } from './store/open-store.ts';
import { sweptStore } from './swept-store.ts';
import { systemClock } from './util/clock.ts';
import { readProcessFigures } from './util/process-figures.ts';
import { everyStep } from './util/every-step.ts';
import { createFaultPoints } from './util/fault-points.ts';
import { systemRandom } from './util/random.ts';
import { createTurnMonitor } from './util/turn-monitor.ts';

export interface OpenOptions {
  /** Where the record and its indexes live. Default `.millrace` in the working directory. Created when writing. */
  readonly directory?: string;
  /** `write` (default) takes the directory's one writer lock; `read` works beside any writer and refuses `ingest` and `remove`. */
  readonly mode?: 'write' | 'read';
  /** With `read`, where nothing was ever written: as if an empty record were there, in place of E_STORE_MISSING. Makes nothing. */
  readonly emptyWhereMissing?: boolean;
  /** Generator: catalogue id, path, or `hf:owner/repository/file.gguf`. Default: the best installed one that fits the free memory. */
  readonly generator?: string;
  /** Embedder of collections that have none yet. Default `minilm-l6`. One is loaded for each open directory: another is `E_EMBEDDER_MISMATCH`. */
  readonly embedder?: string;
  /** Folder of the models. Default `MILLRACE_HOME`, else the platform's cache folder. */
  readonly home?: string;
  /** Compute threads. Default: the cores available to the process. */
  readonly threads?: number;
  /** Answers generated at the same time. Default 8. */
  readonly sequences?: number;
  /** KV cells shared by them, in tokens. */
  readonly kvTokens?: number;
  /** `split` (default): each answer has cells of its own. `unified`: all share all, faster when most of each prompt is a shared prefix. */
  readonly kvMode?: KvMode;
  /** Bytes of memory for prefixes of prompts beyond the KV cache; 0 keeps none there. Default 512 MB, at most a sixteenth of the memory. */
  readonly prefixMemoryBytes?: number;
  /** Bytes of disk for them, in the directory; 0 keeps none there. Default 8 GB. */
  readonly prefixDiskBytes?: number;
  /** Reading the passages asked about most while nothing else is asked for. Default true; it needs a process that stays open. */
  readonly idleReading?: boolean;
  /** Parser processes. Default: cores − 1, at most 4. */
  readonly parsers?: number;
  /**
   * Modules with formats of your own: paths, relative to the working directory. The default export is a `FormatParser` or a list of
   * them. They are run in the parser processes; this one loads them for their names and versions.
   */
  readonly formats?: readonly string[];
  /** Language of the OCR for scans and images, `false` for none. Default "eng" where its packages are installed. */
  readonly ocr?: string | false;
  /** Defaults of questions. */
  readonly contextTokens?: number;
  readonly maxTokens?: number;
  /** Stages of pipelines in TypeScript, by the names that pipelines give them. */
  readonly stages?: Stages;
  /** How much is kept in memory for questions that come again. */
  readonly caches?: CacheOptions;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory?: string;
}

/** The machine counts as idle when nothing was asked of it for so long. */
const idleMs = 2_000;

/**
 * Opens a directory. Nothing heavy is loaded until it is needed: the embedder at the first ingest or search, the generator at the first
 * question.
 * @throws MillraceError E_INPUT_INVALID (`formats` or `ocr`), E_LOCKED (another writer), E_STORE_MISSING (reading where nothing is), E_STORE_VERSION, E_STORE_CORRUPT, E_DISK_FULL
 */
export async function open(options: OpenOptions = {}): Promise<Mill> {
  const environment = options.environment ?? process.env;
  const workingDirectory = options.workingDirectory ?? process.cwd();
  const directory = resolvePath(workingDirectory, options.directory ?? '.millrace');
  const mode = options.mode ?? 'write';
  const clock = systemClock;
  const prefixes = {
    folder: join(directory, 'prefixes'),
    memoryBytes: options.prefixMemoryBytes ?? Math.min(defaultPrefixLimits.memoryBytes, Math.floor(totalmem() / 16)),
    diskBytes: options.prefixDiskBytes ?? defaultPrefixLimits.diskBytes,
  };
  const storedPrefixes: StoredPrefixes[] = [];
  const keeper = createPrefixKeeper({ folder: prefixes.folder, limits: prefixes, clock, loaded: () => storedPrefixes });
  // Before anything that has to be closed: it starts nothing by itself, and what the caller names for it may be wrong.
  const parser = await openParser({
    workingDirectory,
    ...(options.formats === undefined ? {} : { formats: options.formats }),
    ...(options.ocr === undefined ? {} : { ocr: options.ocr }),
    ...(options.parsers === undefined ? {} : { concurrency: options.parsers }),
  });
  const store = sweptStore(await openRecord(directory, options), keeper);
  if (mode === 'write') store.sweepSoon();
  const device = createLlamaDevice({ clock, ...(options.threads === undefined ? {} : { threads: options.threads }) });
  const models = createModels({
    home: options.home ?? defaultModelsHome(environment),
    clock,
    environment,
    operations: device,
    workingDirectory,
  });
  const metrics = createMetrics();
  const activity = createActivityWatch({
    clock,
    metrics,
    lanes: () => scheduler.snapshot(),
    // A device that starts anew or is closed has no figures just now.
    statistics: async () => (isLoaded(engines) ? device.statistics().catch(() => undefined) : undefined),
    turns: createTurnMonitor(clock),
    process: readProcessFigures,
    ...(mode === 'write' ? { directory } : {}),
  });
  const worker = createScheduler({ clock, observe: activity.observe });
  const watch = watchIdle(worker, clock);
  const { scheduler } = watch;
  scheduler.addLane(parseLane(parser));
  const engines = createLoadedEngines({
    device,
    models,
    store,
    scheduler,
    options,
    freeMemoryBytes: freemem,
    ...(prefixes.memoryBytes + prefixes.diskBytes > 0 ? { prefixes } : {}),
    onGenerator: (generator) => void (generator.prefixes !== undefined && storedPrefixes.push(generator.prefixes)),
  });

  const closing = new AbortController();
  const idleReading =
    options.idleReading === false
      ? undefined
      : readWhenIdle({
          store,
          scheduler: worker,
          generator: async () => (engines.loaded().generator === null ? undefined : engines.generator(() => undefined)),
          idle: () => watch.idle(idleMs, closing.signal),
        });

  return createMill({
    directory,
    workingDirectory,
    store,
    scheduler,
    clock,
    random: systemRandom,
    parser,
    engines,
    prefixes: { ...keeper, swept: store.swept },
    ...(idleReading === undefined ? {} : { asked: idleReading.asked }),
    metrics,
    activity: async () => (mode === 'write' ? activity.current() : readActivity(directory, clock)),
    faults: createFaultPoints(environment),
    ...(options.caches === undefined ? {} : { caches: options.caches }),
    ...(options.stages === undefined ? {} : { stages: options.stages }),
    questionDefaults: {
      ...(options.contextTokens === undefined ? {} : { contextTokens: options.contextTokens }),
      ...(options.maxTokens === undefined ? {} : { maxTokens: options.maxTokens }),
    },
    async close() {
      await everyStep([
        () => activity.close(),
        () => closing.abort(new MillraceError('E_SHUTTING_DOWN', 'The directory was closed.')),
        () => scheduler.close(),
        () => idleReading?.ended,
        () => store.swept(),
        () => keeper.close(),
        () => parser.close(),
        () => device.close(),
        () => store.close(),
      ]);
    },
  });
}

async function openRecord(directory: string, { mode = 'write', emptyWhereMissing }: OpenOptions): Promise<Store> {
  const parts = { clock: systemClock, random: systemRandom };
  try {
    return await openStore({ directory, mode, ...parts });
  } catch (error) {
    if (mode === 'write' || emptyWhereMissing !== true || toMillraceError(error).code !== 'E_STORE_MISSING') throw error;
    return { ...createMemoryStore(parts), writable: false };
  }
}

function isLoaded(engines: LoadedEngines): boolean {
  const { embedder, generator } = engines.loaded();
  return embedder !== null || generator !== null;
}

/** The models of this machine with everything wired that pulling needs. `close` ends the engine process that requantising may have started. */
export function openModels(
  options: Pick<OpenOptions, 'home' | 'environment' | 'workingDirectory'> = {},
): Models & { close(): Promise<void> } {
  const environment = options.environment ?? process.env;
  const device = createLlamaDevice({ clock: systemClock });
  const models = createModels({
    home: options.home ?? defaultModelsHome(environment),
    clock: systemClock,
    environment,
    operations: device,
    ...(options.workingDirectory === undefined ? {} : { workingDirectory: options.workingDirectory }),
  });
  return { ...models, close: () => device.close() };
}
