import { MillraceError } from '../../errors.ts';
import type { ChunkId, DocumentId, Metadata, MetadataFilter } from '../../spec/identifiers.ts';
import { pageKindOf, type PagesOnRecord } from '../../spec/page-kind.ts';
import type { DocumentRecord, ItemState, ItemStatus, RunRecord, StoredChunk, StoredPage, StoreReader } from '../../spec/store.ts';
import type { CollectionStatus } from '../../spec/store-reports.ts';
import { sha256 } from '../../util/hash.ts';
import type { Connection } from './connection.ts';
import { filterCondition } from './filter.ts';
import { itemColumns, itemOf } from './run-rows.ts';
import { createSourceQueries } from './source-queries.ts';
import { readSpan, type StoredText, storedText } from './stored-text.ts';
import { unlessDamaged } from './unless-damaged.ts';

/** The reading methods that a reader thread answers from the record. */
export type RecordMethod = Exclude<keyof StoreReader, 'readBlob' | 'backup'>;

/** The reading methods as they run in a reader thread: same arguments, the value at once. */
export type SynchronousReader = {
  readonly [Name in RecordMethod]: StoreReader[Name] extends (...parameters: infer Parameters) => Promise<infer Value>
    ? (...parameters: Parameters) => Value
    : never;
};

export type RecordQueries = Omit<SynchronousReader, 'searchText' | 'searchVectors' | 'countChunks' | 'verify'>;

interface LastText {
  readonly id: DocumentId;
  readonly text: StoredText;
}

/** The last text read is kept during one call: neighbouring chunks come from one document. `last`: from the call before. */
function createTextReader(connection: Connection, last?: LastText): { textOf(id: DocumentId): StoredText; last(): LastText | undefined } {
  let kept = last;
  return {
    last: () => kept,
    textOf(id) {
      if (kept?.id !== id) {
        // Two large texts need not be there at a time.
        kept = undefined;
        kept = { id, text: storedText(connection, id) };
      }
      return kept.text;
    },
  };
}

interface ChunkRow {
  readonly id: ChunkId;
  readonly document: DocumentId;
  readonly number: number;
  readonly start: number;
  readonly end: number;
  readonly headingPath: string;
  readonly tableHeaderStart: number | null;
  readonly tableHeaderEnd: number | null;
  readonly tokens: number;
  readonly sha256: string;
}

const chunkColumns = `c.id, c.document, c.number, c.start, c."end", c.heading_path AS headingPath,
  c.table_header_start AS tableHeaderStart, c.table_header_end AS tableHeaderEnd, c.tokens, c.sha256`;

function tableHeaderOf(row: ChunkRow, documentText: StoredText): string | null {
  if (row.tableHeaderStart === null || row.tableHeaderEnd === null) return null;
  return documentText.slice(row.tableHeaderStart, row.tableHeaderEnd);
}

function checkedText(row: ChunkRow, documentText: StoredText): string {
  const text = documentText.slice(row.start, row.end);
  if (sha256(text) !== row.sha256) {
    throw new MillraceError('E_STORE_CORRUPT', `The stored text of chunk ${row.id} of document ${row.document} is damaged.`);
  }
  return text;
}

function pendingChunk(row: ChunkRow, documentText: StoredText): Awaited<ReturnType<StoreReader['listUnembedded']>>[number] {
  return {
    id: row.id,
    text: checkedText(row, documentText),
    headingPath: JSON.parse(row.headingPath) as string[],
    tableHeader: tableHeaderOf(row, documentText),
    tokens: row.tokens,
  };
}

interface SourceOfChunk {
  readonly key: string;
  readonly uri: string;
  readonly title: string | null;
  readonly metadata: string;
}

function sourceOf(connection: Connection, document: DocumentId, filter: MetadataFilter | undefined): SourceOfChunk | undefined {
  const meets = filter === undefined ? undefined : filterCondition(filter);
  const select = (condition: string): string =>
    `SELECT s.key, s.uri, s.title, s.metadata FROM sources s WHERE s.document = ?${condition} ORDER BY s.key LIMIT 1`;
  const met = meets && connection.prepare(select(` AND ${meets.sql}`)).get(document, ...meets.parameters);
  // It may have been removed since the search; the others hold the same bytes.
  return (met ?? connection.prepare(select('')).get(document)) as SourceOfChunk | undefined;
}

