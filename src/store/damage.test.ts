import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isMillraceError } from '../errors.ts';
import { createLanguageDetector } from '../language/detect-language.ts';
import type { ChunkId, DocumentId, RunId } from '../spec/identifiers.ts';
import type { Store } from '../spec/store.ts';
import { createManualClock } from '../testing/manual-clock.ts';
import { commitLines } from '../testing/store-conformance.ts';
import { createSeededRandom } from '../util/random.ts';
import { type Connection, openForReading } from './sqlite/connection.ts';
import { checkedColumns } from './sqlite/row-checksum.ts';
import { createQueries } from './sqlite/queries.ts';
import { createTextSearch } from './sqlite/text-search.ts';
import { verifyRecord } from './sqlite/verify.ts';
import { openStore } from './open-store.ts';

let root = '';
/** A directory with everything that one holds, closed. */
let whole = '';
let texts: ReadonlyMap<ChunkId, string>;
let documents: readonly DocumentId[] = [];

const run = 'run-1' as RunId;
const lines = (from: number) =>
  Array.from({ length: 12 }, (_, line) => `Line ${from + line} tells of wheel ${from * line} and weir.`).join('\n');

async function open(directory: string, mode: 'write' | 'read'): Promise<Store> {
  return openStore({ directory, mode, clock: createManualClock(), random: createSeededRandom(1), readers: 1 });
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'millrace-damage-'));
  whole = join(root, 'whole');
  const store = await open(whole, 'write');
  const outcomes = await store.commit([1, 40, 90, 7].map((from) => commitLines(`source ${from}`, lines(from), { from })));
  await store.commit([commitLines('source 7', lines(8))]);
  await store.acceptSources('main', [
    { source: { key: 'kept', uri: 'kept', metadata: {} }, bytes: new TextEncoder().encode('kept bytes') },
  ]);
  const chunks = outcomes.slice(0, 3).flatMap((outcome) => outcome.chunks ?? []);
  const vectors = chunks.map((chunk, place) => ({
    chunk,
    vector: Float32Array.from({ length: 8 }, (_, axis) => Math.sin(place * (axis + 1))),
  }));
  await store.commit([{ type: 'commitVectors', embedderHash: 'e', dimensions: 8, vectors }]);
  const items = [0, 1, 2].map((number) => ({ number, key: `k${number}`, input: { question: `What is ${number}?` } }));
  await store.commit([{ type: 'createRun', run, kind: 'ask-many', definition: { label: {} }, items, at: 1 }]);
  const [item] = await store.claimItems(run, { limit: 1, leaseUntil: 9, at: 1 });
  await store.commit([
    { type: 'settleItem', run, number: 0, fence: item?.fence ?? 0, status: 'done', result: { answer: 'Wheel 40.' }, at: 2 },
  ]);
  await store.writeSetting('collection:main:embedder', { id: 'e' });
  await store.rebuild();
  const read = await store.readChunks(chunks);
  texts = new Map(read.map(({ id, text }) => [id, text]));
  documents = [...new Set(read.map(({ document }) => document))];
  await store.close();
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const detectLanguage = createLanguageDetector();

/** Everything of the record that somebody may be told and that does not change by itself. */
function told(directory: string): string {
  return reading(directory, (connection) => {
    const rows = Object.entries(checkedColumns).map(([table, columns]) =>
      connection.prepare(`SELECT ${columns.join(', ')} FROM ${table} ORDER BY 1, 2`).all(),
    );
    rows.push(connection.prepare('SELECT text FROM document_texts ORDER BY document').all());
    const search = createTextSearch(connection, detectLanguage);
    const found = ['wheel', 'weir', '40', 'tell'].map((query) => search(query, { collection: 'main' }, 50));
    return JSON.stringify([rows, found]);
  });
}

function reading<Value>(directory: string, work: (connection: Connection) => Value): Value {
  const connection = openForReading(directory);
  try {
    return work(connection);
  } finally {
    connection.close();
  }
}

/** Damages a copy of the directory and hands it on. */
function damaged<Result>(damage: (directory: string) => void, look: (directory: string) => Result): Result {
  const directory = join(root, 'damaged');
  rmSync(directory, { recursive: true, force: true });
  cpSync(whole, directory, { recursive: true });
  damage(directory);
  return look(directory);
}

function flipBit(path: string, bit: number): void {
  const bytes = readFileSync(path);
  bytes[bit >> 3]! ^= 1 << (bit & 7);
  writeFileSync(path, bytes);
}

const attempt = <Value>(work: () => Value): Value | Error => {
  try {
    return work();
  } catch (error) {
    return error as Error;
  }
};

