import { crc32 } from 'node:zlib';
import type Database from 'better-sqlite3';

/**
 * Tables whose rows carry a checksum, with the columns that it covers. The database file has none of its own: without them a bit that
 * the disk turned over would be read as what was written. Texts of documents and chunks have their sha256 instead.
 */
export const checkedColumns = {
  documents: [
    'id',
    'collection',
    'bytes_sha256',
    'parser',
    'parser_version',
    'parse_options_hash',
    'content_type',
    'text_sha256',
    'text_length',
    'title',
    'author',
    'language',
    'created_at',
    'modified_at',
    'pages',
    'chunks',
    'chunker_hash',
    'warnings',
    'committed_at',
  ],
  document_texts: ['document', 'blocks'],
  sources: ['collection', 'key', 'uri', 'title', 'mtime', 'size', 'metadata', 'document', 'error', 'blob', 'content_type', 'pending_at'],
  pages: ['document', 'number', 'label', 'start', '"end"', 'width', 'height', 'boxes'],
  chunks: [
    'collection',
    'document',
    'chunker_hash',
    'number',
    'start',
    '"end"',
    'heading_path',
    'table_header_start',
    'table_header_end',
    'tokens',
    'sha256',
  ],
  vectors: ['collection', 'chunk', 'embedder_hash', 'vector'],
} as const;
export type CheckedTable = keyof typeof checkedColumns;

type SqlValue = number | string | Uint8Array | null;

/** The kind of a value counts too, so that a value cannot move from one column to the next unnoticed. */
function checksum(...values: readonly SqlValue[]): number {
  let sum = 0;
  for (const value of values) {
    if (value === null) sum = crc32('\0', sum);
    else if (typeof value === 'number') sum = crc32(`#${value}`, sum);
    else if (typeof value === 'string') sum = crc32(value, crc32('"', sum));
    else sum = crc32(value, crc32('x', sum));
  }
  return sum;
}

/** Makes the function `row_checksum` known to a handle. */
export function registerRowChecksum(db: Database.Database): void {
  db.function('row_checksum', { deterministic: true, varargs: true }, checksum);
}

/** The checksum of a row as an SQL expression. */
export function checksumOf(table: CheckedTable): string {
  return `row_checksum(${checkedColumns[table].join(', ')})`;
}

/** Inserts a row of a checked table from the covered columns and then `more`, in that order. An `ON CONFLICT` clause may follow. */
export function insertChecked(table: CheckedTable, more: readonly string[] = []): string {
  const covered = checkedColumns[table];
  const columns = [...covered, ...more];
  const values = columns.map((column) => `? AS ${column}`).join(', ');
  return (
    `INSERT INTO ${table} (${columns.join(', ')}, checksum) SELECT ${columns.join(', ')}, row_checksum(${covered.join(', ')}) ` +
    `FROM (SELECT ${values}) WHERE true`
  );
}