function readChunk(
  connection: Connection,
  id: ChunkId,
  textOf: (id: DocumentId) => StoredText,
  filter: MetadataFilter | undefined,
): StoredChunk | undefined {
  const row = connection.prepare(`SELECT ${chunkColumns} FROM chunks c WHERE c.id = ?`).get(id) as ChunkRow | undefined;
  if (row === undefined) return undefined;
  const source = sourceOf(connection, row.document, filter);
  const page = connection
    .prepare('SELECT number, label, start, "end" FROM pages WHERE document = ? AND start <= ? ORDER BY start DESC, number DESC LIMIT 1')
    .get(row.document, row.start) as Omit<StoredPage, 'kind'> | undefined;
  if (source === undefined || page === undefined) {
    throw new MillraceError('E_STORE_CORRUPT', `The document ${row.document} has no ${source === undefined ? 'source' : 'page'}.`);
  }
  const { title, ...onRecord } = connection
    .prepare('SELECT title, parser, content_type AS contentType, pages FROM documents WHERE id = ?')
    .get(row.document) as PagesOnRecord & { readonly title: string | null };
  return {
    id,
    document: row.document,
    number: row.number,
    start: row.start,
    end: row.end,
    headingPath: JSON.parse(row.headingPath) as string[],
    tableHeader: tableHeaderOf(row, textOf(row.document)),
    tokens: row.tokens,
    text: checkedText(row, textOf(row.document)),
    page: { ...page, kind: pageKindOf({ ...onRecord, label: page.label }) },
    title,
    source: { ...source, metadata: JSON.parse(source.metadata) as Metadata },
  };
}

function runOf(connection: Connection, value: unknown): RunRecord {
  const row = value as Omit<RunRecord, 'definition' | 'progress' | 'items' | 'outcomes'> & {
    readonly definition: string;
    readonly progress: string;
  };
  const items = { pending: 0, claimed: 0, settled: 0 };
  const outcomes = { done: 0, failed: 0, cancelled: 0, expired: 0 };
  const counts = connection
    .prepare('SELECT state, status, count(*) AS count FROM run_items WHERE run = ? GROUP BY state, status')
    .all(row.id);
  for (const { state, status, count } of counts as { state: ItemState; status: ItemStatus | null; count: number }[]) {
    items[state] += count;
    if (status !== null) outcomes[status] += count;
  }
  return { ...row, definition: JSON.parse(row.definition) as unknown, progress: JSON.parse(row.progress) as unknown, items, outcomes };
}

const runColumns = 'id, kind, state, definition, progress, created_at AS createdAt, updated_at AS updatedAt';

function collectionStatuses(connection: Connection): readonly CollectionStatus[] {
  const rows = connection
    .prepare(
      `SELECT name AS collection, revision,
         (SELECT count(*) FROM sources WHERE collection = name) AS sources,
         (SELECT count(*) FROM sources WHERE collection = name AND error IS NOT NULL) AS failedSources,
         (SELECT count(*) FROM documents WHERE collection = name) AS documents,
         (SELECT count(*) FROM chunks WHERE collection = name) AS chunks,
         (SELECT coalesce(sum(text_length), 0) FROM documents WHERE collection = name) AS textLength
       FROM collections ORDER BY name`,
    )
    .all() as Omit<CollectionStatus, 'embedded'>[];
  const count = connection.prepare(
    'SELECT embedder_hash AS hash, count(*) AS count FROM vectors WHERE collection = ? GROUP BY embedder_hash',
  );
  return rows.map((row) => {
    const counts = count.all(row.collection) as { readonly hash: string; readonly count: number }[];
    return { ...row, embedded: Object.fromEntries(counts.map((entry) => [entry.hash, entry.count])) };
  });
}

const documentColumns = `id, collection, bytes_sha256 AS bytesSha256, parser, parser_version AS parserVersion,
  parse_options_hash AS parseOptionsHash, content_type AS contentType, text_sha256 AS textSha256, text_length AS textLength,
  title, author, language, created_at AS createdAt, modified_at AS modifiedAt, pages, chunks, chunker_hash AS chunkerHash,
  warnings, committed_at AS committedAt`;

function documentOf(value: unknown): DocumentRecord {
  const row = value as Omit<DocumentRecord, 'warnings'> & { readonly warnings: string };
  return { ...row, warnings: JSON.parse(row.warnings) as string[] };
}

