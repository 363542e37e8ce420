import type { ErrorData } from './failure.ts';
import type { ChunkId, DocumentId, Metadata, MetadataFilter, RunId, SourceId } from './identifiers.ts';
import type { DocumentKey, NewDocument, StagedDocument } from './new-document.ts';
import type { PageKind } from './page-kind.ts';
import type { CollectionStatus, PurgeReport, RebuildReport, VerifyReport } from './store-reports.ts';

export type { DocumentKey, DocumentPortion, NewChunk, NewDocument, StagedDocument } from './new-document.ts';

/** One source as it is now, or as it was last seen. */
export interface SourceRecord {
  readonly id: SourceId;
  readonly collection: string;
  /** Stable: absolute path, URL, or the caller's own id. Unique in its collection. */
  readonly key: string;
  readonly uri: string;
  readonly title: string | null;
  /** Integer ms UTC and bytes, of files. */
  readonly mtime: number | null;
  readonly size: number | null;
  readonly metadata: Metadata;
  readonly document: DocumentId | null;
  /** Set when the last attempt failed; `document` then still points to the last good version, if there was one. */
  readonly error: ErrorData | null;
  /** sha256 of the bytes that the directory keeps for it, where the program handed them over to be kept. */
  readonly blob: string | null;
  /** As the program gave it with them. */
  readonly contentType: string | null;
  /** When it was accepted, ms UTC; null once it has been ingested, well or in vain. */
  readonly pendingAt: number | null;
  readonly updatedAt: number;
}

/** One version of a source, the newest last. */
export interface SourceVersion {
  /** 1, 2, … */
  readonly number: number;
  /** The document that the source pointed to; of an older version it is gone from the record. */
  readonly document: DocumentId;
  readonly bytesSha256: string;
  readonly textSha256: string;
  /** Ms UTC; `until` is null for the version that counts now. */
  readonly from: number;
  readonly until: number | null;
}

/** What has become of a document that a citation or a table cell names. */
export interface DocumentState {
  readonly document: DocumentId;
  /** `current` also where its text was only cut anew; `replaced` by a newer version of its source; `removed` without one. */
  readonly state: 'current' | 'replaced' | 'removed';
  /** The document that holds the text now. */
  readonly now: DocumentId | null;
}

export interface DocumentRecord extends DocumentKey {
  readonly id: DocumentId;
  readonly collection: string;
  readonly contentType: string;
  readonly textSha256: string;
  /** UTF-16 code units. */
  readonly textLength: number;
  readonly title: string | null;
  readonly author: string | null;
  readonly language: string | null;
  readonly createdAt: number | null;
  readonly modifiedAt: number | null;
  readonly pages: number;
  readonly chunks: number;
  readonly chunkerHash: string;
  readonly warnings: readonly string[];
  readonly committedAt: number;
}

export interface StoredPage {
  readonly number: number;
  readonly label: string | null;
  /** What the pages of its document are; null where it has none, and this one is all of it. */
  readonly kind: PageKind | null;
  readonly start: number;
  readonly end: number;
}

export interface NewSource {
  readonly key: string;
  readonly uri: string;
  readonly title?: string;
  readonly mtime?: number;
  readonly size?: number;
  readonly metadata: Metadata;
  /** Of bytes that the directory keeps. */
  readonly blob?: string;
  readonly contentType?: string;
}

/** What a program hands over to be kept and read later. */
export interface NewBlob {
  readonly source: NewSource;
  readonly bytes: Uint8Array;
}

/**
 * Write operations: plain data, each one transaction named after what it makes true. `commit` makes several true together. Repeating
 * any of them is harmless.
 */
