import { MillraceError } from '../../errors.ts';
import type { ChunkId } from '../../spec/identifiers.ts';
import type { ScoredChunk, SearchScope } from '../../spec/store.ts';
import type { Connection } from './connection.ts';
import { openDerivedIndex } from './derived-index.ts';
import type { DerivedIndex, Usearch } from './derived-index.ts';
import { bestOf, createBest, scanVectors } from './exact-scan.ts';
import { createFilteredChunks, type FilteredChunks } from './filtered-chunks.ts';
import { createHalfDecoder, encodeUnitVector } from './half-float.ts';
import { listIndexStems, removeGenerations } from './index-generation.ts';
import { createVectorMatrix } from './vector-matrix.ts';
import type { VectorMatrix } from './vector-matrix.ts';

/** Below this many vectors an exact scan is fast enough and needs no index. */
export const exactScanLimit = 5_000;
/** Rows after the end of an index that a search scans exactly; with more the index is extended, after the search. */
const tailLimit = 250;
/** Candidates asked for beyond those wanted: a fifth of an index may be gone from the record, and its own scores are rounded. */
const spare = 1.25;
const leastSpare = 32;
const maxIndexes = 8;
/** Small collections whose vectors are held decoded: 7.7 MB each at most, of 384 numbers. */
const maxMatrices = 2;

export interface VectorSearchOptions {
  readonly exactScanLimit?: number;
  readonly tailLimit?: number;
  /** Folder of the generation files. Default: none, the index is kept in memory alone. */
  readonly folder?: string;
  /** True in the process that holds the lock of the directory: it alone writes generation files. Default false. */
  readonly writable?: boolean;
  /** Rows not yet in a generation file that are worth a new one. */
  readonly saveAfter?: number;
}

export interface VectorSearch {
  search(vector: Float32Array, embedderHash: string, scope: SearchScope, limit: number): readonly ScoredChunk[];
  /** Looks which indexes are far behind the record; `advance` then brings them up. */
  noticeNewVectors(): void;
  /** Adds one batch to an index that is behind the record. False when none is behind. */
  advance(): boolean;
  /** Throws away every index and its files; `advance` then builds them anew. */
  rebuild(): void;
  /** Writes what is not yet in a generation file, where the index holds enough to be of use. */
  save(): void;
}

/**
 * Nearest chunks by cosine. Exact for small collections, for single documents, and where a filter leaves few chunks. Else an HNSW index,
 * which covers a prefix of the rows of `vectors`, gives candidates, with a filter as many more as it takes, and the rows after its end are
 * scanned exactly: an index that is behind, or absent, costs time and never a hit. Every candidate is looked up in the record and scored by the vector there, so a removed chunk is never returned. The
 * index is extended batch by batch between searches, made anew when a fifth of it is gone, and kept in generation files.
 */
