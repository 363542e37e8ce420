import type { NewSource, OperationOutcome, StoreOperation } from '../../spec/store.ts';
import { removeTexts, retitle, titlesOf } from './chunk-texts.ts';
import type { Connection } from './connection.ts';
import { noteRemoved } from './removed-sources.ts';
import { checkedRow, checksumOf, insertChecked } from './row-checksum.ts';

type Operation<Type extends StoreOperation['type']> = Extract<StoreOperation, { type: Type }>;

const insertSource = `${insertChecked('sources', ['id', 'updated_at'])}
  ON CONFLICT (collection, key) DO UPDATE SET uri = excluded.uri, title = excluded.title, mtime = excluded.mtime,
    size = excluded.size, metadata = excluded.metadata, document = excluded.document, error = excluded.error,
    blob = excluded.blob, content_type = excluded.content_type, pending_at = excluded.pending_at,
    checksum = excluded.checksum, updated_at = excluded.updated_at`;

/** Versions of one source that are remembered. */
const keptVersions = 100;

/** The collection has changed. */
export function touch(connection: Connection, collection: string): void {
  connection
    .prepare('INSERT INTO collections (name, revision) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET revision = revision + 1')
    .run(collection);
}

function removeDocument(connection: Connection, document: string): void {
  const ids = (connection.prepare('SELECT id FROM chunks WHERE document = ?').all(document) as { readonly id: number }[]).map(
    ({ id }) => id,
  );
  removeTexts(connection, ids);
  connection.prepare('DELETE FROM documents WHERE id = ?').run(document);
  connection.removed.documents += 1;
  connection.faults.reach('old-document-removed');
}

/** A document goes with the last source that points to it; else it goes without what that source called it. @param titled before it left */
export function removeIfUnused(connection: Connection, document: string | null, titled?: string): void {
  if (document === null) return;
  const used = connection.prepare('SELECT 1 FROM sources WHERE document = ? LIMIT 1').get(document);
  if (used === undefined) removeDocument(connection, document);
  else if (titled !== undefined && titlesOf(connection, document) !== titled) retitle(connection, document);
}

const insertVersion = `INSERT INTO source_versions (source, number, document, bytes_sha256, text_sha256, from_at)
  SELECT ?, ?, id, bytes_sha256, text_sha256, ? FROM documents WHERE id = ?`;

/** The source points to another document from now on. */
function noteVersion(connection: Connection, source: string, document: string, at: number, isNew = false): void {
  const last = isNew ? 0 : lastVersion(connection, source);
  if (last > 0) connection.prepare('UPDATE source_versions SET until_at = ? WHERE source = ? AND until_at IS NULL').run(at, source);
  connection.prepare(insertVersion).run(source, last + 1, at, document);
  if (last >= keptVersions) {
    connection.prepare('DELETE FROM source_versions WHERE source = ? AND number <= ?').run(source, last + 1 - keptVersions);
  }
  connection.faults.reach('version-noted');
}

function lastVersion(connection: Connection, source: string): number {
  const row = connection.prepare('SELECT max(number) AS last FROM source_versions WHERE source = ?').get(source);
  return (row as { readonly last: number | null }).last ?? 0;
}

/** After the sources of a document were moved to it in one stroke: their checksums and their versions. */
export function sealSources(connection: Connection, document: string, at: number): void {
  connection.prepare(`UPDATE sources SET checksum = ${checksumOf('sources')} WHERE document = ?`).run(document);
  const moved = connection.prepare('SELECT id FROM sources WHERE document = ?').all(document) as { readonly id: string }[];
  for (const { id } of moved) noteVersion(connection, id, document, at);
}

interface SourceRow {
  readonly id: string;
  readonly uri: string;
  readonly title: string | null;
  readonly mtime: number | null;
  readonly size: number | null;
  readonly metadata: string;
  readonly document: string | null;
  readonly error: string | null;
  readonly blob: string | null;
  readonly content_type: string | null;
  readonly pending_at: number | null;
}