export type StoreOperation =
  | {
      readonly type: 'commitDocument';
      readonly collection: string;
      readonly source: NewSource;
      readonly document: NewDocument;
      /** Keys of the files of a container, which are on record before it: what else lies below its key goes. Absent: it holds none. */
      readonly members?: readonly string[];
      /** Number of a staged document: its text, pages, blocks and chunks stand in for those of `document`, which are empty. */
      readonly staged?: number;
      readonly at: number;
    }
  /** A source whose bytes are already a document of the collection: points it there. */
  | {
      readonly type: 'commitSource';
      readonly collection: string;
      readonly source: NewSource;
      readonly document: DocumentId;
      readonly at: number;
    }
  | {
      readonly type: 'commitFailure';
      readonly collection: string;
      readonly source: NewSource;
      readonly error: ErrorData;
      readonly at: number;
    }
  | {
      readonly type: 'commitVectors';
      readonly embedderHash: string;
      readonly dimensions: number;
      readonly vectors: readonly { readonly chunk: ChunkId; readonly vector: Float32Array }[];
    }
  /** With it go the files that it contains: the sources whose keys begin with its own and "!/". */
  | { readonly type: 'removeSource'; readonly collection: string; readonly key: string; readonly at: number }
  /** The files of a container have its metadata. */
  | {
      readonly type: 'describeMembers';
      readonly collection: string;
      readonly container: string;
      readonly metadata: Metadata;
      readonly at: number;
    }
  /** A source whose bytes are in the directory and not yet read. What it pointed to stays until they are. */
  | { readonly type: 'acceptSource'; readonly collection: string; readonly source: NewSource; readonly at: number }
  | {
      readonly type: 'createRun';
      readonly run: RunId;
      readonly kind: 'ask-many' | 'table' | 'parallel-run' | 'ingest';
      readonly definition: unknown;
      readonly items: readonly { readonly number: number; readonly key: string; readonly input: unknown }[];
      readonly at: number;
    }
  | {
      readonly type: 'appendRunItems';
      readonly run: RunId;
      readonly items: readonly { readonly number: number; readonly key: string; readonly input: unknown }[];
    }
  | { readonly type: 'setRunState'; readonly run: RunId; readonly state: RunState; readonly progress?: unknown; readonly at: number }
  /** Settled items of these statuses, of an older revision where one is given, are pending again; what they held stays until they settle. */
  | {
      readonly type: 'reopenItems';
      readonly run: RunId;
      readonly statuses: readonly ItemStatus[];
      /** Compared with `revision` of the item's result; an item without one is not reopened. */
      readonly olderThanRevision?: number;
    }
  /** These settled items are pending again, with the key and input given here; what they held stays until they settle. */
  | {
      readonly type: 'renewRunItems';
      readonly run: RunId;
      readonly items: readonly { readonly number: number; readonly key: string; readonly input: unknown }[];
    }
  | { readonly type: 'deleteRun'; readonly run: RunId }
  | {
      readonly type: 'settleItem';
      readonly run: RunId;
      readonly number: number;
      /** Refused (`false` in the outcome) when a newer claim holds the item. */
      readonly fence: number;
      readonly status: ItemStatus;
      readonly result?: unknown;
      readonly error?: ErrorData;
      readonly at: number;
    };

export type RunState = 'running' | 'interrupted' | 'done' | 'cancelled';
export type ItemState = 'pending' | 'claimed' | 'settled';
export type ItemStatus = 'done' | 'failed' | 'cancelled' | 'expired';

export interface RunItem {
  readonly run: RunId;
  readonly number: number;
  readonly key: string;
  readonly input: unknown;
  readonly state: ItemState;
  readonly status: ItemStatus | null;
  readonly attempt: number;
  readonly fence: number;
  readonly result: unknown;
  readonly error: ErrorData | null;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
}

export interface RunRecord {
  readonly id: RunId;
  readonly kind: string;
  readonly state: RunState;
  readonly definition: unknown;
  readonly progress: unknown;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly items: Readonly<Record<ItemState, number>>;
  /** Of the settled items. */
  readonly outcomes: Readonly<Record<ItemStatus, number>>;
}

