import { createRequire } from 'node:module';
import type { Index } from 'usearch';
import { MillraceError } from '../../errors.ts';
import type { ChunkId } from '../../spec/identifiers.ts';
import type { ScoredChunk, SearchScope } from '../../spec/store.ts';
import { createHeap } from '../../util/heap.ts';
import type { Connection } from './connection.ts';
import { scopeCondition } from './filter.ts';
import { createHalfDecoder, encodeUnitVector } from './half-float.ts';

/** Below this many vectors an exact scan is fast enough and needs no index. */
export const exactScanLimit = 5_000;
/** Rows added at a time: the pause between two requests of the thread. */
const addBatch = 200;
const maxIndexes = 8;

type Usearch = typeof import('usearch');

/** Undefined where this platform has no binary; every search is then an exact scan. */
export function loadUsearch(): Usearch | undefined {
  try {
    return createRequire(import.meta.url)('usearch') as Usearch;
  } catch {
    return undefined;
  }
}

interface DerivedIndex {
  readonly index: Index;
  readonly collection: string;
  readonly embedderHash: string;
  readonly dimensions: number;
  /** Greatest `vectors.number` that was added. */
  last: number;
}

export interface VectorSearch {
  search(vector: Float32Array, embedderHash: string, scope: SearchScope, limit: number): readonly ScoredChunk[];
  /** Adds one batch to an index that a search found behind the record. False when none is behind. */
  advance(): boolean;
}

function best(candidates: Iterable<ScoredChunk>, limit: number): readonly ScoredChunk[] {
  const heap = createHeap<ScoredChunk>((a, b) => a.score < b.score || (a.score === b.score && a.chunk > b.chunk));
  for (const candidate of candidates) {
    heap.push(candidate);
    if (heap.size > limit) heap.pop();
  }
  const found: ScoredChunk[] = [];
  for (let next = heap.pop(); next !== undefined; next = heap.pop()) found.push(next);
  return found.reverse();
}

/**
 * Nearest chunks by cosine. Exact for small collections and for filtered scopes, else by an HNSW index that is derived from the
 * rows of `vectors`: built in memory, batch by batch, after the first search, which like all others scans exactly until the index
 * has caught up; extended by new rows, checked against the record at each hit, built anew when a fifth of it is gone. Generation files that spare the build at start are not made yet.
 */