/** Everything that reads the record alone; searching and verifying have their own files. */
export function createQueries(connection: Connection): RecordQueries {
  const sources = createSourceQueries(connection);
  /** Of the last whole page of chunks without a vector: the next page of a long document begins in it. Texts never change. */
  let unembedded: LastText | undefined;

  function readDocument(id: DocumentId): DocumentRecord | undefined {
    const row = connection.prepare(`SELECT ${documentColumns} FROM documents WHERE id = ?`).get(id);
    return row === undefined ? undefined : documentOf(row);
  }

  return {
    ...sources,
    readDocument,
    readSourceDocument(collection, key) {
      const source = sources.readSource(collection, key);
      if (source === undefined) return undefined;
      return { source, document: source.document === null ? null : (readDocument(source.document) ?? null) };
    },
    findDocuments: (collection, bytesSha256) =>
      connection
        .prepare(`SELECT ${documentColumns} FROM documents WHERE collection = ? AND bytes_sha256 = ?`)
        .all(collection, bytesSha256)
        .map(documentOf),
    readPages(id, position) {
      const at = position === undefined ? '' : ' AND start <= ? AND "end" > ?';
      const rows = connection
        .prepare(
          `SELECT p.number, p.label, p.start, p."end", p.width, p.height, p.boxes, d.parser, d.content_type AS contentType, d.pages
           FROM pages p JOIN documents d ON d.id = p.document WHERE p.document = ?${at} ORDER BY p.number`,
        )
        .all(id, ...(position === undefined ? [] : [position, position])) as (PagesOnRecord & {
        readonly number: number;
        readonly label: string | null;
        readonly start: number;
        readonly end: number;
        readonly width: number | null;
        readonly height: number | null;
        readonly boxes: Buffer | null;
      })[];
      return rows.map(({ parser, contentType, pages, boxes, ...page }) => ({
        ...page,
        kind: pageKindOf({ parser, contentType, pages, label: page.label }),
        boxes: boxes === null ? null : new Uint32Array(new Uint8Array(boxes).buffer),
      }));
    },
    readSpan(id, start, end) {
      const text = readSpan(connection, id, start, end);
      if (text === undefined) throw new MillraceError('E_NOT_FOUND', `There is no document ${id}.`);
      return text;
    },
    listChunks: (id) =>
      connection
        .prepare('SELECT id FROM chunks WHERE document = ? ORDER BY number')
        .all(id)
        .map((row) => (row as { readonly id: ChunkId }).id),
    readChunks(ids, filter) {
      const { textOf } = createTextReader(connection);
      return ids.map((id) => readChunk(connection, id, textOf, filter)).filter((chunk) => chunk !== undefined);
    },
    listUnembedded(collection, embedderHash, options) {
      const texts = createTextReader(connection, unembedded);
      const next = connection.prepare(
        `SELECT ${chunkColumns} FROM chunks c WHERE c.collection = ? AND c.id > ?
           AND NOT EXISTS (SELECT 1 FROM vectors v WHERE v.chunk = c.id AND v.embedder_hash = ?) ORDER BY c.id LIMIT ?`,
      );
      // What is damaged is left out; `verify` tells of it.
      for (let after: number = options.after; ;) {
        const rows = next.all(collection, after, embedderHash, options.limit) as ChunkRow[];
        const sound = rows.flatMap((row) => unlessDamaged(() => pendingChunk(row, texts.textOf(row.document))) ?? []);
        unembedded = rows.length < options.limit ? undefined : texts.last();
        if (sound.length > 0 || rows.length < options.limit) return sound;
        after = rows.at(-1)?.id ?? after;
      }
    },
    collections: () => collectionStatuses(connection),
    readRevision(collection) {
      const row = connection.prepare('SELECT revision FROM collections WHERE name = ?').get(collection) as
        | { readonly revision: number }
        | undefined;
      return row?.revision ?? 0;
    },
    readSetting(key) {
      const row = connection.prepare('SELECT value FROM settings WHERE key = ?').get(key) as { readonly value: string } | undefined;
      return row === undefined ? undefined : (JSON.parse(row.value) as unknown);
    },
    listRuns: () =>
      connection
        .prepare(`SELECT ${runColumns} FROM runs ORDER BY created_at, id`)
        .all()
        .map((row) => runOf(connection, row)),
    readRun(id) {
      const row = connection.prepare(`SELECT ${runColumns} FROM runs WHERE id = ?`).get(id);
      return row === undefined ? undefined : runOf(connection, row);
    },
    listRunItems: (id, options) =>
      connection
        .prepare(
          `SELECT ${itemColumns} FROM run_items WHERE run = @id AND number > @after AND (@state IS NULL OR state = @state)
             AND (@status IS NULL OR status = @status) ORDER BY number LIMIT @limit`,
        )
        .all({ id, after: options.after, state: options.state ?? null, status: options.status ?? null, limit: options.limit })
        .map(itemOf),
  };
}
