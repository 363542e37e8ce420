import { createRequire } from 'node:module';
import type { Index } from 'usearch';
import type { ChunkId } from '../../spec/identifiers.ts';
import { collectGarbage } from '../../util/collect-garbage.ts';
import { sha256 } from '../../util/hash.ts';
import type { Connection } from './connection.ts';
import type { HalfDecoder } from './half-float.ts';
import { indexStem, newestGeneration, newestNumber, removeGenerations, writeGeneration } from './index-generation.ts';
import type { IndexGeneration } from './index-generation.ts';

export type Usearch = typeof import('usearch');

/** Candidates that a search looks at, at least; of the library's 64 some are missed in large collections. */
const leastExpansion = 256;
/** Rows added at a time: the pause between two requests of the thread. */
const addBatch = 64;
const witnesses = 16;
/** The index is made anew when more than this share of it is gone from the record. */
const maxGoneShare = 0.2;

/** Undefined where this platform has no binary; every search is then an exact scan. */
export function loadUsearch(): Usearch | undefined {
  try {
    return createRequire(import.meta.url)('usearch') as Usearch;
  } catch {
    return undefined;
  }
}

export interface DerivedIndexOptions {
  readonly collection: string;
  readonly embedderHash: string;
  readonly dimensions: number;
  readonly decoder: HalfDecoder;
  /** Where generations lie; undefined for an index that lives in memory alone. */
  readonly folder?: string;
  /** Only the process that holds the lock of the directory writes generations. */
  readonly writable: boolean;
  /** Rows added since the last generation, at least and as a share of the index, that are worth a new one. Default 5,000. */
  readonly saveAfter?: number;
}

/** An HNSW index of the first rows of `vectors` of one collection and embedder: all up to `last`, whatever `last` is. */
export interface DerivedIndex {
  /** Greatest `vectors.number` in the index. */
  readonly last: number;
  readonly size: number;
  /** Chunks near the vector, some of which may be gone from the record. */
  search(query: Float32Array, limit: number): readonly ChunkId[];
  /** Adds the next batch of rows. Returns whether there may be more. */
  extend(): boolean;
  /** Writes a generation when `saveAfter` rows, or on `force` any, are not in the last one. */
  save(force?: boolean): void;
  /** Takes a newer generation that the writer has put on the disk; returns whether there was one. */
  refresh(): boolean;
  /** Starts again from nothing. */
  reset(): void;
}

/** True when the record still has what the generation says: nothing missing, nothing else under the same ids, not too much gone. */
function agrees(connection: Connection, generation: IndexGeneration): boolean {
  const { collection, embedderHash, last } = generation;
  const sequence = connection.prepare(`SELECT seq FROM sqlite_sequence WHERE name = 'vectors'`).get() as { seq: number } | undefined;
  if ((sequence?.seq ?? 0) < last) return false;
  const { count } = connection
    .prepare('SELECT count(*) AS count FROM vectors WHERE collection = ? AND embedder_hash = ? AND number <= ?')
    .get(collection, embedderHash, last) as { readonly count: number };
  if (count > generation.count || count < generation.count * (1 - maxGoneShare)) return false;
  const vectorOf = connection.prepare('SELECT vector FROM vectors WHERE chunk = ? AND embedder_hash = ?');
  return generation.witnesses.every((witness) => {
    const row = vectorOf.get(witness.chunk, embedderHash) as { readonly vector: Uint8Array } | undefined;
    return row === undefined || sha256(row.vector) === witness.sha256;
  });
}

/**
 * Opens the newest generation that is whole and agrees with the record, mapped into memory and never written to; else begins with an
 * empty index. It is copied into memory when rows are added to it, and mapped again once they are in a new generation.
 */
