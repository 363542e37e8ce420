import { z } from 'zod';
import { errorData } from './failure.ts';
import { metadata, metadataFilter } from './identifiers.ts';
import { pageKind } from './page-kind.ts';
import { pipeline } from './pipeline.ts';

/** A chunk with scores for a query. */
export const hit = z.object({
  /** 1, 2, … */
  rank: z.number().int().positive(),
  /** Fused score; comparable within one result only. */
  score: z.number(),
  document: z.string(),
  /** Where the bytes came from: path, URL or the caller's own id. */
  source: z.string(),
  title: z.string().nullable(),
  metadata,
  /** Page of `start`: its number, and its label where it has one: as printed, the name of a sheet, the title of a chapter. */
  page: z.number().int().positive(),
  pageLabel: z.string().nullable(),
  /** What a page is in this document; null where it has none, all of it then being page 1. `placeOf` says it in words. */
  pageKind: pageKind.nullable(),
  /** UTF-16 range in the document's canonical text. */
  start: z.number().int().nonnegative(),
  end: z.number().int().nonnegative(),
  headingPath: z.array(z.string()),
  /** Header row of the table that the hit starts inside of. */
  tableHeader: z.string().nullable(),
  text: z.string(),
  chunk: z.number().int().positive(),
  /** Rank in each retrieval that found it. */
  ranks: z.object({ text: z.number().int().optional(), vector: z.number().int().optional() }),
});
export type Hit = z.infer<typeof hit>;

/** A claim's pointer to a span, checked against the record. */
export const citation = z.object({
  /** The n of [n] in the answer. */
  number: z.number().int().positive(),
  document: z.string(),
  source: z.string(),
  title: z.string().nullable(),
  /** As of a hit, for the beginning of the quote. */
  page: z.number().int().positive(),
  pageLabel: z.string().nullable(),
  pageKind: pageKind.nullable(),
  start: z.number().int().nonnegative(),
  end: z.number().int().nonnegative(),
  /** The cited span, verbatim from the record. */
  quote: z.string(),
  /** Where it stands on the page, line by line, as shares of the page's width and height from its upper left corner; only PDF knows. */
  boxes: z.array(z.object({ left: z.number(), top: z.number(), right: z.number(), bottom: z.number() })).optional(),
  /** What has become of the document since: its source has a newer version, or is gone. Absent while the text counts. */
  stale: z.enum(['replaced', 'removed']).optional(),
});
export type Citation = z.infer<typeof citation>;

export const usage = z.object({
  promptTokens: z.number().int().nonnegative(),
  cachedTokens: z.number().int().nonnegative(),
  outputTokens: z.number().int().nonnegative(),
});
export type Usage = z.infer<typeof usage>;

/** Elapsed ms of each stage; a stage that did not run is absent. */
export const stageTimings = z.object({
  embedMs: z.number().optional(),
  searchTextMs: z.number().optional(),
  searchVectorsMs: z.number().optional(),
  readMs: z.number().optional(),
  sourcesMs: z.number().optional(),
  rerankMs: z.number().optional(),
  modelMs: z.number().optional(),
  queuedMs: z.number().optional(),
  firstTokenMs: z.number().optional(),
  prefillMs: z.number().optional(),
  decodeMs: z.number().optional(),
  citeMs: z.number().optional(),
  totalMs: z.number(),
});
export type StageTimings = z.infer<typeof stageTimings>;

export const searchResult = z.object({
  query: z.string(),
  collection: z.string(),
  hits: z.array(hit),
  /** Sentences the user should see: "12 of 40 documents are not embedded yet." */
  notices: z.array(z.string()),
  timings: stageTimings,
});
export type SearchResult = z.infer<typeof searchResult>;

export const answer = z.object({
  question: z.string(),
  collection: z.string(),
  answer: z.string(),
  /** True when the documents do not hold the answer. */
  abstained: z.boolean(),
  citations: z.array(citation),
  /** What the model said and no given passage supports; where answers are verified, it was left out. */
  unsupported: z.array(z.string()),
  /** ISO 639-1 code of the question's language, which a refusal is in; absent where it cannot be told. */
  language: z.string().optional(),
  /** How likely the passage states the answer, 0 … 1; absent where it was not verified. */
  confidence: z.number().optional(),
  /** Why an answer of the model was not given, or what speaks against the one that was given. */
  doubts: z.array(z.string()).optional(),
  /** What other passages answer, where they were asked too: the hit's rank, and whether it is the same. */
  otherAnswers: z.array(z.object({ answer: z.string(), agrees: z.boolean(), rank: z.number().int().positive() })).optional(),
  hits: z.array(hit),
  /** Id of the generator; `quotes` when no generator was used. */
  model: z.string(),
  usage,
  notices: z.array(z.string()),
  timings: stageTimings,
  /** ISO 8601 with ms. */
  startedAt: z.string(),
  endedAt: z.string(),
});
export type Answer = z.infer<typeof answer>;

