import { z } from 'zod';
import type { Answer, AnswerEvent, AskOptions, SearchOptions, SearchResult } from './answers.ts';
import type { IngestEvent, IngestSummary } from './events.ts';
import { collectionName, metadata } from './identifiers.ts';
import type { CollectionStatus, DocumentRecord, RunRecord, SourceRecord, VerifyReport } from './store.ts';
import type { LaneSnapshot } from './work.ts';

/** A text or file content handed over by the program under its own id. The same id again replaces what was there. */
export const handedSource = z
  .object({
    id: z.string().min(1).max(2_000),
    text: z.string().optional(),
    bytes: z.instanceof(Uint8Array).optional(),
    contentType: z.string().max(200).optional(),
    title: z.string().max(2_000).optional(),
    metadata: metadata.optional(),
  })
  .refine((source) => (source.text === undefined) !== (source.bytes === undefined), 'Give either text or bytes.');
export type HandedSource = z.infer<typeof handedSource>;

/** A path, folder or glob pattern, or a handed-over source. */
export type IngestSource = string | HandedSource;

export const ingestOptions = z.object({
  collection: collectionName.optional(),
  /** Documents of one commit. Default 50. */
  batchSize: z.number().int().min(1).max(1_000).optional(),
  /** Files read at the same time. Default 20. */
  maxConcurrentFiles: z.number().int().min(1).max(1_000).optional(),
  /** False leaves vectors for later: documents are then found by text only. Default true. */
  embed: z.boolean().optional(),
  /** Set on every source of this call. */
  metadata: metadata.optional(),
});
export type IngestOptions = z.infer<typeof ingestOptions> & { readonly signal?: AbortSignal };

/** A stream of events with one result; leaving the loop cancels. */
export interface MillStream<Event, Result> extends AsyncIterable<Event> {
  result(): Promise<Result>;
}

export interface MillStatus {
  readonly directory: string;
  readonly writable: boolean;
  readonly collections: readonly CollectionStatus[];
  readonly embedder: string | null;
  readonly generator: string | null;
  readonly lanes: readonly LaneSnapshot[];
}

/**
 * One directory, open. Every argument and result is JSON (besides bytes, async iterables and signals), so that the same interface
 * works in process and over a socket. All methods reject with `MillraceError`.
 */
export interface Mill {
  /** Reads, parses, chunks, stores and embeds. Each document is acknowledged by its `document-committed`. */
  ingest(sources: Iterable<IngestSource> | AsyncIterable<IngestSource>, options?: IngestOptions): MillStream<IngestEvent, IngestSummary>;
  /** Sources first, then the answer in pieces; `result()` is the whole answer. */
  ask(question: string, options?: AskOptions): MillStream<AnswerEvent, Answer>;
  search(query: string, options?: SearchOptions): Promise<SearchResult>;
  /** Unit vectors in the order of the texts, batched. */
  embedMany(
    texts: readonly string[],
    options?: { readonly kind?: 'query' | 'passage'; readonly signal?: AbortSignal },
  ): Promise<Float32Array[]>;
  readonly documents: {
    list(options?: { readonly collection?: string; readonly afterKey?: string; readonly limit?: number }): Promise<readonly SourceRecord[]>;
    show(
      key: string,
      options?: { readonly collection?: string },
    ): Promise<{ readonly source: SourceRecord; readonly document: DocumentRecord | null }>;
    remove(key: string, options?: { readonly collection?: string }): Promise<boolean>;
  };
  readonly runs: { list(): Promise<readonly RunRecord[]> };
  status(): Promise<MillStatus>;
  verify(options?: { readonly signal?: AbortSignal }): Promise<VerifyReport>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
