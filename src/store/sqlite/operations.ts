import { MillraceError } from '../../errors.ts';
import type { ChunkId, DocumentId } from '../../spec/identifiers.ts';
import type { NewDocument, OperationOutcome, StoreOperation } from '../../spec/store.ts';
import { indexChunk, titlesBeside } from './chunk-texts.ts';
import type { Connection } from './connection.ts';
import { encodeUnitVector } from './half-float.ts';
import { checkedRow, insertChecked } from './row-checksum.ts';
import { runOperation } from './run-operations.ts';
import { describeMembers, removeMembers, removeSource } from './member-operations.ts';
import { createBlocksJson, type HeldDocument, type HeldPortions } from './portions.ts';
import { insertPiece, type StoredText, textInPieces } from './stored-text.ts';
import { acceptSource, removeIfUnused, sealSources, touch, writeSource } from './source-operations.ts';

/** Ids for what an operation may create, made by the caller so that the operation itself is deterministic. */
export interface OperationIds {
  readonly source: string;
  readonly document: string;
}

/** As the main thread hands it to the writer. */
export interface PreparedOperation {
  readonly operation: StoreOperation;
  readonly ids: OperationIds;
}

const insertDocumentRow = insertChecked('documents');
const insertText = insertChecked('document_texts', ['text']);
const insertPageRow = insertChecked('pages');
const insertChunkRow = insertChecked('chunks');
const insertVector = `${insertChecked('vectors')} ON CONFLICT (chunk, embedder_hash) DO NOTHING`;

type Operation<Type extends StoreOperation['type']> = Extract<StoreOperation, { type: Type }>;

function chunkIdsOf(connection: Connection, document: string): readonly ChunkId[] {
  const rows = connection.prepare('SELECT id FROM chunks WHERE document = ? ORDER BY number').all(document) as { id: ChunkId }[];
  return rows.map((row) => row.id);
}

interface InsertedDocument {
  readonly id: string;
  readonly collection: string;
  readonly document: NewDocument;
  /** Under which it is found. */
  readonly title: string;
  readonly at: number;
}

/** Returns the ids of the chunks. */
function insertDocument(connection: Connection, inserted: InsertedDocument): readonly ChunkId[] {
  const { id, document } = inserted;
  const text = document.text.slice();
  const counts = { textLength: text.length, pages: document.pages.length, chunks: document.chunks.length };
  insertFacts(connection, inserted, counts);
  connection.prepare(insertText).run(checkedRow('document_texts', [id, JSON.stringify(document.blocks), text]));
  connection.faults.reach('document-inserted');
  insertPages(connection, id, document.pages);
  const ids = insertChunks(connection, inserted, document.chunks, text);
  connection.faults.reach('chunks-inserted');
  return ids;
}

function stagedOf(held: HeldPortions | undefined, number: number): HeldDocument {
  if (held === undefined) throw new RangeError('There are no staged documents here.');
  return held.read(number);
}

/** A long document: one portion of it is in memory at a time. Returns the ids of the chunks. */
function insertStaged(connection: Connection, inserted: InsertedDocument, held: HeldDocument): readonly ChunkId[] {
  const { id } = inserted;
  insertFacts(connection, inserted, held);
  const blocks = createBlocksJson();
  const text = textInPieces(connection, id);
  const ids: ChunkId[] = [];
  let textLength = 0;
  connection.faults.reach('document-inserted');
  for (const portion of held.portions()) {
    if (portion.text !== undefined) {
      insertPiece(connection, id, { start: textLength, text: portion.text });
      textLength += portion.text.length;
    }
    insertPages(connection, id, portion.pages ?? []);
    blocks.add(portion.blocks ?? []);
    for (const chunk of insertChunks(connection, inserted, portion.chunks ?? [], text)) ids.push(chunk);
  }
  connection.prepare(insertText).run(checkedRow('document_texts', [id, blocks.end(), '']));
  connection.faults.reach('chunks-inserted');
  return ids;
}

