import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChunkId, DocumentId } from '../../spec/identifiers.ts';
import type { Store } from '../../spec/store.ts';
import { createManualClock } from '../../testing/manual-clock.ts';
import { commitLines } from '../../testing/store-conformance.ts';
import { createSeededRandom } from '../../util/random.ts';
import { openStore } from '../open-store.ts';
import { type Connection, openForReading } from './connection.ts';
import { createQueries } from './queries.ts';
import { piecedText } from '../../util/pieced-text.ts';

it('slices a text in pieces as the whole text', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 6 }), { maxLength: 8 }), fc.nat(60), fc.nat(60), (texts, from, length) => {
      const whole = texts.join('');
      const text = piecedText(texts);
      const start = Math.min(from, whole.length);
      const end = Math.min(start + length, whole.length);
      expect(text.length).toBe(whole.length);
      expect(text.slice(start, end)).toBe(whole.slice(start, end));
    }),
  );
});

/** The handle, with `onRead` called for each query of pieces. */
function noticingPieces(connection: Connection, onRead: () => void): Connection {
  return {
    ...connection,
    prepare(sql) {
      const statement = connection.prepare(sql);
      if (!sql.includes('text FROM text_pieces')) return statement;
      return new Proxy(statement, {
        get(target, property) {
          const value: unknown = Reflect.get(target, property, target);
          if (typeof value !== 'function') return value;
          return (...parameters: unknown[]): unknown => {
            onRead();
            return Reflect.apply(value, target, parameters);
          };
        },
      });
    },
  };
}

describe('a long text on record', () => {
  // An odd number of units before characters of two: some portion would end inside one.
  const lines = Array.from({ length: 9_000 }, (_, line) => `line ${line} of the mill: ${'🦀'.repeat(100)} end`);
  const text = `x${lines.join('\n')}`;
  const operation = commitLines('long', text);
  let directory = '';
  let store: Store;
  let id: DocumentId;

  const open = () => openStore({ directory, mode: 'write', clock: createManualClock(), random: createSeededRandom(1), readers: 1 });

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-text-'));
    store = await open();
    const [outcome] = await store.commit([operation]);
    id = outcome?.document as DocumentId;
  });
  afterEach(async () => {
    await store.close();
    rmSync(directory, { recursive: true, force: true });
  });

  /** What a program that knows nothing of millrace does to the file. */
  function change(sql: string): unknown {
    const db = new Database(join(directory, 'record.sqlite'));
    try {
      return sql.startsWith('SELECT') ? db.prepare(sql).get() : db.exec(sql);
    } finally {
      db.close();
    }
  }

  it('lies in pieces, and every range and chunk is read from them', async () => {
    expect(change('SELECT count(*) AS pieces, max(length(text)) < 1100000 AS short FROM text_pieces')).toEqual({ pieces: 2, short: 1 });
    expect((await store.readDocument(id))?.textLength).toBe(text.length);
    const middle = 1024 * 1024;
    expect(await store.readSpan(id, middle - 50, middle + 50)).toBe(text.slice(middle - 50, middle + 50));
    const chunks = await store.readChunks(await store.listChunks(id));
    expect(chunks).toHaveLength(9_000);
    expect(chunks.every((chunk) => chunk.text === text.slice(chunk.start, chunk.end))).toBe(true);
    expect(await store.verify()).toMatchObject({ ok: true, checked: { chunks: 9_000 } });
  });

  it('is read piece by piece, once each, where chunks are parts of a table whose header is in another piece', async () => {
    change('UPDATE chunks SET table_header_start = 0, table_header_end = 20');
    const ids = (await store.listChunks(id)).slice(-50);
    const connection = openForReading(directory);
    let reads = 0;
    const queries = createQueries(noticingPieces(connection, () => (reads += 1)));
    const right = lines.slice(-50).map((line) => ({ text: line, tableHeader: text.slice(0, 20) }));

    expect(queries.readChunks(ids)).toMatchObject(right);
    expect(reads).toBe(2);
    expect(queries.listUnembedded('main', 'e', { after: ((ids[0] ?? 0) - 1) as ChunkId, limit: 50 })).toMatchObject(right);
    expect(reads).toBe(4);
    connection.close();
  });

  it('is told by verify where a piece was changed, and not quoted', async () => {
    change(`UPDATE text_pieces SET text = replace(text, 'line 8999', 'lime 8999') WHERE start > 0`);
    await expect(store.readSpan(id, 0, 10)).rejects.toMatchObject({ code: 'E_STORE_CORRUPT' });
    const report = await store.verify();
    expect(report.problems).toContain(`The text of document ${id} is not the text that was committed.`);
  });

  it('goes with its document', async () => {
    await store.commit([{ type: 'removeSource', collection: 'main', key: 'long', at: 2 }]);
    expect(change('SELECT count(*) AS pieces FROM text_pieces')).toEqual({ pieces: 0 });
  });

  it('takes the place of the text that an earlier version kept in one row', async () => {
    await store.close();
    change("UPDATE document_texts SET text = (SELECT group_concat(text, '') FROM (SELECT text FROM text_pieces ORDER BY start))");
    change('DELETE FROM text_pieces');
    store = await open();
    expect(await store.readSpan(id, 5, 25)).toBe(text.slice(5, 25));
    expect(await store.verify()).toMatchObject({ ok: true });
  });
});
