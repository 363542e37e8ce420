import { z } from 'zod';
import { collectionName, metadataFilter } from './identifiers.ts';

/**
 * How a question becomes an answer, as plain data: retrieve → rerank → context → generate → verify → cite. A pipeline stands in an
 * option, in a JSON or YAML file and in the record of a run. Every field may be left out; the default stands beside it.
 *
 * Read by: `formats/define-pipeline.ts` (checks it and names the nearest valid key), `query/resolve-pipeline.ts` (fills in the defaults,
 * refuses what this version cannot do, makes the canonical hash), then by each stage in `query/` its own section.
 */

const stageName = z.string().min(1).max(100);

/** `stage` names a TypeScript stage registered at `open({stages})`, which takes the place of the built-in one. */
const retrieveSection = z.strictObject({
  /** Gives the hits instead of the search of the record. */
  stage: stageName.optional(),
  /** Changes what is searched for; the model still gets the question as it was asked. */
  rewrite: stageName.optional(),
  /** Default: that of the call, else `default`. */
  collection: collectionName.optional(),
  /** Default `hybrid`: words and vectors, fused by score. */
  mode: z.enum(['hybrid', 'text', 'vector']).optional(),
  /** Most hits. Default 6. */
  limit: z.number().int().min(1).max(1_000).optional(),
  filter: metadataFilter.optional(),
  /** Weights of the two rankings in the fusion; scores are counted as shares of the best of each. Default 1 each. */
  weights: z.strictObject({ text: z.number().min(0).max(100).optional(), vector: z.number().min(0).max(100).optional() }).optional(),
  /** Hits asked of each ranking before the fusion. Default 100, at least `limit`. */
  depth: z.number().int().min(1).max(10_000).optional(),
  /** Chunks before and after a hit that are read with it; with `each` as much of them as `context.tokens` hold. Default 0. */
  neighbours: z.number().int().min(0).max(20).optional(),
  /**
   * Whether a hit is read with the section that it belongs to, within `context.tokens`; a longer section is cut to whole chunks around it.
   * Default false.
   */
  section: z.boolean().optional(),
  /**
   * Searches again with words of the best hits: finds more of what is about the same, and blurs what is first (`search` does it, `ask` does
   * not). Collections of more than 20,000 chunks are searched once. Default false.
   */
  feedback: z.boolean().optional(),
  /** Most hits of one document. Default: no limit. */
  perDocument: z.number().int().min(1).max(1_000).optional(),
});

const rerankSection = z.strictObject({
  stage: stageName.optional(),
  /**
   * Default `none`. `signals`: cheap ones; `model`: the generator's own yes or no; `cross-encoder`: a model of its own; `auto`: the generator
   * where the machine was seen to read two hits or more within `budgetMs`, as many as that, else `signals`.
   */
  by: z.enum(['none', 'signals', 'model', 'cross-encoder', 'auto']).optional(),
  /** With `auto`: most time that reading the hits may take. Default 2,000. */
  budgetMs: z.number().int().min(1).max(600_000).optional(),
  /** The cross-encoder. */
  model: z.string().min(1).max(1_000).optional(),
  /** Hits that are scored; the rest stays behind them. Default: all. */
  limit: z.number().int().min(1).max(1_000).optional(),
});

const contextSection = z.strictObject({
  /** Default `each`: the question put to one passage after the other, best first, until one states the answer. `joined`: all in one prompt. */
  mode: z.enum(['joined', 'each']).optional(),
  /** Most tokens of all passages; with `each`, of one and what is read around it. Default: what the machine reads in about 8 s, 320 to 2,000. */
  tokens: z.number().int().min(64).max(131_072).optional(),
  /** Default `rank`: best first. `document`: in the order in which they stand in their documents, so that prefixes are shared. */
  order: z.enum(['rank', 'document']).optional(),
  /** With `each`: passages asked before the answer is that the documents do not hold it. Default 3. */
  passages: z.number().int().min(1).max(100).optional(),
  /**
   * With `each`: passages asked together; what the others say is told as a second source or as disagreement. Default: all where the machine
   * was seen to read 1,000 tokens a second, else 1.
   */
  atOnce: z.number().int().min(1).max(100).optional(),
});

const generateSection = z.strictObject({
  stage: stageName.optional(),
  /** Default `model`. `quotes`: verbatim sentences, without a generator. */
  by: z.enum(['model', 'quotes']).optional(),
  /** Catalogue id, path or hub address of an installed generator. Default: that of the open directory. */
  model: z.string().min(1).max(1_000).optional(),
  /** Most tokens of the answer. Default 200. */
  maxTokens: z.number().int().min(1).max(8_192).optional(),
  /** Default 0: the likeliest token always. */
  temperature: z.number().min(0).max(2).optional(),
  /** Default 0. */
  seed: z.number().int().min(0).max(0xffff_fffe).optional(),
  /** Family of the prompt: `plain`, `small`, `llama`. Default: that of the model. */
  prompt: z.string().min(1).max(100).optional(),
});

/** Least confidence of an answer that is given, where the pipeline says nothing. */
export const usualConfidence = 0.5;

const verifySection = z.strictObject({
  /**
   * Whether the cited passage states the answer, before it is given. Default `rules`: words, names, numbers and the model's own likelihood.
   * `model`: where these are not sure, the model is asked too, yes or no, over the passage that it has read.
   */
  by: z.enum(['none', 'rules', 'model']).optional(),
  /** Least `confidence` of an answer that is given, 0 to 1; with 0 all are that are not impossible. `eval` tells what each gives. Default 0.5. */
  leastConfidence: z.number().min(0).max(1).optional(),
});

const citeSection = z.strictObject({
  /** Default `sentence`: each sentence is attributed and checked after it was written. `grammar`: the model is held to write markers. */
  by: z.enum(['sentence', 'grammar']).optional(),
});

export const pipeline = z.strictObject({
  /** Shown beside results; no part of the hash. Default: the first 8 digits of the hash. */
  name: z.string().min(1).max(200).optional(),
  retrieve: retrieveSection.optional(),
  rerank: rerankSection.optional(),
  context: contextSection.optional(),
  generate: generateSection.optional(),
  verify: verifySection.optional(),
  cite: citeSection.optional(),
});
export type Pipeline = z.infer<typeof pipeline>;
