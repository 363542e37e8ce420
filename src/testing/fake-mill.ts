import { createActivityWatch } from '../activity.ts';
import { createFakeEmbedder } from '../engines/fake/embedder.ts';
import { createFakeReranker } from '../engines/fake/reranker.ts';
import { createFakeGenerator } from '../engines/fake/generator.ts';
import { MillraceError } from '../errors.ts';
import { parseLane } from '../lanes.ts';
import { createLoadedEngines, defaultEmbedder, type LoadedEnginesParts } from '../loaded-engines.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { createMill } from '../mill.ts';
import { createFormatParsers } from '../parse/formats.ts';
import { parseDocument } from '../parse/parse-document.ts';
import { createScheduler } from '../scheduler/scheduler.ts';
import type { CacheOptions } from '../spec/caches.ts';
import type { Embedder, Generator, Reranker } from '../spec/engine.ts';
import type { Mill } from '../spec/mill.ts';
import type { InstalledModel } from '../spec/model.ts';
import type { FaultPoints } from '../spec/faults.ts';
import type { DocumentParser } from '../spec/parser.ts';
import type { Stages } from '../spec/stages.ts';
import type { Store } from '../spec/store.ts';
import type { Scheduler } from '../spec/work.ts';
import { createMemoryStore } from '../store/memory/memory-store.ts';
import type { Clock } from '../util/clock.ts';
import { createSeededRandom, type Random } from '../util/random.ts';

export interface FakeMillOptions {
  readonly clock: Clock;
  /** Default: one fake generator that answers from the passages. Null: none is installed. */
  readonly generator?: Generator | null;
  /** Installed beside it; a pipeline may name them. */
  readonly furtherGenerators?: readonly Generator[];
  /** Memory that is free. Default: more than enough. */
  readonly freeMemoryBytes?: () => number;
  /** As the option of `open`. */
  readonly caches?: CacheOptions;
  readonly stages?: Stages;
  /** What `open` sets where a pipeline says nothing. */
  readonly questionDefaults?: { readonly contextTokens?: number; readonly maxTokens?: number };
  /** Those that are installed; the first one is the default. Default: one fake embedder. */
  readonly embedders?: readonly Embedder[];
  /** As the option of `open`: id of the embedder to work with. */
  readonly embedder?: string;
  /** Default: an empty store in memory. */
  readonly store?: Store;
  /** Default: parsers in this process. */
  readonly parser?: DocumentParser;
  /** Of its ids. Default: the same ones each time. */
  readonly random?: Random;
  /** Where its store is, for `status`. Default `memory`. */
  readonly directory?: string;
  /** Relative paths are meant from here. Default: the working directory of the process. */
  readonly workingDirectory?: string;
  readonly faults?: FaultPoints;
  /** Awaited while a model loads, after its first `model-loading` event: a test can hold it there. */
  readonly loading?: (model: string) => Promise<void>;
}

/** A Mill whose insides a test can look at. */
export interface FakeMill extends Mill {
  readonly store: Store;
  readonly scheduler: Scheduler;
}

/**
 * A whole Mill without models, threads or files: the real pipelines, scheduler and parsers over fake engines and a store in memory, in
 * the time of its clock. For tests of programs that use millrace.
 */
