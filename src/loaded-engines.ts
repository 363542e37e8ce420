import { MillraceError } from './errors.ts';
import { embedLane } from './lanes.ts';
import { createLoadedGenerators, type LoadedGeneratorsParts } from './loaded-generators.ts';
import { createLoadedReranker } from './loaded-reranker.ts';
import type { Embedder, Generator, LoadEvent, LocalDevice, Reranker } from './spec/engine.ts';
import type { InstalledModel } from './spec/model.ts';
import type { Store } from './spec/store.ts';

export const defaultEmbedder = 'minilm-l6';

/** The embedder of a collection: decided by its first ingest, kept in the record. */
export interface CollectionEmbedder {
  readonly id: string;
  readonly hash: string;
}

/** The models of one open directory, each loaded once, when it is first needed. */
export interface LoadedEngines {
  /** Ids of what is loaded now. */
  loaded(): { readonly embedder: string | null; readonly generator: string | null; readonly generators: readonly string[] };
  /** What made the collection's vectors; undefined before its first ingest. Loads nothing. */
  collectionEmbedder(collection: string): Promise<CollectionEmbedder | undefined>;
  /** The embedder of this name; without a name that of `open`, of the collection `default`, or the default one. */
  embedderNamed(name: string | undefined): Promise<Embedder>;
  /** The embedder that made the collection's vectors, or undefined when it has none or the model is not on this machine. */
  searchEmbedder(collection: string): Promise<Embedder | undefined>;
  /** The collection's embedder; the first ingest of a collection decides it. */
  ingestEmbedder(collection: string): Promise<Embedder>;
  /** The generator of the open directory, or the one that is named. */
  generator(onEvent: (event: LoadEvent) => void, name?: string): Promise<Generator>;
  /** The cross-encoder of this name; without one that in use, or the default one. */
  reranker(name?: string): Promise<Reranker>;
}

export interface LoadedEnginesParts extends LoadedGeneratorsParts {
  readonly device: Pick<LocalDevice, 'loadEmbedder' | 'loadGenerator' | 'loadReranker'>;
  readonly store: Pick<Store, 'readSetting' | 'writeSetting'>;
  readonly options: LoadedGeneratorsParts['options'] & { readonly embedder?: string };
}

interface EmbedderInUse {
  readonly name: string;
  readonly sha256: string;
  readonly embedder: Embedder;
}

/**
 * One embedder for each open directory, and its generators (`loaded-generators.ts`): an embedder has the lane `embed` to itself, and vectors of two embedders
 * never meet. A second embedder is refused with `E_EMBEDDER_MISMATCH`; a collection that needs it is opened by itself.
 */
export function createLoadedEngines(parts: LoadedEnginesParts): LoadedEngines {
  const { device, models, store, scheduler, options } = parts;
  let embedding: Promise<EmbedderInUse> | undefined;
  const generators = createLoadedGenerators(parts);
  let loadedEmbedder: string | null = null;

  async function loadEmbedder(name: string): Promise<EmbedderInUse> {
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
    loadedEmbedder = embedder.model.id;
    return { name, sha256: model.sha256, embedder };
  }

  /** A failed load is not kept: the next call tries again, with its own name. Other names of the same weights are the same embedder. */
  async function useEmbedder(name: string): Promise<Embedder> {
    embedding ??= loadEmbedder(name).catch((error: unknown) => {
      embedding = undefined;
      throw error;
    });
    const inUse = await embedding;
    if (inUse.name === name || inUse.embedder.model.id === name) return inUse.embedder;
    const model = await models.resolve(name, { task: 'embedder' });
    if (model.sha256 === inUse.sha256) return inUse.embedder;
    throw new MillraceError(
      'E_EMBEDDER_MISMATCH',
      `The embedder ${model.id} was asked for, but this open directory already works with ${inUse.embedder.model.id}, and one is loaded at a time.`,
      {
        remedy: `Open the directory a second time for it, with the option embedder set to ${model.id}; reading works beside any writer.`,
        details: { inUse: inUse.embedder.model.id, asked: model.id },
      },
    );
  }

  async function collectionEmbedder(collection: string): Promise<CollectionEmbedder | undefined> {
    return (await store.readSetting(embedderSetting(collection))) as CollectionEmbedder | undefined;
  }

  function checked(collection: string, choice: CollectionEmbedder, embedder: Embedder): Embedder {
    if (embedder.model.hash === choice.hash) return embedder;
    throw new MillraceError(
      'E_EMBEDDER_MISMATCH',
      `The collection "${collection}" was embedded with ${choice.id}, but the embedder in use is another one (${embedder.model.id}).`,
      { details: { collection, stored: choice, asked: { id: embedder.model.id, hash: embedder.model.hash } } },
    );
  }

  return {
    loaded: () => ({ embedder: loadedEmbedder, ...generators.loaded() }),
    collectionEmbedder,
    async embedderNamed(name) {
      return useEmbedder(name ?? options.embedder ?? (await collectionEmbedder('default'))?.id ?? defaultEmbedder);
    },
    async searchEmbedder(collection) {
      const choice = await collectionEmbedder(collection);
      if (choice === undefined) return undefined;
      try {
        return checked(collection, choice, await useEmbedder(options.embedder ?? choice.id));
      } catch (error) {
        if (error instanceof MillraceError && error.code === 'E_MODEL_NOT_INSTALLED') return undefined;
        throw error;
      }
    },
    async ingestEmbedder(collection) {
      const choice = await collectionEmbedder(collection);
      const embedder = await useEmbedder(options.embedder ?? choice?.id ?? defaultEmbedder);
      if (choice !== undefined) return checked(collection, choice, embedder);
      const { id, hash } = embedder.model;
      await store.writeSetting(embedderSetting(collection), { id, hash } satisfies CollectionEmbedder);
      return embedder;
    },
    generator: (onEvent, name) => generators.use(name, onEvent),
    reranker: createLoadedReranker({ device, models, scheduler }),
  };
}

function embedderSetting(collection: string): string {
  return `collection:${collection}:embedder`;
}

function rulesOf(model: InstalledModel): NonNullable<InstalledModel['embedder']> {
  if (model.embedder !== undefined) return model.embedder;
  throw new MillraceError('E_MODEL_UNSUITABLE', `The model ${model.id} is not known as an embedder: its pooling and prefixes are unknown.`);
}
