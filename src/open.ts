import { freemem } from 'node:os';
import { resolve as resolvePath } from 'node:path';
import { chunkerHash } from './chunk/chunker-hash.ts';
import { createLlamaDevice } from './engines/llama/device.ts';
import { MillraceError } from './errors.ts';
import { ingest } from './ingest/pipeline.ts';
import { embedLane, generateLane, parseLane } from './lanes.ts';
import { createMill } from './mill.ts';
import { createModels } from './models/models.ts';
import { defaultModelsHome } from './models/models-home.ts';
import { createDocumentParser } from './parse/pool.ts';
import { createScheduler } from './scheduler/scheduler.ts';
import type { Embedder, Generator, LoadEvent, LocalDevice } from './spec/engine.ts';
import type { Mill } from './spec/mill.ts';
import type { InstalledModel, Models } from './spec/model.ts';
import type { Store } from './spec/store.ts';
import { openStore } from './store/open-store.ts';
import { type Clock, systemClock } from './util/clock.ts';
import { systemRandom } from './util/random.ts';

export interface OpenOptions {
  /** Where the record and its indexes live. Default `.millrace` in the working directory. Created when writing. */
  readonly directory?: string;
  /** `write` (default) takes the directory's one writer lock; `read` works beside any writer and refuses `ingest` and `remove`. */
  readonly mode?: 'write' | 'read';
  /** Generator: catalogue id, path, or `hf:owner/repository/file.gguf`. Default: the best installed one that fits the free memory. */
  readonly generator?: string;
  /** Embedder of collections that have none yet. Default `minilm-l6`. */
  readonly embedder?: string;
  /** Folder of the models. Default `MILLRACE_HOME`, else the platform's cache folder. */
  readonly home?: string;
  /** Compute threads. Default: the cores available to the process. */
  readonly threads?: number;
  /** Answers generated at the same time. Default 8. */
  readonly sequences?: number;
  /** KV cells shared by them, in tokens. */
  readonly kvTokens?: number;
  /** Parser processes. Default: cores − 1, at most 4. */
  readonly parsers?: number;
  /** Defaults of questions. */
  readonly contextTokens?: number;
  readonly maxTokens?: number;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory?: string;
}

/** How chunks are cut for the default embedder, whose input holds 256 tokens. */
const chunkOptions = { targetTokens: 180, maxTokens: 220, overlapTokens: 0 } as const;

export const defaultEmbedder = 'minilm-l6';

interface CollectionEmbedder {
  readonly id: string;
  readonly hash: string;
}

/**
 * Opens a directory. Nothing heavy is loaded until it is needed: the embedder at the first ingest or search, the generator at the first
 * question.
 * @throws MillraceError E_LOCKED (another writer), E_STORE_MISSING (reading where nothing is), E_STORE_VERSION, E_STORE_CORRUPT, E_DISK_FULL
 */
export async function open(options: OpenOptions = {}): Promise<Mill> {
  const environment = options.environment ?? process.env;
  const workingDirectory = options.workingDirectory ?? process.cwd();
  const directory = resolvePath(workingDirectory, options.directory ?? '.millrace');
  const mode = options.mode ?? 'write';
  const clock = systemClock;
  const store = await openStore({ directory, mode, clock, random: systemRandom });
  const device = createLlamaDevice({ clock, ...(options.threads === undefined ? {} : { threads: options.threads }) });
  const models = createModels({
    home: options.home ?? defaultModelsHome(environment),
    clock,
    environment,
    operations: device,
    workingDirectory,
  });
  const scheduler = createScheduler({ clock });
  const parser = createDocumentParser({ clock, ...(options.parsers === undefined ? {} : { concurrency: options.parsers }) });
  scheduler.addLane(parseLane(parser));
  const engines = createEngines({ device, models, store, scheduler, options, clock });

  return createMill({
    directory,
    store,
    scheduler,
    clock,
    embedder: engines.searchEmbedder,
    generator: engines.generator,
    defaultEmbedder: engines.defaultEmbedder,
    loaded: engines.loaded,
    questionDefaults: {
      ...(options.contextTokens === undefined ? {} : { contextTokens: options.contextTokens }),
      ...(options.maxTokens === undefined ? {} : { maxTokens: options.maxTokens }),
    },
    ingest: (sources, ingestOptions) =>
      ingest(sources, ingestOptions, {
        store,
        scheduler,
        parser,
        chunker: { options: chunkOptions, hash: chunkerHash(chunkOptions) },
        embedder: () => engines.ingestEmbedder(ingestOptions.collection ?? 'default'),
        clock,
        workingDirectory,
      }),
    async close() {
      await scheduler.close();
      await Promise.all([parser.close(), device.close()]);
      await store.close();
    },
  });
}

interface EngineParts {
  readonly device: LocalDevice;
  readonly models: Models;
  readonly store: Store;
  readonly scheduler: ReturnType<typeof createScheduler>;
  readonly options: OpenOptions;
  readonly clock: Clock;
}

