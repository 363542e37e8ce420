import type { ChunkId } from '../../spec/identifiers.ts';
import type { Connection } from './connection.ts';
import { indexedText } from './chunk-texts.ts';
import { createQueries } from './queries.ts';
import { textIndexOptions } from './schema.ts';

type Occurrence = readonly [term: string, chunk: number, column: string, offset: number];

const batchChunks = 200;

/**
 * The first difference between the text index and one that is made of the record for the comparison, in a temporary table. FTS5 keeps no
 * checksum of what it holds: a term that the disk has changed would otherwise just not be found. The texts of the record must be sound.
 * Titles are left out: sources that share a document may have several.
 */
export function* compareTextIndex(connection: Connection): Generator<string> {
  const { db } = connection;
  db.exec(`
    CREATE VIRTUAL TABLE temp.fresh_index USING fts5 (${textIndexOptions});
    CREATE VIRTUAL TABLE temp.fresh_terms USING fts5vocab (temp, fresh_index, instance);
    CREATE VIRTUAL TABLE temp.indexed_terms USING fts5vocab (main, chunk_index, instance);`);
  try {
    fill(connection);
    const occurrences = (table: string) =>
      db.prepare(`SELECT term, doc, col, offset FROM temp.${table} WHERE col <> 'title'`).raw().iterate() as IterableIterator<Occurrence>;
    const fresh = occurrences('fresh_terms');
    for (const found of occurrences('indexed_terms')) {
      const { value: wanted } = fresh.next() as IteratorResult<Occurrence, undefined>;
      if (wanted?.every((part, index) => part === found[index]) === true) continue;
      fresh.return?.();
      yield `The text index holds other words than the record, at chunk ${wanted === undefined ? found[1] : Math.min(found[1], wanted[1])}.`;
      return;
    }
    if (fresh.next().done !== true) {
      fresh.return?.();
      yield 'The text index holds fewer words than the record.';
      return;
    }
    yield* compareLengths(connection);
  } finally {
    for (const table of ['indexed_terms', 'fresh_terms', 'fresh_index']) db.exec(`DROP TABLE temp.${table}`);
  }
}

/** Numbers of words in texts and headings, of each chunk and of all, by which hits are ranked. */
function* compareLengths({ db }: Connection): Generator<string> {
  const lengths = db
    .prepare(
      'SELECT f.id, f.sz AS wanted, o.sz AS found FROM temp.fresh_index_docsize f LEFT JOIN main.chunk_index_docsize o ON o.id = f.id',
    )
    .iterate() as IterableIterator<{ readonly id: number; readonly wanted: Uint8Array; readonly found: Uint8Array | null }>;
  for (const { id, wanted, found } of lengths) {
    if (isSameWithoutTitles(found, wanted)) continue;
    yield `The text index does not know how many words chunk ${id} has.`;
    return;
  }
  const totals = (index: string) =>
    (db.prepare(`SELECT block FROM ${index}_data WHERE id = 1`).get() as { readonly block: Uint8Array } | undefined)?.block ?? null;
  if (!isSameWithoutTitles(totals('main.chunk_index'), totals('temp.fresh_index'))) {
    yield 'The text index does not know how many words there are.';
  }
}

function isSameWithoutTitles(found: Uint8Array | null, wanted: Uint8Array | null): boolean {
  return withoutTitles(found) === withoutTitles(wanted);
}

/** Titles come last. An index that never held anything has no numbers, one that holds nothing any more has zeros. */
function withoutTitles(block: Uint8Array | null): string {
  const numbers = varintsOf(block).slice(0, -1);
  return numbers.some((number) => number > 0) ? numbers.join() : '';
}

/** Numbers as SQLite writes them: seven bits a byte, the highest first. */
function varintsOf(bytes: Uint8Array | null): readonly number[] {
  const numbers: number[] = [];
  let number = 0;
  for (const byte of bytes ?? []) {
    number = number * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    numbers.push(number);
    number = 0;
  }
  return numbers;
}

function fill(connection: Connection): void {
  const queries = createQueries(connection);
  const ids = connection.prepare(`SELECT id FROM chunks WHERE id > ? ORDER BY id LIMIT ${batchChunks}`);
  const insert = connection.db.prepare('INSERT INTO temp.fresh_index (rowid, text, headings, title) VALUES (?, ?, ?, ?)');
  connection.db.transaction(() => {
    let last = 0;
    for (;;) {
      const rows = ids.all(last) as { readonly id: ChunkId }[];
      if (rows.length === 0) return;
      for (const chunk of queries.readChunks(rows.map(({ id }) => id))) insert.run(indexedText(chunk));
      last = rows.at(-1)?.id ?? last;
    }
  })();
}