/** A question or query. What a model cannot hold of it is told by the model. */
export const questionText = z.string().max(200_000);

export const searchOptions = z.object({
  collection: z.string().optional(),
  /** Most hits. Default 10. */
  limit: z.number().int().min(1).max(1_000).optional(),
  filter: metadataFilter.optional(),
  /** `hybrid` (default), or one part alone. */
  mode: z.enum(['hybrid', 'text', 'vector']).optional(),
  /** False shares no work with others and uses no cache. Default: embeddings and hits are kept, equal work at one time is done once. */
  cache: z.boolean().optional(),
  /** Most hits of one document. Default: no limit. */
  perDocument: z.number().int().min(1).max(1_000).optional(),
  /** Whether a hybrid search is made once more with words of the best hits. Default: true in `search`, false in `ask`. */
  feedback: z.boolean().optional(),
  /** How passages are found and the question is answered; the other options of the call stand above what it says. */
  pipeline: pipeline.optional(),
  timeoutMs: z.number().positive().optional(),
  /** As `timeoutMs`; a search has no text to wait for. */
  timeouts: z.strictObject({ totalMs: z.number().positive().optional() }).optional(),
  /** Whose question it is. Tenants that wait at the same time get equal shares of the machine; a flood of one does not hold up another. */
  tenant: z.string().min(1).max(200).optional(),
});
export type SearchOptions = z.infer<typeof searchOptions> & { readonly signal?: AbortSignal };

/** How long what may take; ms. What runs past it ends with `E_DEADLINE_EXCEEDED`. */
export const timeouts = z.strictObject({
  /** The whole call, as `timeoutMs`; the shorter one counts. */
  totalMs: z.number().positive().optional(),
  /** From the beginning of the call to the first piece of the answer, loading of the model included. */
  firstTokenMs: z.number().positive().optional(),
  /** Longest silence between two pieces of the answer. */
  betweenTokensMs: z.number().positive().optional(),
});
export type Timeouts = z.infer<typeof timeouts>;

export const askOptions = searchOptions.extend({
  timeouts: timeouts.optional(),
  /** Most tokens of the answer. Default 200. */
  maxTokens: z.number().int().min(1).max(8_192).optional(),
  /** Most tokens of all passages in the prompt. Default: what the machine reads in about 8 s by its measured pace, 320 to 2,000. */
  contextTokens: z.number().int().min(64).max(131_072).optional(),
  /** As for a search; true keeps and takes whole answers too. */
  cache: z.boolean().optional(),
  /** Whether passages are read together or one after the other. Default `each`. */
  contextMode: z.enum(['joined', 'each']).optional(),
  /** Answer with verbatim quotes and no generator. */
  quotesOnly: z.boolean().optional(),
  temperature: z.number().min(0).max(2).optional(),
  seed: z.number().int().nonnegative().optional(),
  class: z.enum(['interactive', 'batch', 'background']).optional(),
});
export type AskOptions = z.infer<typeof askOptions> & { readonly signal?: AbortSignal };

/** What `ask` streams, in order: `sources`, then model loading where it is needed, text, and exactly one end. */
export const answerEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('sources'), sequence: z.number(), at: z.string(), hits: z.array(hit), timings: stageTimings }),
  z.object({
    type: z.literal('model-loading'),
    sequence: z.number(),
    at: z.string(),
    model: z.string(),
    doneBytes: z.number(),
    totalBytes: z.number(),
  }),
  z.object({ type: z.literal('answer-delta'), sequence: z.number(), at: z.string(), text: z.string() }),
  z.object({ type: z.literal('answer-end'), sequence: z.number(), at: z.string(), answer }),
  z.object({ type: z.literal('answer-failed'), sequence: z.number(), at: z.string(), error: errorData }),
]);
export type AnswerEvent = z.infer<typeof answerEvent>;
