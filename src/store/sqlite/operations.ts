import { MillraceError } from '../../errors.ts';
import type { ChunkId, DocumentId } from '../../spec/identifiers.ts';
import type { NewDocument, NewSource, OperationOutcome, StoredChunk, StoreOperation } from '../../spec/store.ts';
import type { Connection } from './connection.ts';
import { encodeUnitVector } from './half-float.ts';
import { runOperation } from './run-operations.ts';

/** Ids for what an operation may create, made by the caller so that the operation itself is deterministic. */
export interface OperationIds {
  readonly source: string;
  readonly document: string;
}

type Operation<Type extends StoreOperation['type']> = Extract<StoreOperation, { type: Type }>;

function touch(connection: Connection, collection: string): void {
  connection
    .prepare('INSERT INTO collections (name, revision) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET revision = revision + 1')
    .run(collection);
}

function chunkIdsOf(connection: Connection, document: string): readonly ChunkId[] {
  const rows = connection.prepare('SELECT id FROM chunks WHERE document = ? ORDER BY number').all(document) as { id: ChunkId }[];
  return rows.map((row) => row.id);
}

function removeDocument(connection: Connection, document: string): void {
  connection.prepare('DELETE FROM chunk_index WHERE rowid IN (SELECT id FROM chunks WHERE document = ?)').run(document);
  connection.prepare('DELETE FROM documents WHERE id = ?').run(document);
}

function removeIfUnused(connection: Connection, document: string | null): void {
  if (document === null) return;
  if (connection.prepare('SELECT 1 FROM sources WHERE document = ? LIMIT 1').get(document) === undefined)
    removeDocument(connection, document);
}

interface SourceRow {
  readonly uri: string;
  readonly title: string | null;
  readonly mtime: number | null;
  readonly size: number | null;
  readonly metadata: string;
  readonly document: string | null;
  readonly error: string | null;
}

/** Points the source at `document` (`undefined`: where it points now). Returns whether anything but the time changed. */
function writeSource(
  connection: Connection,
  collection: string,
  source: NewSource,
  target: { readonly id: string; readonly document: string | undefined; readonly error: string | null; readonly at: number },
): boolean {
  const before = connection
    .prepare('SELECT uri, title, mtime, size, metadata, document, error FROM sources WHERE collection = ? AND key = ?')
    .get(collection, source.key) as SourceRow | undefined;
  const document = target.document ?? before?.document ?? null;
  const fields = [source.uri, source.title ?? null, source.mtime ?? null, source.size ?? null, JSON.stringify(source.metadata)] as const;
  if (before !== undefined) {
    const old = [before.uri, before.title, before.mtime, before.size, before.metadata];
    if (old.every((value, index) => value === fields[index]) && before.document === document && before.error === target.error) {
      connection.prepare('UPDATE sources SET updated_at = ? WHERE collection = ? AND key = ?').run(target.at, collection, source.key);
      return false;
    }
  }
  connection
    .prepare(
      `INSERT INTO sources (id, collection, key, uri, title, mtime, size, metadata, document, error, updated_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (collection, key) DO UPDATE SET uri = excluded.uri, title = excluded.title, mtime = excluded.mtime,
         size = excluded.size, metadata = excluded.metadata, document = excluded.document, error = excluded.error,
         updated_at = excluded.updated_at`,
    )
    .run(target.id, collection, source.key, ...fields, document, target.error, target.at);
  if (before !== undefined && before.document !== document) removeIfUnused(connection, before.document);
  touch(connection, collection);
  return true;
}