describe('T08: a bit that the disk has turned over', () => {
  const flips = 300;

  it(`at any of ${flips} places of the record gives no wrong text, and is found by reading or by verify, or changes nothing`, () => {
    const random = createSeededRandom(8);
    const bits = statSync(join(whole, 'record.sqlite')).size * 8;
    const before = told(whole);
    const bytes = readFileSync(join(whole, 'record.sqlite'));
    // Only the record is read here.
    const directory = join(root, 'flipped');
    mkdirSync(directory);
    const unfound: number[] = [];
    let found = 0;
    for (let count = 0; count < flips; count += 1) {
      const bit = Math.floor(random.float() * bits);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      writeFileSync(join(directory, 'record.sqlite'), bytes);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      const after = attempt(() => told(directory));
      const read = attempt(() => reading(directory, (connection) => createQueries(connection).readChunks([...texts.keys()])));
      if (!(read instanceof Error)) for (const { id, text } of read) expect(text).toBe(texts.get(id));
      if (after === before) continue;
      const report = attempt(() => reading(directory, (connection) => verifyRecord(connection)));
      if (report instanceof Error || !report.ok) found += 1;
      else unfound.push(bit);
    }
    expect(unfound).toEqual([]);
    expect(found).toBeGreaterThan(flips / 20);
  });

  it('in kept bytes and in the files of the vector index is found by verify', async () => {
    const names = readdirSync(whole, { recursive: true, encoding: 'utf8' }).filter((name) => /^(?:blobs|index)./u.test(name));
    const files = names.filter((name) => statSync(join(whole, name)).isFile());
    expect(files.length).toBeGreaterThanOrEqual(1);
    for (const name of files) {
      const middle = statSync(join(whole, name)).size * 4;
      await damaged(
        (directory) => flipBit(join(directory, name), middle),
        async (directory) => {
          const store = await open(directory, 'read');
          try {
            expect([name, (await store.verify()).ok]).toEqual([name, false]);
          } finally {
            await store.close();
          }
        },
      );
    }
  });
});

describe('T09: files of a directory that are gone, empty, cut or another', () => {
  const harms: readonly (readonly [string, (path: string) => void])[] = [
    ['is gone', (path) => rmSync(path)],
    ['is empty', (path) => truncateSync(path)],
    ['is cut', (path) => truncateSync(path, Math.floor(statSync(path).size / 2))],
    ['is a text', (path) => writeFileSync(path, 'This is no database. '.repeat(400))],
  ];

  it.each(harms.flatMap(([how, harm]) => (['read', 'write'] as const).map((mode) => [how, mode, harm] as const)))(
    'are an error that says what to do, or are made anew, when one %s and the directory is opened to %s',
    async (_how, mode, harm) => {
      const files = readdirSync(whole, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(whole, name)).isFile());
      expect(files).toContain('record.sqlite');
      for (const name of files) {
        await damaged(
          (directory) => harm(join(directory, name)),
          async (directory) => {
            const opened = await open(directory, mode).catch((error: unknown) => error);
            if (isMillraceError(opened)) {
              expect(name).toMatch(/^(?:record|lock)\.sqlite$/);
              expect(opened.code).toMatch(/^E_STORE_(?:CORRUPT|MISSING|VERSION)$/);
              expect(opened.remedy).not.toBe('');
              return;
            }
            const store = opened as Store;
            try {
              await useAll(store);
              if (mode === 'write' && name !== 'record.sqlite') {
                await store.rebuild();
                const { problems } = await store.verify();
                expect([name, problems.filter((problem) => !problem.startsWith('The kept bytes'))]).toEqual([name, []]);
              }
            } finally {
              await store.close();
            }
          },
        );
      }
    },
  );

  it('are whole beside files that do not belong there', async () => {
    await damaged(
      (directory) => {
        for (const name of ['record.sqlite.tmp', 'index/old.partial', 'blobs/stray.partial', 'notes.txt']) {
          if (existsSync(join(directory, name, '..'))) writeFileSync(join(directory, name), 'stray');
        }
      },
      async (directory) => {
        const store = await open(directory, 'write');
        try {
          expect((await store.verify()).problems).toEqual([]);
          expect((await store.readChunks([...texts.keys()])).map(({ id, text }) => [id, text])).toEqual([...texts]);
        } finally {
          await store.close();
        }
      },
    );
  });
});

/** Everything may fail with an error of the catalogue; what is given is as it was committed. */
async function useAll(store: Store): Promise<void> {
  const uses: (() => Promise<unknown>)[] = [
    async () => {
      for (const { id, text } of await store.readChunks([...texts.keys()])) expect(text).toBe(texts.get(id));
    },
    () => Promise.all(documents.map((id) => store.readSpan(id, 0, 20))),
    () => store.searchText('wheel', { collection: 'main' }, 5),
    () =>
      store.searchVectors(
        Float32Array.from({ length: 8 }, () => 1),
        'e',
        { collection: 'main' },
        5,
      ),
    () => store.listRunItems(run, { after: -1, limit: 10 }),
    () => store.verify(),
  ];
  for (const use of uses) {
    await use().catch((error: unknown) => {
      if (!isMillraceError(error)) throw error;
    });
  }
}