/** What one operation did: `document` and its new chunks for `commitDocument`, `done: false` where it was refused or changed nothing. */
export interface OperationOutcome {
  readonly done: boolean;
  readonly document?: DocumentId;
  readonly chunks?: readonly ChunkId[];
  /** Keys of the sources that went: the removed one, and files of containers. */
  readonly removed?: readonly string[];
  /** Whether a document is on record no more because of it. */
  readonly documentLeft?: true;
  /** Kept bytes that the operation let go of; no source may name them any more. */
  readonly freedBlob?: string;
}

/** A chunk read from the record, its hash checked. */
export interface StoredChunk {
  readonly id: ChunkId;
  readonly document: DocumentId;
  readonly number: number;
  readonly start: number;
  readonly end: number;
  readonly headingPath: readonly string[];
  /** Header row of the table that the chunk starts inside of; null where there is none or the chunk holds it. */
  readonly tableHeader: string | null;
  readonly tokens: number;
  readonly text: string;
  /** Page of `start`. */
  readonly page: StoredPage;
  readonly title: string | null;
  /** The first source of the document, by key. */
  readonly source: { readonly key: string; readonly uri: string; readonly title: string | null; readonly metadata: Metadata };
}

/** Higher is better. For text `-bm25`, for vectors the cosine. */
export interface ScoredChunk {
  readonly chunk: ChunkId;
  readonly score: number;
}

export interface SearchScope {
  readonly collection: string;
  readonly filter?: MetadataFilter;
  readonly documents?: readonly DocumentId[];
}

/** Reading needs no lock and works beside any writer. Every method reads one consistent state of the record. */
export interface StoreReader {
  readSource(collection: string, key: string): Promise<SourceRecord | undefined>;
  /** The same with the document that it points to, where it points to one. */
  readSourceDocument(
    collection: string,
    key: string,
  ): Promise<{ readonly source: SourceRecord; readonly document: DocumentRecord | null } | undefined>;
  /** In order of key, after `afterKey`, at most `limit` (default 1,000). */
  listSources(collection: string, options?: { readonly afterKey?: string; readonly limit?: number }): Promise<readonly SourceRecord[]>;
  /** Files of a container whose last attempt failed, those of containers inside it included, in order of key. */
  listFailedMembers(
    collection: string,
    container: string,
    options: { readonly afterKey: string; readonly limit: number },
  ): Promise<readonly SourceRecord[]>;
  /** Accepted and not yet read, in order of key. */
  listPending(collection: string, options: { readonly afterKey: string; readonly limit: number }): Promise<readonly SourceRecord[]>;
  /** The last 100 versions of a source, oldest first. */
  listVersions(collection: string, key: string): Promise<readonly SourceVersion[]>;
  /** In the order of `ids`. */
  documentStates(ids: readonly DocumentId[]): Promise<readonly DocumentState[]>;
  readDocument(id: DocumentId): Promise<DocumentRecord | undefined>;
  /** The documents of a collection that were made of these bytes, by whatever parsers. */
  findDocuments(collection: string, bytesSha256: string): Promise<readonly DocumentRecord[]>;
  /** All, or the one that holds a position of the text. */
  readPages(
    id: DocumentId,
    position?: number,
  ): Promise<
    readonly (StoredPage & { readonly boxes: Uint32Array | null; readonly width: number | null; readonly height: number | null })[]
  >;
  /** Text of a range of the canonical text, its document's hash checked. */
  readSpan(id: DocumentId, start: number, end: number): Promise<string>;
  /** Ids of the document's chunks, in their order. */
  listChunks(id: DocumentId): Promise<readonly ChunkId[]>;
  /**
   * In the order of `ids`; ids that are gone are left out. Of several sources of a document the first by key is told, of those that meet the
   * filter where there is one.
   */
  readChunks(ids: readonly ChunkId[], filter?: MetadataFilter): Promise<readonly StoredChunk[]>;
  /** Chunks of the collection without a vector of this embedder, in order of id after `after`. */
  listUnembedded(
    collection: string,
    embedderHash: string,
    options: { readonly after: ChunkId | 0; readonly limit: number },
  ): Promise<readonly Pick<StoredChunk, 'id' | 'text' | 'headingPath' | 'tableHeader' | 'tokens'>[]>;
  /** BM25 over chunk texts, titles and headings. `query` is any text; it is tokenised and quoted here. */
  searchText(query: string, scope: SearchScope, limit: number): Promise<readonly ScoredChunk[]>;
  searchVectors(vector: Float32Array, embedderHash: string, scope: SearchScope, limit: number): Promise<readonly ScoredChunk[]>;
  collections(): Promise<readonly CollectionStatus[]>;
  /** Chunks of one collection, counted once for each state of the record. */
  countChunks(collection: string): Promise<number>;
  /** `revision` of one collection, without counting anything; 0 where there is none of this name. */
  readRevision(collection: string): Promise<number>;
  /** Settings of a collection and of the directory, JSON values under string keys. */
  readSetting(key: string): Promise<unknown>;
  listRuns(): Promise<readonly RunRecord[]>;
  readRun(id: RunId): Promise<RunRecord | undefined>;
  listRunItems(
    id: RunId,
    options: { readonly after: number; readonly limit: number; readonly state?: ItemState; readonly status?: ItemStatus },
  ): Promise<readonly RunItem[]>;
  verify(options?: { readonly signal?: AbortSignal }): Promise<VerifyReport>;
  /** Bytes that `acceptSources` kept, their hash checked. Rejects with `E_STORE_CORRUPT` where they are damaged or gone. */
  readBlob(sha256: string): Promise<Uint8Array>;
  /**
   * Writes a whole record of one moment, with the bytes that it names, to a new folder: the directory can be written to meanwhile.
   * Resolves when it is on the disk. Rejects with `E_OUTPUT_EXISTS` where there is something already.
   */
  backup(target: string, options?: { readonly signal?: AbortSignal }): Promise<void>;
}

