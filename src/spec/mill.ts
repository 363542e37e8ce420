import { z } from 'zod';
import type { Activity } from './activity.ts';
import type { Answer, AnswerEvent, AskOptions, SearchOptions, SearchResult } from './answers.ts';
import type { CacheReport } from './caches.ts';
import type { IngestEvent, IngestSummary } from './events.ts';
import type { Estimate, EstimateOptions } from './estimates.ts';
import { collectionName, metadata } from './identifiers.ts';
import type { Pipeline } from './pipeline.ts';
import type {
  AskManyOptions,
  BatchQuestion,
  ParallelRunOptions,
  PipelineInput,
  ResumeOptions,
  RetryChoice,
  RunEvent,
  RunSummary,
  SettledQuestion,
} from './runs.ts';
import type { SettledCell, TableOptions, TableQuestion } from './tables.ts';
import type { DocumentRecord, DocumentState, RunRecord, SourceRecord, SourceVersion } from './store.ts';
import type { CollectionStatus, PurgeReport, RebuildReport, VerifyReport } from './store-reports.ts';
import type { PrefixStatus } from './prefixes.ts';
import type { ReadEvent, ReadOptions, ReadSummary } from './reading.ts';
import { callLimits } from './time.ts';
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

export const ingestOptions = callLimits.extend({
  collection: collectionName.optional(),
  /** Documents of one commit. Default 50. */
  batchSize: z.number().int().min(1).max(1_000).optional(),
  /** Files in hand at the same time: read, parsed, or waiting for it. Default 64. */
  maxConcurrentFiles: z.number().int().min(1).max(1_000).optional(),
  /** False leaves vectors for later: documents are then found by text only. Default true. */
  embed: z.boolean().optional(),
  /** True reads every file, also those whose size and time of modification are as recorded. Default false. */
  reread: z.boolean().optional(),
  /** Set on every source of this call. */
  metadata: metadata.optional(),
  /** Title and metadata of single sources, by path or id; they go before `metadata`. */
  metadataBySource: z
    .record(z.string().max(4_096), z.object({ title: z.string().max(2_000).optional(), metadata: metadata.optional() }))
    .optional(),
  /** Removes sources below the named folders and patterns whose files are gone, nothing of a folder that is itself gone. Default false. */
  prune: z.boolean().optional(),
  /** Tells what would be read, skipped and removed, and does none of it. Default false. */
  dryRun: z.boolean().optional(),
  /** Goes on with what changes below the named paths, until the call is cancelled. Default false. */
  watch: z.boolean().optional(),
});
export type IngestOptions = z.infer<typeof ingestOptions> & { readonly signal?: AbortSignal };

/** A stream of events with one result; leaving the loop cancels. */
export interface MillStream<Event, Result> extends AsyncIterable<Event> {
  result(): Promise<Result>;
}

/** The key of a source: a path, a URL or the program's own id. */
export const sourceKey = z.string().min(1).max(4_096);
export const scopeOptions = z.object({ collection: collectionName.optional() });
export const listOptions = scopeOptions.extend({
  /** Where a page goes on: `nextKey` of the page before. */
  afterKey: sourceKey.optional(),
  /** Sources of one page. Default 1,000. */
  limit: z.number().int().min(1).max(1_000).optional(),
});
export type ListOptions = z.infer<typeof listOptions>;

/** Sources handed over to be kept; `documents.add` takes at most so many at once. */
export const addedSources = z.array(handedSource).min(1).max(1_000);

export const updateOptions = ingestOptions.omit({ watch: true, metadataBySource: true }).extend({
  /** Only these sources. Default: all of the collection. */
  keys: z.array(sourceKey).max(100_000).optional(),
  /** Only sources whose last attempt failed, those in quarantine included. Default false. */
  failed: z.boolean().optional(),
});
export type UpdateOptions = z.infer<typeof updateOptions> & { readonly signal?: AbortSignal };

/** One page of the sources of a collection, in order of key. */
export interface SourcePage {
  readonly sources: readonly SourceRecord[];
  /** Pass as `afterKey` for the next page; null where there is none. */
  readonly nextKey: string | null;
}

