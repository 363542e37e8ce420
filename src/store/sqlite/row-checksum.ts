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
  source_versions: ['source', 'number', 'document', 'bytes_sha256', 'text_sha256', 'from_at'],
  runs: ['id', 'kind', 'definition', 'created_at'],
  run_items: ['run', 'number', 'key', 'input', 'status', 'result', 'error'],
  settings: ['key', 'value'],
} as const;
export type CheckedTable = keyof typeof checkedColumns;

export type SqlValue = number | string | Uint8Array | null;

/** A longer text is looked at in slices: each copy of it would be as long again. UTF-16 units. */
const sliceUnits = 1024 * 1024;

function crc32Of(text: string, before: number): number {
  let sum = before;
  for (let at = 0, end = 0; at < text.length; at = end) {
    end = at + sliceUnits;
    // Both halves of a surrogate pair go together.
    if ((text.charCodeAt(end) & 0xfc00) === 0xdc00) end += 1;
    sum = crc32(text.slice(at, end), sum);
  }
  return sum;
}

/** The kind of a value counts too, so that a value cannot move from one column to the next unnoticed. */
function checksum(...values: readonly SqlValue[]): number {
  let sum = 0;
  // The sum of what follows one another is the sum of the whole: one call for all that is text.
  let text = '';
  for (const value of values) {
    if (value === null) text += '\0';
    else if (typeof value === 'number') text += `#${value}`;
    else if (typeof value === 'string' && value.length > sliceUnits) {
      sum = crc32Of(value, crc32(`${text}"`, sum));
      text = '';
    } else if (typeof value === 'string') text += `"${value}`;
    else {
      sum = crc32(value, crc32(`${text}x`, sum));
      text = '';
    }
  }
  return text === '' ? sum : crc32(text, sum);
}

/** Makes the function `row_checksum` known to a handle. */
export function registerRowChecksum(db: Database.Database): void {
  db.function('row_checksum', { deterministic: true, varargs: true }, checksum);
}

/** The checksum of a row as an SQL expression. */
export function checksumOf(table: CheckedTable): string {
  return `row_checksum(${checkedColumns[table].join(', ')})`;
}

/** Tables whose rows the database itself seals, with the key of a row: they are written in many ways. */
const sealedTables = { source_versions: ['source', 'number'], runs: ['id'], run_items: ['run', 'number'], settings: ['key'] } as const;

/** Triggers that give a row its checksum whenever a covered column is written. */
export function checksumTriggers(table: keyof typeof sealedTables): string {
  const columns = checkedColumns[table];
  const row = sealedTables[table].map((column) => `${column} = NEW.${column}`).join(' AND ');
  const seal = `BEGIN UPDATE ${table} SET checksum = row_checksum(${columns.map((column) => `NEW.${column}`).join(', ')}) WHERE ${row}; END;`;
  return `CREATE TRIGGER ${table}_inserted AFTER INSERT ON ${table} ${seal}
CREATE TRIGGER ${table}_changed AFTER UPDATE OF ${columns.join(', ')} ON ${table} ${seal}`;
}

/** Inserts what `checkedRow` returns. `more`: the columns beyond those that the checksum covers. An `ON CONFLICT` clause may follow. */
export function insertChecked(table: CheckedTable, more: readonly string[] = []): string {
  const columns = [...checkedColumns[table], ...more, 'checksum'];
  return `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`;
}

/** The values of a row, those that the checksum covers first and in their order, and the checksum. */
export function checkedRow(table: CheckedTable, values: readonly SqlValue[]): readonly SqlValue[] {
  return [...values, checksum(...values.slice(0, checkedColumns[table].length))];
}