function insertFacts(
  connection: Connection,
  { id, collection, document, at }: InsertedDocument,
  counts: { readonly textLength: number; readonly pages: number; readonly chunks: number },
): void {
  connection
    .prepare(insertDocumentRow)
    .run(
      checkedRow('documents', [
        id,
        collection,
        document.bytesSha256,
        document.parser,
        document.parserVersion,
        document.parseOptionsHash,
        document.contentType,
        document.textSha256,
        counts.textLength,
        document.title ?? null,
        document.author ?? null,
        document.language ?? null,
        document.createdAt ?? null,
        document.modifiedAt ?? null,
        counts.pages,
        counts.chunks,
        document.chunkerHash,
        JSON.stringify(document.warnings),
        at,
      ]),
    );
}

function insertPages(connection: Connection, id: string, pages: NewDocument['pages']): void {
  const insertPage = connection.prepare(insertPageRow);
  for (const page of pages) {
    const boxes = page.boxes === undefined ? null : Buffer.from(page.boxes.buffer, page.boxes.byteOffset, page.boxes.byteLength);
    const { number, label = null, start, end, width = null, height = null } = page;
    insertPage.run(checkedRow('pages', [id, number, label, start, end, width, height, boxes]));
  }
}

function insertChunks(
  connection: Connection,
  { id, collection, document, title }: InsertedDocument,
  chunks: NewDocument['chunks'],
  text: StoredText,
): readonly ChunkId[] {
  const insertChunk = connection.prepare(insertChunkRow);
  return chunks.map((chunk) => {
    const { lastInsertRowid } = insertChunk.run(
      checkedRow('chunks', [
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
      ]),
    );
    const chunkId = Number(lastInsertRowid) as ChunkId;
    const header = chunk.tableHeader === undefined ? null : text.slice(chunk.tableHeader.start, chunk.tableHeader.end);
    const ofChunk = text.slice(chunk.start, chunk.end);
    indexChunk(connection, { id: chunkId, text: ofChunk, headingPath: chunk.headingPath, tableHeader: header, title });
    return chunkId;
  });
}

function commitDocument(
  connection: Connection,
  operation: Operation<'commitDocument'>,
  ids: OperationIds,
  held: HeldPortions | undefined,
): OperationOutcome {
  const written = writeDocument(connection, operation, ids, held);
  // What its former version held and this one does not goes with it.
  const removed = removeMembers(connection, operation.collection, operation.source.key, operation.members);
  return removed.length === 0 ? written : { ...written, done: true, removed };
}

function writeDocument(
  connection: Connection,
  operation: Operation<'commitDocument'>,
  ids: OperationIds,
  held: HeldPortions | undefined,
): OperationOutcome {
  const { collection, document, source, staged, at } = operation;
  const existing = connection
    .prepare(
      `SELECT id, chunker_hash AS chunkerHash FROM documents
       WHERE collection = ? AND bytes_sha256 = ? AND parser = ? AND parser_version = ? AND parse_options_hash = ?`,
    )
    .get(collection, document.bytesSha256, document.parser, document.parserVersion, document.parseOptionsHash) as
    | { readonly id: DocumentId; readonly chunkerHash: string }
    | undefined;
  if (existing !== undefined && existing.chunkerHash === document.chunkerHash) {
    const written = writeSource(connection, collection, source, { id: ids.source, document: existing.id, error: null, at });
    return { ...written, document: existing.id, chunks: chunkIdsOf(connection, existing.id) };
  }
  const id = ids.document as DocumentId;
  if (existing !== undefined) {
    // Same bytes, other chunks: every source of the old document moves to the new one.
    connection.prepare('UPDATE sources SET document = ? WHERE document = ?').run(id, existing.id);
    removeIfUnused(connection, existing.id);
  }
  const inserted = {
    id,
    collection,
    document,
    title: titlesBeside(connection, id, document.title ?? null, source.title ?? null),
    at,
  };
  const chunks = staged === undefined ? insertDocument(connection, inserted) : insertStaged(connection, inserted, stagedOf(held, staged));
  if (existing !== undefined) sealSources(connection, id, at);
  const written = writeSource(connection, collection, source, { id: ids.source, document: id, titled: inserted.title, error: null, at });
  if (existing !== undefined) touch(connection, collection);
  return { ...written, done: true, document: id, chunks };
}