export interface Store extends StoreReader {
  /** False when opened for reading only; every write then fails with `E_LOCKED` or `E_STORE_FAILED`. */
  readonly writable: boolean;
  /** Acknowledged (resolved) after the fsync. Operations of one call are one transaction: all or none. */
  commit(operations: readonly StoreOperation[]): Promise<readonly OperationOutcome[]>;
  /** For a document that is not to be in memory as a whole. */
  stageDocument(): StagedDocument;
  /** Keeps the bytes and notes their sources as pending, all or none; resolves when both are on the disk. */
  acceptSources(collection: string, blobs: readonly NewBlob[]): Promise<void>;
  /**
   * Removes a source and overwrites every trace of its text: older versions, quotes, passages and answers in stored runs, kept bytes,
   * free pages of the record; of a container with its files. Other sources with the same content keep it. `forget` drops other copies. What
   * failed or was killed half-way is carried on when it is repeated, and when the directory is opened for writing. Of a source that was
   * removed without a purge it overwrites what is left. Undefined where there is nothing of it to overwrite: then nothing is done.
   */
  purgeSource(
    collection: string,
    key: string,
    forget?: (documents: readonly DocumentId[]) => Promise<void>,
  ): Promise<PurgeReport | undefined>;
  /** Takes up to `limit` pending items, lowest number first, with a lease until `leaseUntil` (ms UTC); expired leases count as pending. */
  claimItems(
    run: RunId,
    options: { readonly limit: number; readonly leaseUntil: number; readonly at: number },
  ): Promise<readonly RunItem[]>;
  writeSetting(key: string, value: unknown): Promise<void>;
  /** Builds text and vector index again from the record. */
  rebuild(options?: { readonly signal?: AbortSignal }): Promise<RebuildReport>;
  close(): Promise<void>;
}
