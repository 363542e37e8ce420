import { z } from 'zod';

/** What a model is for. A generator answers, an embedder turns texts into vectors, a reranker scores (query, passage) pairs. */
export const modelTask = z.enum(['generator', 'embedder', 'reranker']);
export type ModelTask = z.infer<typeof modelTask>;

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