/** Loads each model once, when it is first needed, and adds its lane. */
function createEngines({ device, models, store, scheduler, options }: EngineParts) {
  let embedding: Promise<Embedder> | undefined;
  let generating: Promise<Generator> | undefined;
  const loaded: { embedder: string | null; generator: string | null } = { embedder: null, generator: null };
  const listeners = new Set<(event: LoadEvent) => void>();

  async function loadEmbedder(name: string): Promise<Embedder> {
    const model = await models.resolve(name, { task: 'embedder' });
    const rules = rulesOf(model);
    const embedder = await device.loadEmbedder({
      id: model.id,
      title: model.title,
      path: model.path,
      sha256: model.sha256,
      pooling: rules.pooling,
      queryPrefix: rules.queryPrefix,
      passagePrefix: rules.passagePrefix,
      maxInputTokens: rules.maxInputTokens,
      languages: rules.languages,
    });
    scheduler.addLane(embedLane(embedder));
    loaded.embedder = embedder.model.id;
    return embedder;
  }

  async function loadGenerator(): Promise<Generator> {
    const model = await models.resolve(options.generator ?? (await chooseGenerator(models)), { task: 'generator' });
    const generator = await device.loadGenerator({
      id: model.id,
      title: model.title,
      path: model.path,
      sha256: model.sha256,
      ...(options.sequences === undefined ? {} : { sequences: options.sequences }),
      ...(options.kvTokens === undefined ? {} : { kvTokens: options.kvTokens }),
      onEvent: (event) => {
        for (const listener of listeners) listener(event);
      },
    });
    scheduler.addLane(generateLane(generator));
    loaded.generator = generator.model.id;
    return generator;
  }

  /** A failed load is not kept: the next call tries again. */
  function embedderNamed(name: string): Promise<Embedder> {
    embedding ??= loadEmbedder(name).catch((error: unknown) => {
      embedding = undefined;
      throw error;
    });
    return embedding;
  }

  async function readChoice(collection: string): Promise<CollectionEmbedder | undefined> {
    return (await store.readSetting(embedderSetting(collection))) as CollectionEmbedder | undefined;
  }

  async function checked(collection: string, choice: CollectionEmbedder, embedder: Embedder): Promise<Embedder> {
    if (embedder.model.hash === choice.hash) return embedder;
    throw new MillraceError(
      'E_EMBEDDER_MISMATCH',
      `The collection "${collection}" was embedded with ${choice.id}, but the embedder in use is another one (${embedder.model.id}).`,
      { details: { collection, stored: choice, asked: { id: embedder.model.id, hash: embedder.model.hash } } },
    );
  }

  return {
    loaded: () => ({ ...loaded }),
    defaultEmbedder: () => embedderNamed(options.embedder ?? defaultEmbedder),
    /** The embedder that made the collection's vectors, or undefined when it has none or the model is not on this machine. */
    async searchEmbedder(collection: string): Promise<Embedder | undefined> {
      const choice = await readChoice(collection);
      if (choice === undefined) return undefined;
      try {
        return await checked(collection, choice, await embedderNamed(options.embedder ?? choice.id));
      } catch (error) {
        if (error instanceof MillraceError && error.code === 'E_MODEL_NOT_INSTALLED') return undefined;
        throw error;
      }
    },
    /** The collection's embedder; the first ingest of a collection decides it. */
    async ingestEmbedder(collection: string): Promise<Embedder> {
      const choice = await readChoice(collection);
      const embedder = await embedderNamed(options.embedder ?? choice?.id ?? defaultEmbedder);
      if (choice !== undefined) return checked(collection, choice, embedder);
      await store.writeSetting(embedderSetting(collection), {
        id: embedder.model.id,
        hash: embedder.model.hash,
      } satisfies CollectionEmbedder);
      return embedder;
    },
    async generator(onEvent: (event: LoadEvent) => void): Promise<Generator> {
      listeners.add(onEvent);
      try {
        generating ??= loadGenerator().catch((error: unknown) => {
          generating = undefined;
          throw error;
        });
        return await generating;
      } finally {
        listeners.delete(onEvent);
      }
    },
  };
}

function embedderSetting(collection: string): string {
  return `collection:${collection}:embedder`;
}

function rulesOf(model: InstalledModel): NonNullable<InstalledModel['embedder']> {
  if (model.embedder !== undefined) return model.embedder;
  throw new MillraceError('E_MODEL_UNSUITABLE', `The model ${model.id} is not known as an embedder: its pooling and prefixes are unknown.`);
}

async function chooseGenerator(models: Models): Promise<string> {
  const choice = await models.recommend({ task: 'generator', memoryBytes: freemem(), allowDownload: false });
  if (choice !== undefined) return choice.id;
  const installed = (await models.list()).find(({ task, installed: present }) => task === 'generator' && present);
  if (installed !== undefined) return installed.id;
  throw new MillraceError('E_MODEL_NOT_INSTALLED', 'No generator is on this machine, so there is nothing to write the answer with.', {
    remedy: 'Run "millrace models pull qwen2.5-coder-1.5b" (1.1 GB), or ask with --quotes for verbatim quotes without a generator.',
  });
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