function insertDocument(connection: Connection, id: string, collection: string, document: NewDocument, at: number): readonly ChunkId[] {
  connection
    .prepare(
      `INSERT INTO documents (id, collection, bytes_sha256, parser, parser_version, parse_options_hash, content_type, text_sha256,
         text_length, title, author, language, created_at, modified_at, pages, chunks, chunker_hash, warnings, committed_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      id,
      collection,
      document.bytesSha256,
      document.parser,
      document.parserVersion,
      document.parseOptionsHash,
      document.contentType,
      document.textSha256,
      document.text.length,
      document.title ?? null,
      document.author ?? null,
      document.language ?? null,
      document.createdAt ?? null,
      document.modifiedAt ?? null,
      document.pages.length,
      document.chunks.length,
      document.chunkerHash,
      JSON.stringify(document.warnings),
      at,
    );
  connection
    .prepare('INSERT INTO document_texts (document, text, blocks) VALUES (?, ?, ?)')
    .run(id, document.text, JSON.stringify(document.blocks));
  const insertPage = connection.prepare(
    'INSERT INTO pages (document, number, label, start, "end", width, height, boxes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  );
  for (const page of document.pages) {
    const boxes = page.boxes === undefined ? null : Buffer.from(page.boxes.buffer, page.boxes.byteOffset, page.boxes.byteLength);
    insertPage.run(id, page.number, page.label ?? null, page.start, page.end, page.width ?? null, page.height ?? null, boxes);
  }
  const insertChunk = connection.prepare(
    `INSERT INTO chunks (collection, document, chunker_hash, number, start, "end", heading_path, table_header_start, table_header_end, tokens, sha256)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  return document.chunks.map((chunk) => {
    const { lastInsertRowid } = insertChunk.run(
      collection,
      id,
      document.chunkerHash,
      chunk.number,
      chunk.start,
      chunk.end,
      JSON.stringify(chunk.headingPath),
      chunk.tableHeader?.start ?? null,
      chunk.tableHeader?.end ?? null,
      chunk.tokens,
      chunk.sha256,
    );
    const chunkId = Number(lastInsertRowid) as ChunkId;
    const header = chunk.tableHeader === undefined ? null : document.text.slice(chunk.tableHeader.start, chunk.tableHeader.end);
    const text = document.text.slice(chunk.start, chunk.end);
    indexChunk(connection, { id: chunkId, text, headingPath: chunk.headingPath, tableHeader: header, title: document.title ?? null });
    return chunkId;
  });
}

/** Adds one chunk to the text index. */
export function indexChunk(
  connection: Connection,
  { id, text, headingPath, tableHeader, title }: Pick<StoredChunk, 'id' | 'text' | 'headingPath' | 'tableHeader' | 'title'>,
): void {
  connection
    .prepare('INSERT INTO chunk_index (rowid, text, headings, title) VALUES (?, ?, ?, ?)')
    .run(id, text, [...headingPath, ...(tableHeader === null ? [] : [tableHeader])].join('\n'), title ?? '');
}

function commitDocument(connection: Connection, operation: Operation<'commitDocument'>, ids: OperationIds): OperationOutcome {
  const { collection, document, source, at } = operation;
  const existing = connection
    .prepare(
      `SELECT id, chunker_hash AS chunkerHash FROM documents
       WHERE collection = ? AND bytes_sha256 = ? AND parser = ? AND parser_version = ? AND parse_options_hash = ?`,
    )
    .get(collection, document.bytesSha256, document.parser, document.parserVersion, document.parseOptionsHash) as
    | { readonly id: DocumentId; readonly chunkerHash: string }
    | undefined;
  if (existing !== undefined && existing.chunkerHash === document.chunkerHash) {
    const done = writeSource(connection, collection, source, { id: ids.source, document: existing.id, error: null, at });
    return { done, document: existing.id, chunks: chunkIdsOf(connection, existing.id) };
  }
  const id = ids.document as DocumentId;
  if (existing !== undefined) {
    // Same bytes, other chunks: every source of the old document moves to the new one.
    connection.prepare('UPDATE sources SET document = ? WHERE document = ?').run(id, existing.id);
    removeDocument(connection, existing.id);
  }
  const chunks = insertDocument(connection, id, collection, document, at);
  writeSource(connection, collection, source, { id: ids.source, document: id, error: null, at });
  if (existing !== undefined) touch(connection, collection);
  return { done: true, document: id, chunks };
}

function commitSource(connection: Connection, operation: Operation<'commitSource'>, ids: OperationIds): OperationOutcome {
  const { collection, source, document, at } = operation;
  const owner = connection.prepare('SELECT collection FROM documents WHERE id = ?').get(document) as { collection: string } | undefined;
  // The document may have lost its last source since the caller looked: the caller then parses the bytes again.
  if (owner?.collection !== collection) return { done: false };
  return { done: writeSource(connection, collection, source, { id: ids.source, document, error: null, at }), document };
}

function commitVectors(connection: Connection, operation: Operation<'commitVectors'>): OperationOutcome {
  const { embedderHash, dimensions, vectors } = operation;
  const known = connection.prepare('SELECT length(vector) AS bytes FROM vectors WHERE embedder_hash = ? LIMIT 1').get(embedderHash) as
    | { readonly bytes: number }
    | undefined;
  if (known !== undefined && known.bytes !== dimensions * 2) {
    throw new MillraceError('E_INPUT_INVALID', `Vectors of this embedder have ${known.bytes / 2} dimensions, not ${dimensions}.`);
  }
  const find = connection.prepare('SELECT collection FROM chunks WHERE id = ?');
  const insert = connection.prepare(
    'INSERT INTO vectors (collection, chunk, embedder_hash, vector) VALUES (?, ?, ?, ?) ON CONFLICT (chunk, embedder_hash) DO NOTHING',
  );
  const touched = new Set<string>();
  for (const { chunk, vector } of vectors) {
    if (vector.length !== dimensions || !vector.every((value) => Number.isFinite(value))) {
      throw new MillraceError('E_INPUT_INVALID', `The vector of chunk ${chunk} does not hold ${dimensions} finite numbers.`);
    }
    const owner = find.get(chunk) as { readonly collection: string } | undefined;
    // A chunk that an edit replaced meanwhile needs no vector any more.
    if (owner === undefined) continue;
    if (insert.run(owner.collection, chunk, embedderHash, encodeUnitVector(vector)).changes > 0) touched.add(owner.collection);
  }
  for (const collection of touched) touch(connection, collection);
  return { done: touched.size > 0 };
}

function removeSource(connection: Connection, operation: Operation<'removeSource'>): OperationOutcome {
  const row = connection
    .prepare('DELETE FROM sources WHERE collection = ? AND key = ? RETURNING document')
    .get(operation.collection, operation.key) as { readonly document: string | null } | undefined;
  if (row === undefined) return { done: false };
  removeIfUnused(connection, row.document);
  touch(connection, operation.collection);
  return { done: true };
}

/** Makes one operation true. The caller holds the transaction. */
export function applyOperation(connection: Connection, operation: StoreOperation, ids: OperationIds): OperationOutcome {
  switch (operation.type) {
    case 'commitDocument':
      return commitDocument(connection, operation, ids);
    case 'commitSource':
      return commitSource(connection, operation, ids);
    case 'commitFailure': {
      const target = { id: ids.source, document: undefined, error: JSON.stringify(operation.error), at: operation.at };
      return { done: writeSource(connection, operation.collection, operation.source, target) };
    }
    case 'commitVectors':
      return commitVectors(connection, operation);
    case 'removeSource':
      return removeSource(connection, operation);
    default:
      return runOperation(connection, operation);
  }
}