export const textList = z.array(z.string()).max(1_000_000);
export const embedOptions = callLimits.extend({
  /** Many embedders give the same text different vectors as a question and as a passage. Default `passage`. */
  kind: z.enum(['query', 'passage']).optional(),
  /** Catalogue id or path. Default: the one in use. Another than the one in use is `E_EMBEDDER_MISMATCH`. */
  embedder: z.string().min(1).optional(),
});
export type EmbedOptions = z.infer<typeof embedOptions> & { readonly signal?: AbortSignal };

/** A collection with the embedder of its vectors: documents whose chunks have none yet are found by words only. */
export interface CollectionState extends CollectionStatus {
  readonly embedder: string | null;
  readonly embeddedChunks: number;
}

export interface MillStatus {
  readonly directory: string;
  readonly writable: boolean;
  /** Of the prompts and of how answers are judged: answers of two versions do not compare. */
  readonly promptVersion: number;
  readonly collections: readonly CollectionState[];
  /** Ids of the models that are loaded now. */
  readonly embedder: string | null;
  readonly generator: string | null;
  /** All that are loaded: pipelines may name others than that of the open directory. */
  readonly generators: readonly string[];
  readonly lanes: readonly LaneSnapshot[];
  /** What this process does, or, where it only reads, what the writing one did within the last seconds; null when there is none. */
  readonly activity: Activity | null;
  readonly caches: CacheReport;
  /** What is kept of prompts beyond the KV cache; null where nothing is. */
  readonly prefixes: PrefixStatus | null;
}

/**
 * One directory, open. Every argument and result is JSON (besides bytes, async iterables and signals), so that the same interface
 * works in process and over a socket. All methods reject with `MillraceError`; a call that was aborted or ran past its `timeoutMs` ends
 * at once, whatever it was doing.
 */