function commitSource(connection: Connection, operation: Operation<'commitSource'>, ids: OperationIds): OperationOutcome {
  const { collection, source, document, at } = operation;
  const owner = connection.prepare('SELECT collection FROM documents WHERE id = ?').get(document) as { collection: string } | undefined;
  // The document may have lost its last source since the caller looked: the caller then parses the bytes again.
  if (owner?.collection !== collection) return { done: false };
  const before = documentOf(connection, collection, source.key);
  const written = { ...writeSource(connection, collection, source, { id: ids.source, document, error: null, at }), document };
  if (before === document) return written;
  // Containers are committed with their files: what this source is now holds none.
  const removed = removeMembers(connection, collection, source.key);
  return removed.length === 0 ? written : { ...written, removed };
}

function documentOf(connection: Connection, collection: string, key: string): string | null | undefined {
  const row = connection.prepare('SELECT document FROM sources WHERE collection = ? AND key = ?').get(collection, key);
  return (row as { readonly document: string | null } | undefined)?.document;
}

function holdsNumbers(vector: Float32Array): boolean {
  for (let index = 0; index < vector.length; index += 1) if (!Number.isFinite(vector[index])) return false;
  return true;
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
  const insert = connection.prepare(insertVector);
  const touched = new Set<string>();
  for (const { chunk, vector } of vectors) {
    if (vector.length !== dimensions || !holdsNumbers(vector)) {
      throw new MillraceError('E_INPUT_INVALID', `The vector of chunk ${chunk} does not hold ${dimensions} finite numbers.`);
    }
    const owner = find.get(chunk) as { readonly collection: string } | undefined;
    // A chunk that an edit replaced meanwhile needs no vector any more.
    if (owner === undefined) continue;
    const row = checkedRow('vectors', [owner.collection, chunk, embedderHash, encodeUnitVector(vector)]);
    if (insert.run(row).changes > 0) touched.add(owner.collection);
  }
  for (const collection of touched) touch(connection, collection);
  connection.faults.reach('vectors-inserted');
  return { done: touched.size > 0 };
}

/** Makes one operation true. The caller holds the transaction. `held`: the staged documents. */
export function applyOperation(
  connection: Connection,
  operation: StoreOperation,
  ids: OperationIds,
  held?: HeldPortions,
): OperationOutcome {
  const before = connection.removed.documents;
  const outcome = apply(connection, operation, ids, held);
  connection.faults.reach('operation-applied');
  return connection.removed.documents === before ? outcome : { ...outcome, documentLeft: true };
}

function apply(connection: Connection, operation: StoreOperation, ids: OperationIds, held: HeldPortions | undefined): OperationOutcome {
  switch (operation.type) {
    case 'commitDocument':
      return commitDocument(connection, operation, ids, held);
    case 'commitSource':
      return commitSource(connection, operation, ids);
    case 'commitFailure': {
      const target = { id: ids.source, document: undefined, error: JSON.stringify(operation.error), at: operation.at };
      return writeSource(connection, operation.collection, operation.source, target);
    }
    case 'acceptSource':
      return acceptSource(connection, operation, ids.source);
    case 'commitVectors':
      return commitVectors(connection, operation);
    case 'removeSource':
      return removeSource(connection, operation);
    case 'describeMembers':
      return describeMembers(connection, operation);
    default:
      return runOperation(connection, operation);
  }
}
