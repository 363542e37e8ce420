import { z } from 'zod';
import { askOptions, citation, questionText, stageTimings, usage } from './answers.ts';
import { errorData } from './failure.ts';
import { collectionName } from './identifiers.ts';
import { pipeline } from './pipeline.ts';
import { itemStatus } from './run-item.ts';
import { settledCell } from './tables.ts';

/** One question of a batch: a text, or a text with the caller's own id. */
export const batchQuestion = z.union([
  questionText,
  z.strictObject({
    question: questionText,
    /** Comes back with the answer. */
    id: z.string().max(2_000).optional(),
    /** Why the question could not be read, for readers of files: it settles as failed with this, and no other is disturbed. */
    unreadable: errorData.optional(),
  }),
]);
export type BatchQuestion = z.infer<typeof batchQuestion>;

/** A settled question of a batch. */
export const settledQuestion = z.object({
  /** Place in the input, from 0. */
  index: z.number().int().nonnegative(),
  /** Of a run of several pipelines: which of them, from 0, and its name. With `index` it says which item this is. */
  pipeline: z.object({ number: z.number().int().nonnegative(), name: z.string() }).optional(),
  id: z.string().nullable(),
  question: z.string(),
  status: itemStatus,
  /** Null unless `status` is `done`. */
  answer: z.string().nullable(),
  abstained: z.boolean(),
  citations: z.array(citation),
  /** Ids of the documents whose passages were found for it, cited or not; absent where there is no answer. */
  documents: z.array(z.string()).optional(),
  /** Sentences of the answer that no given passage supports. */
  unsupported: z.array(z.string()),
  error: errorData.nullable(),
  attempts: z.number().int().nonnegative(),
  /** ISO 8601 with ms. */
  startedAt: z.string().nullable(),
  endedAt: z.string(),
  timings: stageTimings.nullable(),
  usage: usage.nullable(),
  model: z.string().nullable(),
  /** Revision of the collection that was asked; an item of an older one is stale. */
  revision: z.number().int().nonnegative().nullable(),
  /** True where the collection has changed since, as of when the item is told; false as it settles. */
  stale: z.boolean(),
  /** True where a purge has blanked answer and quotes. */
  purged: z.boolean().optional(),
});
export type SettledQuestion = z.infer<typeof settledQuestion>;

export const askManyOptions = askOptions.omit({ timeoutMs: true }).extend({
  /** Questions in work at the same time. Default 10. */
  concurrency: z.number().int().min(1).max(1_000).optional(),
  /** Settled items in the order of the input instead of in the order of completion. */
  ordered: z.boolean().optional(),
  /** True keeps the run in the record, so that it can be resumed. Default: true where the directory is open for writing. */
  durable: z.boolean().optional(),
  /** For each question, from when its work starts, as `totalMs` of `timeouts`. A question past it settles as `expired`. */
  questionTimeoutMs: z.number().positive().optional(),
  /** The run stops cleanly after this time and can be resumed. */
  maxTimeMs: z.number().positive().optional(),
  /** What the caller wants to find in `runs.show`, for example the files the run came from. */
  label: z.record(z.string(), z.string()).optional(),
});
export type AskManyOptions = z.infer<typeof askManyOptions> & { readonly signal?: AbortSignal };

export const pipelineInput = z.strictObject({ pipeline, input: batchQuestion });
/** One question for one pipeline. */
export type PipelineInput = z.infer<typeof pipelineInput>;

export const parallelRunOptions = askManyOptions
  .pick({
    timeouts: true,
    concurrency: true,
    durable: true,
    questionTimeoutMs: true,
    maxTimeMs: true,
    label: true,
    class: true,
    tenant: true,
    cache: true,
  })
  .extend({
    /** What is searched where a pipeline names no collection. Default `default`. */
    collection: collectionName.optional(),
    /** False tells items as they settle. Default: in the order of the inputs, pipeline after pipeline. */
    ordered: z.boolean().optional(),
  });
export type ParallelRunOptions = z.infer<typeof parallelRunOptions> & { readonly signal?: AbortSignal };

/** How a run goes on: `concurrency` and the like may differ from the first time, what is asked may not. */
export const resumeOptions = askManyOptions.pick({ concurrency: true, ordered: true, questionTimeoutMs: true, maxTimeMs: true });
export type ResumeOptions = z.infer<typeof resumeOptions> & { readonly signal?: AbortSignal };

/** Which settled items of a run are done again: failed and expired ones, those of an older version of the documents, those without an answer. */
export const retryChoice = z.enum(['failed', 'stale', 'empty']);
export type RetryChoice = z.infer<typeof retryChoice>;

const head = { sequence: z.number().int(), at: z.string(), runId: z.string().nullable() };
const counts = {
  done: z.number().int(),
  failed: z.number().int(),
  expired: z.number().int(),
  /** Of the done ones: those whose documents do not hold the answer. */
  abstained: z.number().int(),
};

/** What `askMany` and `table` stream; ends with exactly one `run-end` or `run-failed`. */
export const runEvent = z.discriminatedUnion('type', [
  /** The acknowledgement of the run. `settled` items were settled before, by this run's earlier life. */
  z.object({ type: z.literal('run-start'), ...head, resumed: z.boolean(), settled: z.number().int() }),
  /** Comes after the settlement is in the record. */
  z.object({ type: z.literal('item-settled'), ...head, item: settledQuestion }),
  /** The same for a cell of a table. */
  z.object({ type: z.literal('cell-settled'), ...head, cell: settledCell }),
  /** At most one a second. */
  z.object({
    type: z.literal('run-progress'),
    ...head,
    /** Questions read so far, and whether that is all of them. */
    found: z.number().int(),
    allFound: z.boolean(),
    ...counts,
    itemsPerSecond: z.number().nullable(),
    remainingMs: z.number().nullable(),
    /** Prompt and answer tokens, those taken from the KV cache apart. */
    computedTokensPerSecond: z.number().nullable(),
    reusedTokensPerSecond: z.number().nullable(),
    /** Answers that were generated at the same time, on average: those beside each that ended, and itself. */
    occupancy: z.number().nullable(),
  }),
  z.object({
    type: z.literal('run-end'),
    ...head,
    /** `interrupted` when `maxTimeMs` ended it: what is left can be resumed. */
    state: z.enum(['done', 'interrupted']),
    items: z.number().int(),
    ...counts,
    elapsedMs: z.number(),
  }),
  z.object({ type: z.literal('run-failed'), ...head, error: errorData, elapsedMs: z.number() }),
]);
export type RunEvent = z.infer<typeof runEvent>;
export type RunSummary = Extract<RunEvent, { type: 'run-end' }>;
