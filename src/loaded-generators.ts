import { MillraceError } from './errors.ts';
import { generateLane } from './lanes.ts';
import type { Generator, KvMode, LoadEvent, LocalDevice } from './spec/engine.ts';
import type { InstalledModel, Models } from './spec/model.ts';
import type { PrefixSettings } from './spec/prefixes.ts';
import type { Scheduler } from './spec/work.ts';

export interface LoadedGenerators {
  /** Ids of what is loaded now: that of the open directory, and all. */
  loaded(): { readonly generator: string | null; readonly generators: readonly string[] };
  /** The one of the open directory, or the installed one that is named; loaded on first use, with its own lane. */
  use(name: string | undefined, onEvent: (event: LoadEvent) => void): Promise<Generator>;
}

export interface LoadedGeneratorsParts {
  readonly device: Pick<LocalDevice, 'loadGenerator'>;
  readonly models: Pick<Models, 'resolve' | 'recommend' | 'list'>;
  readonly scheduler: Pick<Scheduler, 'addLane'>;
  readonly options: {
    readonly generator?: string;
    readonly sequences?: number;
    readonly kvTokens?: number;
    readonly kvMode?: KvMode;
  };
  /** Where they keep prefixes beyond their KV cache. Default: nowhere. */
  readonly prefixes?: PrefixSettings;
  readonly onGenerator?: (generator: Generator) => void;
  /** Memory a generator may take: when none is named, and when it is a further one. */
  freeMemoryBytes(): number;
}

/** Eight for runs, which is where decoding together stops to pay on a few cores, and the one that their lane keeps for a question. */
const defaultSequences = 9;
/** Bytes in use beside the weights of a further generator: its cells, its buffers, and something for everybody else. */
const reserveBytes = 512 * 1024 * 1024;

/**
 * The generators of one open directory. Its own has the lane `generate`; a further one, which a pipeline names, is loaded beside it as
 * another model of the same device, with the lane `generate:<id>`, if it fits the memory that is free then. The contexts of a device take
 * turns step by step, so generators side by side cost memory and no idle time. None is unloaded before the directory is closed.
 */
export function createLoadedGenerators(parts: LoadedGeneratorsParts): LoadedGenerators {
  const { device, models, scheduler, options, freeMemoryBytes } = parts;
  /** By sha256 of the weights: several names of one model are one generator. */
  const generators = new Map<string, Promise<Generator>>();
  const listeners = new Set<(event: LoadEvent) => void>();
  const ids: string[] = [];
  let ownId: string | null = null;
  /** Models are loaded one after the other, so that each finds the memory that the one before it left. */
  let loading: Promise<unknown> = Promise.resolve();
  let own: Promise<InstalledModel> | undefined;

  /** A failed choice or load is not kept: the next call tries again. */
  async function ownModel(): Promise<InstalledModel> {
    own ??= chosen().catch((error: unknown) => {
      own = undefined;
      throw error;
    });
    return own;
  }

  async function chosen(): Promise<InstalledModel> {
    return models.resolve(options.generator ?? (await chooseGenerator(models, freeMemoryBytes())), { task: 'generator' });
  }

  async function load(model: InstalledModel, isOwn: boolean): Promise<Generator> {
    if (ids.length > 0) requireRoom(model, freeMemoryBytes(), ids);
    const { sequences = defaultSequences, kvTokens, kvMode } = options;
    const loaded = await device.loadGenerator({
      id: model.id,
      title: model.title,
      path: model.path,
      sha256: model.sha256,
      sequences,
      ...(kvTokens === undefined ? {} : { kvTokens }),
      ...(kvMode === undefined ? {} : { kvMode }),
      ...(parts.prefixes === undefined ? {} : { prefixes: parts.prefixes }),
      onEvent: (event) => {
        for (const listener of listeners) listener(event);
      },
    });
    const generator: Generator = isOwn ? loaded : { ...loaded, lane: `generate:${model.id}` };
    scheduler.addLane(generateLane(generator));
    parts.onGenerator?.(generator);
    ids.push(model.id);
    if (isOwn) ownId = model.id;
    return generator;
  }

  async function isOwn(model: InstalledModel): Promise<boolean> {
    // Where the directory has none of its own, there is nothing that it could be.
    return (await ownModel().catch(() => undefined))?.sha256 === model.sha256;
  }

  return {
    loaded: () => ({ generator: ownId, generators: [...ids] }),
    async use(name, onEvent) {
      listeners.add(onEvent);
      try {
        const model = name === undefined ? await ownModel() : await models.resolve(name, { task: 'generator' });
        let generator = generators.get(model.sha256);
        if (generator === undefined) {
          generator = loading.then(async () => load(model, await isOwn(model)));
          loading = generator.catch(() => generators.delete(model.sha256));
          generators.set(model.sha256, generator);
        }
        return await generator;
      } finally {
        listeners.delete(onEvent);
      }
    },
  };
}

function requireRoom(model: InstalledModel, freeBytes: number, loaded: readonly string[]): void {
  const neededBytes = model.bytes + reserveBytes;
  if (neededBytes <= freeBytes) return;
  throw new MillraceError(
    'E_MODEL_TOO_LARGE',
    `The generator ${model.id} needs about ${gigabytes(neededBytes)} GB beside ${loaded.join(' and ')}, but ${gigabytes(freeBytes)} GB of memory are free.`,
    { details: { model: model.id, neededBytes, freeBytes, loaded } },
  );
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(1);
}

async function chooseGenerator(models: LoadedGeneratorsParts['models'], memoryBytes: number): Promise<string> {
  const choice = await models.recommend({ task: 'generator', memoryBytes, allowDownload: false });
  if (choice !== undefined) return choice.id;
  const installed = (await models.list()).find(({ task, installed: present }) => task === 'generator' && present);
  if (installed !== undefined) return installed.id;
  throw new MillraceError('E_MODEL_NOT_INSTALLED', 'No generator is on this machine, so there is nothing to write the answer with.', {
    remedy: 'Run "millrace models pull qwen2.5-coder-1.5b" (1.1 GB), or ask with --quotes for verbatim quotes without a generator.',
  });
}
