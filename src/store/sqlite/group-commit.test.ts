import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChunkId } from '../../spec/identifiers.ts';
import { commitLines } from '../../testing/store-conformance.ts';
import { openForReading, openForWriting } from './connection.ts';
import type { Connection } from './connection.ts';
import { createGroupCommit } from './group-commit.ts';
import type { ThreadRequest, WriterCall } from './messages.ts';
import type { PreparedOperation } from './operations.ts';
import { createHeldPortions } from './portions.ts';
import { verifyRecord } from './verify.ts';

let directory = '';
let connection: Connection;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-writer-'));
  connection = openForWriting(directory);
});
afterEach(() => {
  connection.close();
  rmSync(directory, { recursive: true, force: true });
});

function request(number: number, lines = 1): ThreadRequest<WriterCall> {
  const text = Array.from({ length: lines }, (_, line) => `text ${number} line ${line} of what is to be kept`).join('\n');
  const ids = { source: `source-${number}`, document: `document-${number}` };
  return { number, call: { type: 'commit', operations: [{ operation: commitLines(`key-${number}`, text), ids }] } };
}

const badVectors: PreparedOperation = {
  operation: {
    type: 'commitVectors',
    embedderHash: 'e',
    dimensions: 2,
    vectors: [{ chunk: 1 as ChunkId, vector: Float32Array.of(Number.NaN, 0) }],
  },
  ids: { source: '', document: '' },
};

/** Keys that another handle sees. */
function keysRead(): readonly string[] {
  const reader = openForReading(directory);
  const rows = reader.prepare('SELECT key FROM sources ORDER BY key').all() as { readonly key: string }[];
  reader.close();
  return rows.map((row) => row.key);
}

function indexedRows(): number {
  const row = connection.prepare('SELECT count(*) AS count FROM chunk_index').get() as { readonly count: number };
  return row.count;
}

/** The handle with one statement that fails as SQLite does, the first time it is run. */
function failingAt(statement: string, code: string): Connection {
  let failed = false;
  const db = new Proxy(connection.db, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (property !== 'exec') return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
      return (sql: string) => {
        if (!failed && sql === statement) {
          failed = true;
          throw Object.assign(new Error('disk I/O error'), { code });
        }
        return target.exec(sql);
      };
    },
  });
  return { ...connection, db };
}

describe('createGroupCommit', () => {
  it('says that the disk is full, keeps what was there, and writes again when there is room', () => {
    const writer = createGroupCommit(connection);
    expect(writer.commit([request(1)])).toMatchObject([{ number: 1, value: [{ done: true }] }]);
    const pages = Number(connection.db.pragma('page_count', { simple: true }));
    connection.db.pragma(`max_page_count = ${pages + 2}`);
    const [refused] = writer.commit([request(2, 5_000)]);
    expect(refused).toMatchObject({
      number: 2,
      error: { code: 'E_DISK_FULL', message: expect.stringContaining('the disk is full') as string },
    });
    expect(keysRead()).toEqual(['key-1']);
    connection.db.pragma(`max_page_count = ${pages + 10_000}`);
    expect(writer.commit([request(2, 5_000)])).toMatchObject([{ number: 2, value: [{ done: true }] }]);
    expect(keysRead()).toEqual(['key-1', 'key-2']);
  });

  it.each(['SQLITE_IOERR_FSYNC', 'SQLITE_IOERR_WRITE', 'SQLITE_CORRUPT'])(
    'writes nothing more after %s, acknowledges nothing of that group, and leaves reading alone',
    (code) => {
      createGroupCommit(connection).commit([request(1)]);
      const writer = createGroupCommit(failingAt('COMMIT', code));
      const answers = writer.commit([request(2), request(3)]);
      expect(answers.map((answer) => 'error' in answer)).toEqual([true, true]);
      const [later] = writer.commit([request(4)]);
      expect(later).toMatchObject({ error: { message: expect.stringContaining('Nothing more is written; reading goes on.') as string } });
      expect(keysRead()).toEqual(['key-1']);
      // Opening again is the remedy.
      expect(createGroupCommit(connection).commit([request(4)])).toMatchObject([{ value: [{ done: true }] }]);
    },
  );

  it('stages outside of any transaction, and gives up what was staged also where nothing is written any more', () => {
    const held = createHeldPortions();
    const writer = createGroupCommit(failingAt('BEGIN IMMEDIATE', 'SQLITE_IOERR_WRITE'), held);
    const portion = { type: 'portion', document: 1, portion: { text: 'staged' } } as const;
    expect(writer.stage(1, portion)).toEqual({ number: 1, value: undefined });
    expect(held.read(1).textLength).toBe(6);
    expect(writer.commit([request(2)])).toMatchObject([{ error: { code: 'E_STORE_FAILED' } }]);
    expect(writer.stage(3, portion)).toMatchObject({
      number: 3,
      error: { message: expect.stringContaining('Nothing more is written') as string },
    });
    expect(writer.stage(4, { type: 'forgetPortions', document: 1 })).toEqual({ number: 4, value: undefined });
    expect(() => held.read(1)).toThrow(RangeError);
  });

  it('undoes a refused call alone', () => {
    const bad: ThreadRequest<WriterCall> = { number: 2, call: { type: 'commit', operations: [badVectors] } };
    const answers = createGroupCommit(connection).commit([request(1), bad, request(3)]);
    expect(answers.map((answer) => 'error' in answer)).toEqual([false, true, false]);
    expect(keysRead()).toEqual(['key-1', 'key-3']);
  });

  it('undoes all that the only call of a transaction wrote before it was refused, and leaves nothing of it to the next one', () => {
    const writer = createGroupCommit(connection);
    const { number, call } = request(1, 20);
    const operations = call.type === 'commit' ? [...call.operations, badVectors] : [];
    const [refused] = writer.commit([{ number, call: { type: 'commit', operations } }]);
    expect(refused).toMatchObject({ number: 1, error: { code: expect.any(String) as string } });
    expect(keysRead()).toEqual([]);
    expect(indexedRows()).toBe(0);
    expect(connection.texts.mark().count).toBe(0);

    expect(writer.commit([request(2, 3)])).toMatchObject([{ number: 2, value: [{ done: true }] }]);
    expect(keysRead()).toEqual(['key-2']);
    expect(indexedRows()).toBe(3);
    expect(verifyRecord(connection, {})).toMatchObject({ ok: true, problems: [], checked: { documents: 1, chunks: 3 } });
  });
});