export interface Mill {
  /** Reads, parses, chunks, stores and embeds. Each document is acknowledged by its `document-committed`. */
  ingest(sources: Iterable<IngestSource> | AsyncIterable<IngestSource>, options?: IngestOptions): MillStream<IngestEvent, IngestSummary>;
  /** Sources first, then the answer in pieces; `result()` is the whole answer. */
  ask(question: string, options?: AskOptions): MillStream<AnswerEvent, Answer>;
  /**
   * Many questions at once, read as a stream: each settles exactly once and is told after its settlement is in the record. A failing one
   * disturbs no other. Leaving the loop, the signal and a crash leave the run `interrupted`; `runs.resume` goes on with what is open.
   */
  askMany(questions: Iterable<BatchQuestion> | AsyncIterable<BatchQuestion>, options?: AskManyOptions): MillStream<RunEvent, RunSummary>;
  /**
   * Every question for every document: one cell each, settled exactly once and told after its settlement is in the record. The cells of
   * a document run next to each other and its tokens are computed once. A document that failed fails its own row only.
   */
  table(questions: readonly TableQuestion[], options?: TableOptions): MillStream<RunEvent, RunSummary>;
  /**
   * Every pipeline on every input, or each input with its own pipeline, as a run: in the order of what was given, what they have in common
   * done once. Each item names its pipeline; one that fails does so alone, with its configuration in `error.details.pipeline`.
   */
  parallelRun(
    pipelines: readonly Pipeline[],
    inputs: Iterable<BatchQuestion> | AsyncIterable<BatchQuestion>,
    options?: ParallelRunOptions,
  ): MillStream<RunEvent, RunSummary>;
  parallelRun(pairs: readonly PipelineInput[], options?: ParallelRunOptions): MillStream<RunEvent, RunSummary>;
  /**
   * Computes passages of the named sources (keys, URIs or folders; none: all) and keeps their tokens, in class `background`: a question
   * about one of them then costs its own tokens only. What is kept already is left out, so the same call goes on where one was stopped.
   */
  read(sources: readonly string[], options?: ReadOptions): MillStream<ReadEvent, ReadSummary>;
  /**
   * What work would take: counted, and told from a short sample that is done for it. Nothing is written; models are loaded. With fewer than
   * `leastItems` (default 0) nothing is sampled, and times and tokens are 0.
   */
  readonly estimate: {
    askMany(
      questions: Iterable<BatchQuestion> | AsyncIterable<BatchQuestion>,
      options?: AskManyOptions & EstimateOptions,
    ): Promise<Estimate>;
    table(questions: readonly TableQuestion[], options?: TableOptions & EstimateOptions): Promise<Estimate>;
    ingest(sources: Iterable<IngestSource> | AsyncIterable<IngestSource>, options?: IngestOptions & EstimateOptions): Promise<Estimate>;
  };
  search(query: string, options?: SearchOptions): Promise<SearchResult>;
  /** Unit vectors in the order of the texts, batched. The first failure ends the call; a text too long is `E_CONTEXT_EXCEEDED`. */
  embedMany(texts: readonly string[], options?: EmbedOptions): Promise<Float32Array[]>;
  readonly documents: {
    list(options?: ListOptions): Promise<SourcePage>;
    show(
      key: string,
      options?: { readonly collection?: string },
    ): Promise<{ readonly source: SourceRecord; readonly document: DocumentRecord | null; readonly versions: readonly SourceVersion[] }>;
    /** Takes a source out of the record; its document goes with its last source. False where there is none. */
    remove(key: string, options?: { readonly collection?: string }): Promise<boolean>;
    /** Removes a source and overwrites what runs, older versions and free space hold of it. Null where there is none. */
    purge(key: string, options?: { readonly collection?: string }): Promise<PurgeReport | null>;
    /**
     * Keeps what a program hands over, all or none, and resolves with the ids when it is on the disk: it then survives a crash before it
     * is read. The next `ingest` of the collection, with any sources or none, reads it.
     */
    add(sources: readonly HandedSource[], options?: { readonly collection?: string }): Promise<readonly string[]>;
    /** Ingests again what the record holds: files that changed, failed ones with `failed`. Handed-over texts that are not kept are left out. */
    update(options?: UpdateOptions): MillStream<IngestEvent, IngestSummary>;
    /** What has become of documents that citations or tables name. */
    states(documents: readonly string[]): Promise<readonly DocumentState[]>;
  };
  readonly runs: {
    list(): Promise<readonly RunRecord[]>;
    show(id: string): Promise<RunRecord>;
    /** Settled items in the order of the input. */
    items(id: string): AsyncIterable<SettledQuestion>;
    /** Settled cells of a table, row after row. */
    cells(id: string): AsyncIterable<SettledCell>;
    /** How many settled items or cells are stale: the collection, or the document of the cell, has changed since. */
    stale(id: string): Promise<number>;
    /** Goes on with the open items. `questions` are needed where the run stopped before all were read; they must begin as they did. */
    resume(
      id: string,
      options?: ResumeOptions & { readonly questions?: Iterable<BatchQuestion> | AsyncIterable<BatchQuestion> },
    ): MillStream<RunEvent, RunSummary>;
    /** Asks again what failed or expired, what was answered from an older revision of the collection, or what got no answer. */
    retry(id: string, which: RetryChoice, options?: ResumeOptions): MillStream<RunEvent, RunSummary>;
    /** Settles what is open as `cancelled`. */
    cancel(id: string): Promise<void>;
    delete(id: string): Promise<void>;
  };
  status(): Promise<MillStatus>;
  /** Of this process, in the text format of Prometheus; `docs/reference/metrics.md` lists them. */
  metrics(): Promise<string>;
  verify(options?: { readonly signal?: AbortSignal }): Promise<VerifyReport>;
  /** Builds the text index and the vector index again from the record, which stays as it is. Questions go on meanwhile. */
  rebuild(options?: { readonly signal?: AbortSignal }): Promise<RebuildReport>;
  /** Writes a whole directory of one moment to a new folder, while everything goes on. `E_OUTPUT_EXISTS` where there is something. */
  backup(target: string, options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Ends every open call with `E_SHUTTING_DOWN` and frees models, processes and files. What was acknowledged is kept. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
