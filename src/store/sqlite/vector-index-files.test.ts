import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChunkId } from '../../spec/identifiers.ts';
import { commitLines } from '../../testing/store-conformance.ts';
import { createSeededRandom } from '../../util/random.ts';
import { openInMemory } from './connection.ts';
import type { Connection } from './connection.ts';
import { loadUsearch } from './derived-index.ts';
import { newestGeneration, indexStem, writeGeneration } from './index-generation.ts';
import type { IndexWriteStep } from './index-generation.ts';
import { applyOperation } from './operations.ts';
import { createVectorSearch } from './vector-index.ts';
import type { VectorSearch, VectorSearchOptions } from './vector-index.ts';
import { verifyRecord } from './verify.ts';

const dimensions = 32;
const scope = { collection: 'main' };
const stem = indexStem('main', 'e');
let folder = '';
let connection: Connection;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-index-'));
  connection = openInMemory();
});
afterEach(() => {
  connection.close();
  rmSync(folder, { recursive: true, force: true });
});

function vectorSource(seed: number): () => Float32Array {
  const random = createSeededRandom(seed);
  return () => Float32Array.from({ length: dimensions }, () => random.float() - 0.5);
}

function addDocument(key: string, lines: number, seed: number, into = connection): readonly ChunkId[] {
  const next = vectorSource(seed);
  const text = Array.from({ length: lines }, (_, line) => `${key} line ${line}`).join('\n');
  const ids = { source: `source-${key}`, document: `document-${key}` };
  const chunks = applyOperation(into, commitLines(key, text, { key }), ids).chunks ?? [];
  applyOperation(
    into,
    { type: 'commitVectors', embedderHash: 'e', dimensions, vectors: chunks.map((chunk) => ({ chunk, vector: next() })) },
    ids,
  );
  return chunks;
}

function remove(key: string): void {
  applyOperation(connection, { type: 'removeSource', collection: 'main', key, at: 1 }, { source: '', document: '' });
}

function openSearch(options: VectorSearchOptions = {}): VectorSearch {
  return createVectorSearch(connection, loadUsearch(), {
    exactScanLimit: 0,
    tailLimit: 0,
    folder,
    writable: true,
    saveAfter: 1,
    ...options,
  });
}

function bringUp(search: VectorSearch): void {
  search.noticeNewVectors();
  while (search.advance());
  search.save();
}

function generation(): { readonly index: string; readonly coverage: string; readonly number: number } {
  const { found } = newestGeneration(folder, stem);
  if (found === undefined) throw new Error('There is no generation.');
  return { index: found.path, coverage: found.path.replace(/usearch$/u, 'json'), number: found.generation };
}

/** How much of the exact ten best a search finds, over some queries. */
function recall(search: VectorSearch, queries = 20): number {
  const exact = createVectorSearch(connection, undefined);
  const next = vectorSource(77);
  let hits = 0;
  for (let query = 0; query < queries; query += 1) {
    const vector = next();
    const expected = new Set(exact.search(vector, 'e', scope, 10).map((hit) => hit.chunk));
    hits += search.search(vector, 'e', scope, 10).filter((hit) => expected.has(hit.chunk)).length;
  }
  return hits / (queries * 10);
}