function readRow(connection: Connection, collection: string, key: string): SourceRow | undefined {
  return connection
    .prepare(
      'SELECT id, uri, title, mtime, size, metadata, document, error, blob, content_type, pending_at FROM sources WHERE collection = ? AND key = ?',
    )
    .get(collection, key) as SourceRow | undefined;
}

interface SourceTarget {
  readonly id: string;
  /** `undefined`: where it points now. */
  readonly document: string | undefined;
  /** What the document is indexed under. Default: what the record says before. */
  readonly titled?: string;
  readonly error: string | null;
  /** Set while its bytes wait to be read. */
  readonly pendingAt?: number;
  readonly at: number;
}

/** Bytes that a newer pending acceptance has brought must not be forgotten by the end of an older one. */
function isSuperseded(before: SourceRow | undefined, source: NewSource, target: SourceTarget): boolean {
  return (
    typeof before?.pending_at === 'number' && target.pendingAt === undefined && source.blob !== undefined && before.blob !== source.blob
  );
}

/** Points the source at its document. `done` tells whether anything but the time changed. */
export function writeSource(connection: Connection, collection: string, source: NewSource, target: SourceTarget): OperationOutcome {
  const before = readRow(connection, collection, source.key);
  const document = target.document ?? before?.document ?? null;
  const newer = isSuperseded(before, source, target) ? before : undefined;
  const fields = [
    source.uri,
    source.title ?? null,
    source.mtime ?? null,
    source.size ?? null,
    JSON.stringify(source.metadata),
    document,
    target.error,
    newer === undefined ? (source.blob ?? null) : newer.blob,
    newer === undefined ? (source.contentType ?? null) : newer.content_type,
    newer === undefined ? (target.pendingAt ?? null) : newer.pending_at,
  ] as const;
  if (before !== undefined) {
    // The columns of `readRow` are in the order of the fields.
    const { id: _id, ...old } = before;
    if (Object.values(old).every((value, index) => value === fields[index])) {
      connection.prepare('UPDATE sources SET updated_at = ? WHERE collection = ? AND key = ?').run(target.at, collection, source.key);
      return { done: false };
    }
  }
  const left = before?.document === document ? null : (before?.document ?? null);
  const titled = target.titled ?? (document === null ? undefined : titlesOf(connection, document));
  const titledLeft = left === null || before?.title === null ? undefined : titlesOf(connection, left);
  connection.prepare(insertSource).run(checkedRow('sources', [collection, source.key, ...fields, target.id, target.at]));
  connection.faults.reach('source-pointed');
  if (document !== null && before?.document !== document) {
    noteVersion(connection, before?.id ?? target.id, document, target.at, before === undefined);
  }
  removeIfUnused(connection, left, titledLeft);
  if (document !== null && titled !== undefined && titlesOf(connection, document) !== titled) retitle(connection, document);
  touch(connection, collection);
  const freed = before?.blob ?? null;
  return { done: true, ...(freed === null || freed === fields[7] ? {} : { freedBlob: freed }) };
}

/** What it pointed to stays until its bytes are read. */
export function acceptSource(connection: Connection, operation: Operation<'acceptSource'>, id: string): OperationOutcome {
  const { collection, source, at } = operation;
  return writeSource(connection, collection, source, { id, document: undefined, error: null, pendingAt: at, at });
}

/** One source alone. Returns the bytes that were kept for it, if any; undefined where there is no such source. */
export function deleteSource(connection: Connection, collection: string, key: string): string | null | undefined {
  const row = readRow(connection, collection, key);
  if (row === undefined) return undefined;
  const titled = row.document === null || row.title === null ? undefined : titlesOf(connection, row.document);
  connection.prepare('DELETE FROM sources WHERE collection = ? AND key = ?').run(collection, key);
  removeIfUnused(connection, row.document, titled);
  noteRemoved(connection, collection, key);
  return row.blob;
}