export function openDerivedIndex(connection: Connection, library: Usearch, options: DerivedIndexOptions): DerivedIndex {
  const { collection, embedderHash, dimensions, decoder, folder, writable } = options;
  const saveAfter = options.saveAfter ?? 5_000;
  const stem = indexStem(collection, embedderHash);
  let index = emptyIndex();
  let mapped: IndexGeneration | undefined;
  let looked = 0;
  let last = 0;
  let unsaved = 0;

  function emptyIndex(): Index {
    const { Index: NewIndex, MetricKind, ScalarKind } = library;
    return new NewIndex({
      dimensions,
      metric: MetricKind.Cos,
      quantization: ScalarKind.F16,
      connectivity: 0,
      expansion_add: 0,
      expansion_search: leastExpansion,
      multi: false,
    });
  }

  /** The memory of the index before is freed when its object is collected, which V8 sees no reason for. */
  function replaceBy(next: Index): void {
    index = next;
    collectGarbage();
  }

  function map(generation: IndexGeneration): void {
    const view = emptyIndex();
    view.view(generation.path);
    if (view.size() !== generation.count) return;
    replaceBy(view);
    mapped = generation;
    last = generation.last;
    unsaved = 0;
  }

  function refresh(): boolean {
    if (folder === undefined) return false;
    const newest = newestNumber(folder, stem);
    if (newest <= looked) return false;
    looked = newest;
    const { found } = newestGeneration(folder, stem);
    if (found === undefined || found.dimensions !== dimensions || found.last <= last || !agrees(connection, found)) return false;
    try {
      map(found);
    } catch {
      // Removed by the writer between two calls, or of another version of usearch: the record has everything.
      return false;
    }
    return mapped === found;
  }

  function reset(): void {
    replaceBy(emptyIndex());
    mapped = undefined;
    last = 0;
    unsaved = 0;
  }

  /** A mapped index cannot take rows. */
  function makeWritable(): void {
    if (mapped === undefined) return;
    const copy = emptyIndex();
    try {
      copy.load(mapped.path);
    } catch {
      reset();
      return;
    }
    replaceBy(copy);
    mapped = undefined;
  }

  function chosenWitnesses(): IndexGeneration['witnesses'] {
    const rows = connection
      .prepare(
        `SELECT chunk, vector FROM vectors WHERE number IN (
           SELECT number FROM (SELECT number, row_number() OVER (ORDER BY number) AS place, count(*) OVER () AS total FROM vectors
             WHERE collection = ? AND embedder_hash = ? AND number <= ?)
           WHERE place = total OR place % max(1, total / ${witnesses}) = 0)`,
      )
      .all(collection, embedderHash, last) as { readonly chunk: number; readonly vector: Uint8Array }[];
    return rows.map(({ chunk, vector }) => ({ chunk, sha256: sha256(vector) }));
  }

  refresh();
  return {
    get last() {
      return last;
    },
    get size() {
      return index.size();
    },
    search(query, limit) {
      if (index.size() === 0) return [];
      const matches = index.search(query, Math.min(index.size(), limit), 1);
      return 'keys' in matches ? Array.from(matches.keys, (key) => Number(key) as ChunkId) : [];
    },
    extend() {
      makeWritable();
      const rows = connection
        .prepare(
          'SELECT number, chunk, vector FROM vectors WHERE collection = ? AND embedder_hash = ? AND number > ? ORDER BY number LIMIT ?',
        )
        .all(collection, embedderHash, last, addBatch) as { number: number; chunk: number; vector: Uint8Array }[];
      if (rows.length === 0) return false;
      const matrix = new Float32Array(rows.length * dimensions);
      rows.forEach((row, position) => matrix.set(decoder.decode(row.vector), position * dimensions));
      index.add(
        BigUint64Array.from(rows, (row) => BigInt(row.chunk)),
        matrix,
        1,
      );
      unsaved += rows.length;
      last = rows.at(-1)?.number ?? last;
      return rows.length === addBatch;
    },
    save(force = false) {
      if (folder === undefined || !writable || unsaved === 0) return;
      if (!force && unsaved < Math.max(saveAfter, index.size() / 10)) return;
      const { highest } = connection
        .prepare('SELECT coalesce(max(chunk), 0) AS highest FROM vectors WHERE collection = ? AND embedder_hash = ? AND number <= ?')
        .get(collection, embedderHash, last) as { readonly highest: number };
      const covered = {
        collection,
        embedderHash,
        dimensions,
        count: index.size(),
        last,
        highestChunk: highest,
        witnesses: chosenWitnesses(),
      };
      const written = writeGeneration(
        folder,
        covered,
        (path) => index.save(path),
        (step) => connection.faults.reach(step),
      );
      looked = written.generation;
      map(written);
    },
    refresh,
    reset() {
      reset();
      if (folder !== undefined && writable) removeGenerations(folder, stem);
      looked = 0;
    },
  };
}
