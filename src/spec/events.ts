import { z } from 'zod';
import { errorData } from './failure.ts';
import { answerEvent } from './answers.ts';
import { pageKind } from './page-kind.ts';
import { readEvent } from './reading.ts';
import { runEvent } from './runs.ts';

const head = { sequence: z.number().int(), at: z.string(), runId: z.string().optional() };

/** What `ingest` streams; ends with exactly one `ingest-end` or `ingest-failed`. */
export const ingestEvent = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('ingest-start'),
    ...head,
    collection: z.string(),
    embedder: z.string().nullable(),
    dryRun: z.literal(true).optional(),
  }),
  z.object({ type: z.literal('document-found'), ...head, source: z.string(), bytes: z.number() }),
  z.object({ type: z.literal('document-skipped'), ...head, source: z.string(), reason: z.enum(['unchanged', 'same-content']) }),
  /** The acknowledgement: the document is in the record, through any crash, and found by text search. */
  z.object({
    type: z.literal('document-committed'),
    ...head,
    source: z.string(),
    document: z.string(),
    chunks: z.number(),
    pages: z.number(),
    /** As of hits. */
    pageKind: pageKind.nullable(),
    warnings: z.array(z.string()),
  }),
  z.object({ type: z.literal('document-failed'), ...head, source: z.string(), error: errorData }),
  /** Its file is gone, and it was taken out of the record. */
  z.object({ type: z.literal('document-removed'), ...head, source: z.string() }),
  z.object({
    type: z.literal('vectors-committed'),
    ...head,
    chunks: z.number(),
    tokens: z.number(),
    embeddedChunks: z.number(),
    remainingChunks: z.number(),
  }),
  /** Where the whole call stands; at most one a half second. Figures of the embedder are 0 where vectors are left for later. */
  z.object({
    type: z.literal('ingest-progress'),
    ...head,
    stage: z.enum(['reading', 'embedding']),
    /** Sources found so far, and whether that is all of them. */
    found: z.number(),
    allFound: z.boolean(),
    /** Sources committed, skipped or failed. */
    settled: z.number(),
    bytesRead: z.number(),
    /** Of the collection, and how many of them have a vector of its embedder. */
    chunks: z.number(),
    embeddedChunks: z.number(),
    /** Of the current stage; null until it can be told. */
    itemsPerSecond: z.number().nullable(),
    remainingMs: z.number().nullable(),
    failed: z.number(),
    /** Of every stage: how much waits before it, and how much it does in a second (sources, or chunks for `embed`). */
    stages: z.object({
      /** Looking, reading, parsing and chunking. */
      read: z.object({ waiting: z.number(), working: z.number(), perSecond: z.number().nullable() }),
      commit: z.object({ waiting: z.number() }),
      embed: z.object({ waiting: z.number(), perSecond: z.number().nullable() }),
    }),
  }),
  z.object({
    type: z.literal('ingest-end'),
    ...head,
    /** Sources, and paths that name nothing: the sum of the next four. */
    found: z.number(),
    /** Of them files inside others (attachments, files of archives), where there are any. They are found when what holds them is read. */
    inside: z.number().optional(),
    /** In a dry run: those that would be read. */
    indexed: z.number(),
    skipped: z.number(),
    /** Without those in quarantine. */
    failed: z.number(),
    /** Those that ended their parser process. They are left out until they change or are reread. */
    quarantined: z.number(),
    /** Of the documents that were indexed. */
    chunks: z.number(),
    /** Read, those of unchanged files that had to be read included. */
    bytes: z.number(),
    /** Sources whose files are gone, where there are any. */
    removed: z.number().optional(),
    /** Chunks that the embedder refused, where there are any, and why it refused the first: they are found by their words. */
    unembedded: z.object({ chunks: z.number(), error: errorData }).optional(),
    elapsedMs: z.number(),
  }),
  z.object({ type: z.literal('ingest-failed'), ...head, error: errorData, elapsedMs: z.number() }),
]);
export type IngestEvent = z.infer<typeof ingestEvent>;
export type IngestSummary = Extract<IngestEvent, { type: 'ingest-end' }>;

/** Every event of every stream. */
export const event = z.union([ingestEvent, answerEvent, readEvent, runEvent]);
export type Event = z.infer<typeof event>;
