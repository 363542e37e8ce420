import { describe, expect, it } from 'vitest';
import type { ChunkId, Metadata } from '../../spec/identifiers.ts';
import { commitLines } from '../../testing/store-conformance.ts';
import { createSeededRandom } from '../../util/random.ts';
import { openInMemory } from './connection.ts';
import type { Connection } from './connection.ts';
import { bestOf, scanVectors } from './exact-scan.ts';
import { createHalfDecoder, encodeUnitVector } from './half-float.ts';
import { applyOperation } from './operations.ts';
import { loadUsearch } from './derived-index.ts';
import { createVectorSearch } from './vector-index.ts';

const dimensions = 16;
const scope = { collection: 'main' };

function addDocument(connection: Connection, key: string, lines: number, seed: number, metadata: Metadata = {}): readonly ChunkId[] {
  const random = createSeededRandom(seed);
  const text = Array.from({ length: lines }, (_, line) => `${key} line ${line}`).join('\n');
  const ids = { source: `source-${key}`, document: `document-${key}` };
  const chunks = applyOperation(connection, commitLines(key, text, metadata), ids).chunks ?? [];
  const vectors = chunks.map((chunk) => ({ chunk, vector: Float32Array.from({ length: dimensions }, () => random.float() - 0.5) }));
  applyOperation(connection, { type: 'commitVectors', embedderHash: 'e', dimensions, vectors }, ids);
  return chunks;
}

describe('half floats', () => {
  it('keep a unit vector to three digits, and zero as zero', () => {
    const decoder = createHalfDecoder();
    const vector = Float32Array.of(3, -4, 0, 1e-4);
    const decoded = decoder.decode(encodeUnitVector(vector));
    [0.6, -0.8, 0, 2e-5].forEach((value, index) => expect(decoded[index]).toBeCloseTo(value, 3));
    expect(decoder.decode(encodeUnitVector(Float32Array.of(0, 0)))).toEqual(Float32Array.of(0, 0));
    expect(decoder.decode(Uint8Array.of(0x00, 0x3c, 0x01, 0x00, 0x00, 0xc0))).toEqual(Float32Array.of(1, 2 ** -24, -2));
  });
});

describe('the scan of a small collection', () => {
  it('finds what a scan of the record finds, after rows were added, removed and replaced', () => {
    const connection = openInMemory();
    const search = createVectorSearch(connection, undefined);
    const decoder = createHalfDecoder();
    const random = createSeededRandom(4);
    const query = Float32Array.from({ length: dimensions }, () => random.float() - 0.5);
    const inRecord = () => {
      const decoded = decoder.decode(encodeUnitVector(query));
      return bestOf(scanVectors(connection, decoder, decoded, { embedderHash: 'e', scope }), 10);
    };
    const same = (): void => {
      const found = search.search(query, 'e', scope, 10);
      expect(found.map(({ chunk }) => chunk)).toEqual(inRecord().map(({ chunk }) => chunk));
      inRecord().forEach(({ score }, index) => expect(found[index]?.score).toBeCloseTo(score, 5));
    };
    addDocument(connection, 'a', 30, 1);
    same();
    addDocument(connection, 'b', 40, 2);
    same();
    applyOperation(connection, { type: 'removeSource', collection: 'main', key: 'a', at: 1 }, { source: '', document: '' });
    expect(search.search(query, 'e', scope, 100)).toHaveLength(40);
    same();
    // As many come as go.
    applyOperation(connection, { type: 'removeSource', collection: 'main', key: 'b', at: 2 }, { source: '', document: '' });
    addDocument(connection, 'c', 40, 3);
    same();
    connection.close();
  });
});

describe.skipIf(loadUsearch() === undefined)('the derived index', () => {
  it('agrees with the exact scan, follows new rows, and hides removed ones', () => {
    const connection = openInMemory();
    const library = loadUsearch();
    const derived = createVectorSearch(connection, library, { exactScanLimit: 0, tailLimit: 0 });
    const exact = createVectorSearch(connection, undefined);
    const random = createSeededRandom(9);
    const query = Float32Array.from({ length: dimensions }, () => random.float() - 0.5);
    function overlap(): number {
      const expected = new Set(exact.search(query, 'e', scope, 10).map((hit) => hit.chunk));
      return derived.search(query, 'e', scope, 10).filter((hit) => expected.has(hit.chunk)).length;
    }
    const first = addDocument(connection, 'a', 450, 1);
    expect(overlap()).toBe(10);
    expect(derived.advance()).toBe(true);
    while (derived.advance());
    expect(overlap()).toBeGreaterThanOrEqual(9);
    addDocument(connection, 'b', 150, 2);
    expect(overlap()).toBeGreaterThanOrEqual(9);
    applyOperation(connection, { type: 'removeSource', collection: 'main', key: 'a', at: 1 }, { source: '', document: '' });
    const removed = new Set(first);
    const hits = derived.search(query, 'e', scope, 10);
    expect(hits).toHaveLength(10);
    expect(hits.filter((hit) => removed.has(hit.chunk))).toEqual([]);
    expect(overlap()).toBeGreaterThanOrEqual(9);
    connection.close();
  });
});

describe.skipIf(loadUsearch() === undefined)('a filter', () => {
  const random = createSeededRandom(5);
  const queries = Array.from({ length: 5 }, () => Float32Array.from({ length: dimensions }, () => random.float() - 0.5));

  it('is met by every hit, by candidates of the index as by a scan, as the record is now', () => {
    const connection = openInMemory();
    const indexed = createVectorSearch(connection, loadUsearch(), { exactScanLimit: 0, tailLimit: 0 });
    const plain = createVectorSearch(connection, undefined);
    const decoder = createHalfDecoder();
    const inRecord = (query: Float32Array, year: number, limit: number) => {
      const filtered = { ...scope, filter: { year } };
      return bestOf(
        scanVectors(connection, decoder, decoder.decode(encodeUnitVector(query)), { embedderHash: 'e', scope: filtered }),
        limit,
      );
    };
    /** Least share of what the record holds that is found. */
    const found = (year: number, limit: number): number => {
      const shares = queries.flatMap((query) => {
        const expected = inRecord(query, year, limit).map(({ chunk }) => chunk);
        return [indexed, plain].map((one) => {
          const chunks = one.search(query, 'e', { ...scope, filter: { year } }, limit).map(({ chunk }) => chunk);
          expect(chunks).toHaveLength(expected.length);
          return expected.length === 0 ? 1 : expected.filter((chunk) => chunks.includes(chunk)).length / expected.length;
        });
      });
      return Math.min(...shares);
    };
    for (const [number, year] of [1, 2, 2, 2, 3].entries()) addDocument(connection, `d${number}`, 200, number, { year });
    addDocument(connection, 'few', 3, 9, { year: 4 });
    indexed.search(queries[0] ?? Float32Array.of(), 'e', scope, 1);
    while (indexed.advance());
    expect(found(2, 10)).toBeGreaterThanOrEqual(0.9);
    // Fewer chunks than candidates: each is scored by itself.
    expect(found(3, 100)).toBe(1);
    expect(found(4, 10)).toBe(1);
    expect(found(5, 10)).toBe(1);
    applyOperation(connection, { type: 'removeSource', collection: 'main', key: 'd1', at: 1 }, { source: '', document: '' });
    addDocument(connection, 'late', 40, 7, { year: 2 });
    expect(found(2, 10)).toBeGreaterThanOrEqual(0.9);
    expect(found(4, 2)).toBe(1);
    connection.close();
  });
});