export function createVectorSearch(
  connection: Connection,
  usearch: Usearch | undefined,
  options: { readonly exactScanLimit?: number } = {},
): VectorSearch {
  const decoder = createHalfDecoder();
  const indexes = new Map<string, DerivedIndex>();
  const behind = new Set<string>();
  const scanBelow = options.exactScanLimit ?? exactScanLimit;

  function* scan(query: Float32Array, embedderHash: string, scope: SearchScope): Generator<ScoredChunk> {
    const condition = scopeCondition(scope);
    const plain = scope.filter === undefined && scope.documents === undefined;
    const rows = plain
      ? connection
          .prepare('SELECT chunk, vector FROM vectors WHERE collection = ? AND embedder_hash = ?')
          .iterate(scope.collection, embedderHash)
      : connection
          .prepare(`SELECT v.chunk, v.vector FROM chunks c JOIN vectors v ON v.chunk = c.id WHERE v.embedder_hash = ? AND ${condition.sql}`)
          .iterate(embedderHash, ...condition.parameters);
    for (const row of rows as IterableIterator<{ readonly chunk: ChunkId; readonly vector: Uint8Array }>) {
      yield { chunk: row.chunk, score: decoder.dot(row.vector, query) };
    }
  }

  /** Adds the next batch of rows. Returns whether there may be more. */
  function extend(derived: DerivedIndex): boolean {
    const rows = connection
      .prepare(
        'SELECT number, chunk, vector FROM vectors WHERE collection = ? AND embedder_hash = ? AND number > ? ORDER BY number LIMIT ?',
      )
      .all(derived.collection, derived.embedderHash, derived.last, addBatch) as { number: number; chunk: number; vector: Uint8Array }[];
    if (rows.length === 0) return false;
    const matrix = new Float32Array(rows.length * derived.dimensions);
    rows.forEach((row, position) => matrix.set(decoder.decode(row.vector), position * derived.dimensions));
    derived.index.add(
      BigUint64Array.from(rows, (row) => BigInt(row.chunk)),
      matrix,
      1,
    );
    derived.last = rows.at(-1)?.number ?? derived.last;
    return rows.length === addBatch;
  }

  function emptyIndex(library: Usearch, collection: string, embedderHash: string, dimensions: number): DerivedIndex {
    const { Index, MetricKind, ScalarKind } = library;
    const index = new Index({
      dimensions,
      metric: MetricKind.Cos,
      quantization: ScalarKind.F16,
      connectivity: 0,
      expansion_add: 0,
      expansion_search: 0,
      multi: false,
    });
    return { index, collection, embedderHash, dimensions, last: 0 };
  }

  /** Undefined while the index is more than one batch behind the record; `advance` then brings it up. */
  function currentIndex(library: Usearch, collection: string, embedderHash: string, dimensions: number, count: number): Index | undefined {
    const key = `${embedderHash}\n${collection}`;
    let derived = indexes.get(key);
    if (derived === undefined || derived.index.size() > count * 1.25) {
      indexes.delete(key);
      const oldest = indexes.keys().next();
      if (indexes.size >= maxIndexes && oldest.done !== true) indexes.delete(oldest.value);
      derived = emptyIndex(library, collection, embedderHash, dimensions);
      indexes.set(key, derived);
    }
    if (!extend(derived)) return derived.index;
    behind.add(key);
    return undefined;
  }

  return {
    advance() {
      const key = behind.values().next();
      if (key.done === true) return false;
      const derived = indexes.get(key.value);
      if (derived === undefined || !extend(derived)) behind.delete(key.value);
      return behind.size > 0;
    },
    search(vector, embedderHash, scope, limit) {
      if (limit <= 0) return [];
      if (vector.length === 0 || !vector.every((value) => Number.isFinite(value))) {
        throw new MillraceError('E_INPUT_INVALID', 'The query vector holds a value that is not a finite number.');
      }
      const { count, bytes } = connection
        .prepare(
          `SELECT (SELECT count(*) FROM vectors WHERE collection = @collection AND embedder_hash = @embedderHash) AS count,
             (SELECT length(vector) FROM vectors WHERE collection = @collection AND embedder_hash = @embedderHash LIMIT 1) AS bytes`,
        )
        .get({ collection: scope.collection, embedderHash }) as { readonly count: number; readonly bytes: number | null };
      if (count === 0 || bytes === null) return [];
      if (bytes !== vector.length * 2) {
        throw new MillraceError('E_INPUT_INVALID', `The query vector has ${vector.length} dimensions; the stored ones have ${bytes / 2}.`);
      }
      const query = decoder.decode(encodeUnitVector(vector));
      const filtered = scope.filter !== undefined || scope.documents !== undefined;
      if (usearch === undefined || filtered || count < scanBelow || limit >= count) return best(scan(query, embedderHash, scope), limit);
      const index = currentIndex(usearch, scope.collection, embedderHash, vector.length, count);
      if (index === undefined) return best(scan(query, embedderHash, scope), limit);
      // Twice the limit: room for chunks that are gone from the record, and better recall.
      const matches = index.search(query, Math.min(index.size(), limit * 2 + 16), 1);
      if (!('keys' in matches)) return [];
      const exists = connection.prepare('SELECT vector FROM vectors WHERE chunk = ? AND embedder_hash = ?');
      const found: ScoredChunk[] = [];
      for (const key of matches.keys) {
        const chunk = Number(key) as ChunkId;
        const row = exists.get(chunk, embedderHash) as { readonly vector: Uint8Array } | undefined;
        if (row !== undefined) found.push({ chunk, score: decoder.dot(row.vector, query) });
      }
      return found.length < limit ? best(scan(query, embedderHash, scope), limit) : best(found, limit);
    },
  };
}