export function createVectorSearch(connection: Connection, usearch: Usearch | undefined, options: VectorSearchOptions = {}): VectorSearch {
  const decoder = createHalfDecoder();
  const indexes = new Map<string, DerivedIndex>();
  const behind = new Set<DerivedIndex>();
  const matrices = new Map<string, VectorMatrix>();
  const counted = new Map<string, { readonly version: string; readonly count: number; readonly bytes: number | null }>();
  const scanBelow = options.exactScanLimit ?? exactScanLimit;
  const maxTail = options.tailLimit ?? tailLimit;
  const { folder, writable = false, saveAfter } = options;
  const filteredBy = createFilteredChunks(connection);

  function indexOf(library: Usearch, collection: string, embedderHash: string, dimensions: number): DerivedIndex {
    const key = `${embedderHash}\n${collection}`;
    const present = indexes.get(key);
    if (present !== undefined) return present;
    const oldest = indexes.entries().next().value;
    if (indexes.size >= maxIndexes && oldest !== undefined) {
      indexes.delete(oldest[0]);
      behind.delete(oldest[1]);
    }
    const opened = openDerivedIndex(connection, library, {
      collection,
      embedderHash,
      dimensions,
      decoder,
      writable,
      ...(folder === undefined ? {} : { folder }),
      ...(saveAfter === undefined ? {} : { saveAfter }),
    });
    indexes.set(key, opened);
    return opened;
  }

  function matrixOf(collection: string, embedderHash: string, dimensions: number): VectorMatrix {
    const key = `${embedderHash}\n${collection}`;
    const present = matrices.get(key) ?? createVectorMatrix(connection, { collection, embedderHash, dimensions, decoder });
    const oldest = matrices.keys().next().value;
    if (matrices.size >= maxMatrices && !matrices.has(key) && oldest !== undefined) matrices.delete(oldest);
    matrices.set(key, present);
    return present;
  }

  /** Vectors of a pair and the length of one, and whether the record has changed since they were last asked for. */
  function countOf(collection: string, embedderHash: string) {
    const key = `${embedderHash}\n${collection}`;
    const version = connection.version();
    const known = counted.get(key);
    if (known?.version === version) return { ...known, isNew: false };
    const row = connection
      .prepare(
        `SELECT (SELECT count(*) FROM vectors WHERE collection = @collection AND embedder_hash = @embedderHash) AS count,
           (SELECT length(vector) FROM vectors WHERE collection = @collection AND embedder_hash = @embedderHash LIMIT 1) AS bytes`,
      )
      .get({ collection, embedderHash }) as { readonly count: number; readonly bytes: number | null };
    if (counted.size >= 100) counted.clear();
    counted.set(key, { version, ...row });
    return { version, ...row, isNew: true };
  }

  /** Makes an index anew that holds too much of what is gone, and has one extended that is too far behind. */
  function check(index: DerivedIndex, collection: string, embedderHash: string, count: number): void {
    const { tail } = connection
      .prepare('SELECT count(*) AS tail FROM vectors WHERE collection = ? AND embedder_hash = ? AND number > ?')
      .get(collection, embedderHash, index.last) as { readonly tail: number };
    const covered = count - tail;
    if (covered > index.size || index.size > covered * 1.25) index.reset();
    else if (tail <= maxTail || index.refresh()) return;
    behind.add(index);
  }

  /** Every pair of collection and embedder with enough vectors for an index. */
  function indexedPairs(): readonly { collection: string; embedderHash: string; count: number; bytes: number }[] {
    return connection
      .prepare(
        `SELECT p.collection, p.embedderHash, p.count,
           (SELECT length(vector) FROM vectors v WHERE v.collection = p.collection AND v.embedder_hash = p.embedderHash LIMIT 1) AS bytes
         FROM (SELECT collection, embedder_hash AS embedderHash, count(*) AS count FROM vectors
               GROUP BY collection, embedder_hash HAVING count(*) >= ?) p`,
      )
      .all(scanBelow) as { collection: string; embedderHash: string; count: number; bytes: number }[];
  }

  interface Wanted {
    readonly embedderHash: string;
    readonly collection: string;
    readonly limit: number;
    readonly among: FilteredChunks | undefined;
  }

  /** The chunk scored by its vector on record; undefined where it has none. */
  function scorer(query: Float32Array, { embedderHash, collection }: Wanted): (chunk: ChunkId) => ScoredChunk | undefined {
    const recorded = connection.prepare('SELECT vector FROM vectors WHERE chunk = ? AND embedder_hash = ? AND collection = ?');
    return (chunk) => {
      const row = recorded.get(chunk, embedderHash, collection) as { readonly vector: Uint8Array } | undefined;
      return row === undefined ? undefined : { chunk, score: decoder.dot(row.vector, query) };
    };
  }

  /**
   * Candidates of the index that are on record and in scope, scored by what is: more are asked for where many are not. Undefined where
   * a filter leaves fewer chunks than that.
   */
  function nearest(index: DerivedIndex, query: Float32Array, wanted: Wanted): readonly ScoredChunk[] | undefined {
    const { limit, among } = wanted;
    const scoreOf = scorer(query, wanted);
    const share = among === undefined ? 1 : Math.min(1, among.ids.length / index.size);
    for (let asked = Math.ceil((limit * spare) / share) + leastSpare; ; asked *= 4) {
      if (among !== undefined && asked > among.ids.length) return undefined;
      const found: ScoredChunk[] = [];
      for (const chunk of index.search(query, asked)) {
        const scored = among?.has(chunk) === false ? undefined : scoreOf(chunk);
        if (scored !== undefined) found.push(scored);
        if (found.length === limit + leastSpare) return found;
      }
      if (asked >= index.size || (among !== undefined && found.length >= limit)) return found;
    }
  }

  /** Every chunk that a filter leaves: by itself where they are few, else those of the whole collection, one after the other. */
  function* scored(query: Float32Array, wanted: Wanted & { readonly among: FilteredChunks }, count: number): Generator<ScoredChunk> {
    const { embedderHash, collection, among } = wanted;
    if (among.ids.length * 4 > count) {
      const all = scanVectors(connection, decoder, query, { embedderHash, scope: { collection } });
      for (const one of all) if (among.has(one.chunk)) yield one;
      return;
    }
    const scoreOf = scorer(query, wanted);
    for (const id of among.ids) {
      const one = scoreOf(id as ChunkId);
      if (one !== undefined) yield one;
    }
  }

  function noticeNewVectors(): void {
    if (usearch === undefined) return;
    for (const { collection, embedderHash, count, bytes } of indexedPairs().slice(0, maxIndexes)) {
      check(indexOf(usearch, collection, embedderHash, bytes / 2), collection, embedderHash, count);
    }
  }

  return {
    noticeNewVectors,
    advance() {
      const [next] = behind;
      if (next === undefined) return false;
      const more = next.extend();
      if (!more) behind.delete(next);
      next.save();
      return behind.size > 0;
    },
    rebuild() {
      indexes.clear();
      behind.clear();
      matrices.clear();
      if (folder !== undefined && writable) for (const stem of listIndexStems(folder)) removeGenerations(folder, stem);
      noticeNewVectors();
    },
    save() {
      for (const index of indexes.values()) if (index.size >= Math.min(1_000, scanBelow)) index.save(true);
    },
    search(vector, embedderHash, scope, limit) {
      if (limit <= 0) return [];
      if (vector.length === 0 || !vector.every((value) => Number.isFinite(value))) {
        throw new MillraceError('E_INPUT_INVALID', 'The query vector holds a value that is not a finite number.');
      }
      const { count, bytes, isNew } = countOf(scope.collection, embedderHash);
      if (count === 0 || bytes === null) return [];
      if (bytes !== vector.length * 2) {
        throw new MillraceError('E_INPUT_INVALID', `The query vector has ${vector.length} dimensions; the stored ones have ${bytes / 2}.`);
      }
      const query = decoder.decode(encodeUnitVector(vector));
      const { collection } = scope;
      if (scope.documents !== undefined) return bestOf(scanVectors(connection, decoder, query, { embedderHash, scope }), limit);
      const among = scope.filter === undefined ? undefined : filteredBy(scope);
      if (among?.ids.length === 0) return [];
      const wanted = { embedderHash, collection, limit, among };
      const everything = (): readonly ScoredChunk[] =>
        among === undefined
          ? bestOf(scanVectors(connection, decoder, query, { embedderHash, scope }), limit)
          : bestOf(scored(query, { ...wanted, among }, count), limit);
      if (usearch === undefined || count < scanBelow || limit >= count) {
        if (count >= exactScanLimit) return everything();
        return matrixOf(collection, embedderHash, vector.length).search(query, limit, count, among?.has);
      }
      const index = indexOf(usearch, collection, embedderHash, vector.length);
      if (isNew || behind.has(index)) check(index, collection, embedderHash, count);
      const candidates = nearest(index, query, wanted);
      if (candidates === undefined) return everything();
      const best = createBest(limit);
      for (const { chunk, score } of candidates) best.offer(chunk, score);
      for (const { chunk, score } of scanVectors(connection, decoder, query, { embedderHash, scope: { collection }, after: index.last })) {
        if (among?.has(chunk) !== false) best.offer(chunk, score);
      }
      const merged = best.found();
      return merged.length < limit ? everything() : merged;
    },
  };
}
