import { createLlamaDevice } from './engines/llama/device.ts';
import { MillraceError } from './errors.ts';
import { createModels } from './models/models.ts';
import { defaultModelsHome } from './models/models-home.ts';
import type { Embedder, EngineStatistics, Generator, KvMode, LoadEvent, LocalDevice } from './spec/engine.ts';
import type { Models } from './spec/model.ts';
import type { PrefixSettings } from './spec/prefixes.ts';
import { systemClock } from './util/clock.ts';

export interface OpenEngineOptions {
  /** Catalogue id, path, or `hf:owner/repository/file.gguf`. At least one of `generator` and `embedder` is named. */
  readonly generator?: string;
  readonly embedder?: string;
  /** Compute threads. Default: the cores available to the process. */
  readonly threads?: number;
  /** Requests generated at the same time. Default 8. More may be in flight: they wait in the order of arrival. */
  readonly sequences?: number;
  /** KV cells shared by them, in tokens. Default: 2,048 for each sequence, less when that takes more than half of the free memory. */
  readonly kvTokens?: number;
  /** Default `split`. */
  readonly kvMode?: KvMode;
  /** Where prefixes are kept beyond the KV cache. Default: nowhere. */
  readonly prefixes?: PrefixSettings;
  /** Tokens of one native call of the embedder. Default 256. */
  readonly batchTokens?: number;
  /** Folder of the models. Default `MILLRACE_HOME`, else the platform's cache folder. */
  readonly home?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory?: string;
  readonly onEvent?: (event: LoadEvent) => void;
}

/** One local device without record and scheduler: the caller decides what runs when. */
export interface Engine extends AsyncDisposable {
  /** Present when a generator was named. */
  readonly generator?: Generator;
  /** Present when an embedder was named. */
  readonly embedder?: Embedder;
  statistics(): Promise<EngineStatistics>;
  /** Frees the models and ends the child process; what is in flight fails with `E_SHUTTING_DOWN`. */
  close(): Promise<void>;
}

/**
 * Opens the local inference engine by itself, for programs that bring their own documents, and for measuring. Downloads nothing.
 * @throws MillraceError E_INPUT_INVALID (no model named), E_MODEL_UNKNOWN, E_MODEL_NOT_INSTALLED, E_MODEL_INVALID, E_MODEL_TAMPERED,
 * E_MODEL_UNSUITABLE, E_ENGINE_FAILED
 */
export async function openEngine(options: OpenEngineOptions): Promise<Engine> {
  if (options.generator === undefined && options.embedder === undefined) {
    throw new MillraceError('E_INPUT_INVALID', 'An engine was opened without a model: name a generator, an embedder or both.');
  }
  const environment = options.environment ?? process.env;
  const device = createLlamaDevice({ clock: systemClock, ...given({ threads: options.threads }) });
  const models = createModels({
    home: options.home ?? defaultModelsHome(environment),
    clock: systemClock,
    environment,
    operations: device,
    ...given({ workingDirectory: options.workingDirectory }),
  });
  try {
    const generator = options.generator === undefined ? undefined : await loadGenerator(device, models, options.generator, options);
    const embedder = options.embedder === undefined ? undefined : await loadEmbedder(device, models, options.embedder, options);
    return {
      ...given({ generator, embedder }),
      statistics: () => device.statistics(),
      close: () => device.close(),
      [Symbol.asyncDispose]: () => device.close(),
    };
  } catch (error) {
    await device.close();
    throw error;
  }
}

async function loadGenerator(device: LocalDevice, models: Models, name: string, options: OpenEngineOptions): Promise<Generator> {
  const { id, title, path, sha256 } = await models.resolve(name, { task: 'generator' });
  const { sequences, kvTokens, kvMode, prefixes, onEvent } = options;
  return device.loadGenerator({ id, title, path, sha256, ...given({ sequences, kvTokens, kvMode, prefixes, onEvent }) });
}

async function loadEmbedder(device: LocalDevice, models: Models, name: string, options: OpenEngineOptions): Promise<Embedder> {
  const { id, title, path, sha256, embedder: rules } = await models.resolve(name, { task: 'embedder' });
  if (rules === undefined) {
    throw new MillraceError('E_MODEL_UNSUITABLE', `The model ${id} is not known as an embedder: its pooling and prefixes are unknown.`);
  }
  const { pooling, queryPrefix, passagePrefix, maxInputTokens, languages } = rules;
  const { batchTokens, onEvent } = options;
  const request = { id, title, path, sha256, pooling, queryPrefix, passagePrefix, maxInputTokens, languages };
  return device.loadEmbedder({ ...request, ...given({ batchTokens, onEvent }) });
}

/** The fields that have a value. */
function given<Fields extends object>(fields: Fields): { [Name in keyof Fields]?: NonNullable<Fields[Name]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}