export function createFakeMill(options: FakeMillOptions): FakeMill {
  const { clock } = options;
  const store = options.store ?? createMemoryStore({ clock, random: createSeededRandom(1) });
  const metrics = createMetrics();
  const activity = createActivityWatch({
    clock,
    metrics,
    lanes: () => scheduler.snapshot(),
    statistics: () => Promise.resolve(undefined),
    turns: { read: () => ({ delayMs: { p50: 0, p99: 0, max: 0 }, longestTurnCpuMs: 0 }), stop: () => undefined },
    process: () => ({ pid: 1, userCpuMs: 0, systemCpuMs: 0, residentBytes: 0, heapBytes: 0, bufferBytes: 0 }),
  });
  const scheduler = createScheduler({ clock, observe: activity.observe });
  const parser = options.parser ?? createParser();
  scheduler.addLane(parseLane(parser));
  const embedders = options.embedders ?? [createFakeEmbedder({ clock })];
  const generator = options.generator === undefined ? createFakeGenerator({ clock }) : options.generator;
  const generators = [...(generator === null ? [] : [generator]), ...(options.furtherGenerators ?? [])];
  const engines = createLoadedEngines({
    ...fakeModels(embedders, generators, createFakeReranker({ clock }), options.loading ?? (() => Promise.resolve())),
    store,
    scheduler,
    options: options.embedder === undefined ? {} : { embedder: options.embedder },
    freeMemoryBytes: options.freeMemoryBytes ?? (() => Number.POSITIVE_INFINITY),
  });
  const mill = createMill({
    directory: options.directory ?? 'memory',
    workingDirectory: options.workingDirectory ?? '.',
    ...(options.faults === undefined ? {} : { faults: options.faults }),
    store,
    scheduler,
    clock,
    random: options.random ?? createSeededRandom(2),
    parser,
    engines,
    metrics,
    activity: activity.current,
    questionDefaults: options.questionDefaults ?? {},
    ...(options.caches === undefined ? {} : { caches: options.caches }),
    ...(options.stages === undefined ? {} : { stages: options.stages }),
    async close() {
      await activity.close();
      await scheduler.close();
      await parser.close();
      await store.close();
    },
  });
  return { ...mill, store, scheduler };
}

/** Parses in this process. */
function createParser(): DocumentParser {
  const parsers = createFormatParsers();
  return {
    optionsHash: 'in-process',
    formats: parsers,
    concurrency: 2,
    isolation: () => Promise.resolve({ kind: 'process', message: 'Documents are parsed in this process.' }),
    parse: (request) => parseDocument(request, parsers),
    close: () => Promise.resolve(),
  };
}

function fakeModels(
  embedders: readonly Embedder[],
  generators: readonly Generator[],
  reranker: Reranker,
  loading: (model: string) => Promise<void>,
): Pick<LoadedEnginesParts, 'device' | 'models'> {
  function find<Engine extends Embedder | Generator>(engines: readonly Engine[], name: string): Engine {
    const engine = name === defaultEmbedder ? engines[0] : engines.find(({ model }) => model.id === name);
    if (engine !== undefined) return engine;
    throw new MillraceError('E_MODEL_NOT_INSTALLED', `There is no fake model "${name}".`);
  }
  return {
    device: {
      async loadEmbedder({ id }) {
        await loading(id);
        return find(embedders, id);
      },
      async loadGenerator({ id, onEvent }) {
        onEvent?.({ type: 'model-loading', model: id, doneBytes: 0, totalBytes: 100 });
        await loading(id);
        onEvent?.({ type: 'model-loading', model: id, doneBytes: 100, totalBytes: 100 });
        return find(generators, id);
      },
      async loadReranker({ id }) {
        await loading(id);
        return reranker;
      },
    },
    models: {
      resolve: async (name, { task = 'generator' } = {}) =>
        task === 'embedder'
          ? describeEmbedder(find(embedders, name))
          : task === 'reranker'
            ? describeModel(reranker, task)
            : describeModel(find(generators, name), 'generator'),
      recommend: () => Promise.resolve(undefined),
      list: () => Promise.resolve(generators.map((one) => ({ ...describeModel(one, 'generator'), ...listed }))),
    },
  };
}

const listed = { parameters: '0', downloadBytes: 0, installedBytes: 0, installed: true, sources: [] };

function describeModel({ model }: Generator | Embedder | Reranker, task: InstalledModel['task']): InstalledModel {
  const { id, title, hash } = model;
  return { id, task, title, path: `/fake/${id}.gguf`, bytes: 0, sha256: hash, licence: 'MIT', contextTokens: 4_096 };
}

function describeEmbedder(embedder: Embedder): InstalledModel {
  const { dimensions, maxInputTokens, languages } = embedder.model;
  const rules = { dimensions, pooling: 'mean', queryPrefix: '', passagePrefix: '', maxInputTokens, languages: [...languages] } as const;
  return { ...describeModel(embedder, 'embedder'), embedder: { ...rules, languages: [...languages] } };
}