describe.skipIf(loadUsearch() === undefined)('generation files of the vector index', () => {
  it.skipIf(process.platform === 'win32')('can be read by their owner alone, whatever the umask (T75)', () => {
    const umask = process.umask(0);
    try {
      addDocument('a', 20, 1);
      bringUp(openSearch());
      const names = readdirSync(folder);
      expect(names).toHaveLength(2);
      expect(names.map((name) => statSync(join(folder, name)).mode & 0o777)).toEqual([0o600, 0o600]);
    } finally {
      process.umask(umask);
    }
  });

  it('find at least 99 % of what an exact scan finds, when built and when mapped', () => {
    addDocument('a', 3_000, 1);
    const built = openSearch();
    bringUp(built);
    expect(recall(built, 50)).toBeGreaterThanOrEqual(0.99);
    const mapped = openSearch({ writable: false, tailLimit: 100 });
    expect(recall(mapped, 50)).toBeGreaterThanOrEqual(0.99);
    // Nothing is behind: the file was used, not built again.
    expect(mapped.advance()).toBe(false);
  });

  it('are replaced by the next generation, never written over', () => {
    addDocument('a', 200, 1);
    const search = openSearch();
    bringUp(search);
    const first = generation();
    addDocument('b', 300, 2);
    bringUp(search);
    const second = generation();
    expect(second.number).toBeGreaterThan(first.number);
    expect(readdirSync(folder).sort()).toEqual([`${stem}.${second.number}.json`, `${stem}.${second.number}.usearch`]);
    expect(recall(search)).toBe(1);
  });

  it('are completed by the vectors that came after them, without any being lost', () => {
    addDocument('a', 500, 1);
    bringUp(openSearch());
    const late = addDocument('b', 50, 2);
    const next = vectorSource(2);
    const reader = openSearch({ writable: false, tailLimit: 1_000 });
    for (const chunk of late) expect(reader.search(next(), 'e', scope, 1)[0]?.chunk).toBe(chunk);
    const before = readdirSync(folder);
    bringUp(openSearch({ writable: false }));
    expect(readdirSync(folder)).toEqual(before);
  });

  it('are taken over by readers when the writer has made a newer one', () => {
    addDocument('a', 200, 1);
    const writer = openSearch();
    bringUp(writer);
    const reader = openSearch({ writable: false });
    expect(recall(reader)).toBe(1);
    addDocument('b', 200, 2);
    bringUp(writer);
    expect(recall(reader)).toBe(1);
    expect(reader.advance()).toBe(false);
  });

  it('never return removed chunks, and are made anew when many are gone', () => {
    addDocument('a', 400, 1);
    const gone = new Set(addDocument('b', 60, 3));
    addDocument('c', 600, 2);
    bringUp(openSearch());
    remove('b');
    const next = vectorSource(3);
    const search = openSearch({ writable: false });
    for (let query = 0; query < 60; query += 1) {
      const hits = search.search(next(), 'e', scope, 10);
      expect(hits).toHaveLength(10);
      expect(hits.filter((hit) => gone.has(hit.chunk))).toEqual([]);
    }
    expect(verifyRecord(connection, { indexFolder: folder }).problems).toEqual([]);
    remove('a');
    const writer = openSearch();
    const before = generation().number;
    bringUp(writer);
    expect(generation().number).toBeGreaterThan(before);
    expect(newestGeneration(folder, stem).found?.count).toBe(600);
    expect(recall(writer)).toBeGreaterThanOrEqual(0.99);
  });

  it('give way to an exact scan when the scope is filtered', () => {
    addDocument('a', 900, 1);
    addDocument('b', 40, 2);
    const search = openSearch();
    bringUp(search);
    const exact = createVectorSearch(connection, undefined);
    const filtered = { collection: 'main', filter: { key: 'b' } };
    const query = vectorSource(5)();
    const hits = search.search(query, 'e', filtered, 25);
    expect(hits).toHaveLength(25);
    expect(hits).toEqual(exact.search(query, 'e', filtered, 25));
  });

  it.each<[string, (files: ReturnType<typeof generation>) => void, boolean]>([
    ['cut short', ({ index }) => truncateSync(index, 5_000), true],
    ['emptied', ({ index }) => truncateSync(index, 0), true],
    ['missing', ({ index }) => rmSync(index), true],
    ['without its coverage', ({ coverage }) => rmSync(coverage), false],
    ['with a coverage of nonsense', ({ coverage }) => writeFileSync(coverage, '{"format":1'), true],
    [
      'changed by one bit',
      ({ index }) => {
        const bytes = readFileSync(index);
        const place = bytes.length >> 1;
        bytes[place] = (bytes[place] ?? 0) ^ 4;
        writeFileSync(index, bytes);
      },
      true,
    ],
  ])('%s are not used, are reported, and are made anew', (_name, damage, reported) => {
    addDocument('a', 300, 1);
    bringUp(openSearch());
    damage(generation());
    expect(verifyRecord(connection, { indexFolder: folder }).ok).toBe(!reported);
    const search = openSearch();
    expect(recall(search)).toBe(1);
    bringUp(search);
    expect(newestGeneration(folder, stem)).toMatchObject({ problems: [], found: { count: 300 } });
    expect(verifyRecord(connection, { indexFolder: folder }).problems).toEqual([]);
    expect(recall(openSearch({ writable: false }))).toBe(1);
  });

  it('of another record are recognised', () => {
    const other = openInMemory();
    addDocument('x', 300, 8, other);
    const search = createVectorSearch(other, loadUsearch(), { exactScanLimit: 0, tailLimit: 0, folder, writable: true, saveAfter: 1 });
    bringUp(search);
    other.close();
    addDocument('a', 300, 1);
    expect(verifyRecord(connection, { indexFolder: folder }).problems[0]).toContain('is not the one in');
    const here = openSearch({ writable: false });
    here.noticeNewVectors();
    // All rows have to be added: nothing was taken from the file.
    expect(here.advance()).toBe(true);
    expect(recall(here)).toBe(1);
  });

  it('of an older state of the record are completed, of a newer one refused', () => {
    addDocument('a', 300, 1);
    bringUp(openSearch());
    const files = generation();
    const kept = mkdtempSync(join(tmpdir(), 'millrace-index-kept-'));
    for (const path of [files.index, files.coverage]) copyFileSync(path, join(kept, path.split(/[\\/]/u).at(-1) ?? ''));
    connection.close();
    connection = openInMemory();
    addDocument('a', 200, 1);
    const search = openSearch({ folder: kept, writable: false });
    search.noticeNewVectors();
    expect(search.advance()).toBe(true);
    expect(recall(search)).toBe(1);
    rmSync(kept, { recursive: true });
  });

  it.each<IndexWriteStep>(['index-written', 'index-renamed'])('leave the older one in place when the writer dies at %s', (step) => {
    addDocument('a', 300, 1);
    const search = openSearch();
    bringUp(search);
    const before = generation();
    const { found } = newestGeneration(folder, stem);
    if (found === undefined) throw new Error('There is no generation.');
    const death = new Error('killed');
    expect(() =>
      writeGeneration(
        folder,
        found,
        (path) => copyFileSync(found.path, path),
        (reached) => {
          if (reached === step) throw death;
        },
      ),
    ).toThrow(death);
    // What a kill leaves is more than what an error leaves.
    writeFileSync(join(folder, `${stem}.99.usearch.partial`), 'half');
    expect(generation()).toEqual(before);
    expect(recall(openSearch({ writable: false }))).toBe(1);
    addDocument('b', 100, 2);
    bringUp(openSearch());
    expect(readdirSync(folder)).toHaveLength(2);
    expect(newestGeneration(folder, stem).found?.count).toBe(400);
  });

  it('are thrown away and made anew on request', () => {
    addDocument('a', 300, 1);
    const search = openSearch();
    bringUp(search);
    const before = generation();
    search.rebuild();
    while (search.advance());
    search.save();
    expect(generation().number).toBeGreaterThanOrEqual(before.number);
    expect(recall(search)).toBe(1);
  });
});
