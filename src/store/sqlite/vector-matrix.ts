import type { ChunkId } from '../../spec/identifiers.ts';
import type { ScoredChunk } from '../../spec/store.ts';
import type { Connection } from './connection.ts';
import { createBest } from './exact-scan.ts';
import type { HalfDecoder } from './half-float.ts';

/**
 * All vectors of one collection and embedder, decoded, in memory: scanning them takes a tenth of what reading them from the record takes.
 * For small collections, where no index is needed.
 */
export interface VectorMatrix {
  /** The nearest, exactly, as the record is now. `count`: how many vectors it holds; `isWanted`: which of them count, by default all. */
  search(query: Float32Array, limit: number, count: number, isWanted?: (chunk: ChunkId) => boolean): readonly ScoredChunk[];
}

export interface VectorMatrixOptions {
  readonly collection: string;
  readonly embedderHash: string;
  readonly dimensions: number;
  readonly decoder: HalfDecoder;
}

export function createVectorMatrix(connection: Connection, options: VectorMatrixOptions): VectorMatrix {
  const { collection, embedderHash, dimensions, decoder } = options;
  let chunks: ChunkId[] = [];
  let numbers = new Float32Array(0);
  let last = 0;
  let version: string | undefined;

  function append(): void {
    const rows = connection
      .prepare('SELECT number, chunk, vector FROM vectors WHERE collection = ? AND embedder_hash = ? AND number > ? ORDER BY number')
      .iterate(collection, embedderHash, last) as IterableIterator<{ number: number; chunk: ChunkId; vector: Uint8Array }>;
    for (const { number, chunk, vector } of rows) {
      const end = (chunks.length + 1) * dimensions;
      if (end > numbers.length) {
        const larger = new Float32Array(Math.max(end, numbers.length * 2));
        larger.set(numbers);
        numbers = larger;
      }
      numbers.set(decoder.decode(vector), end - dimensions);
      chunks.push(chunk);
      last = number;
    }
  }

  /** Rows are only ever added at the end and removed: where as many are here as there, none is gone. */
  function bringUp(count: number): void {
    append();
    if (chunks.length === count) return;
    chunks = [];
    last = 0;
    append();
  }

  return {
    search(query, limit, count, isWanted = () => true) {
      const now = connection.version();
      if (now !== version) bringUp(count);
      version = now;
      const best = createBest(limit);
      for (const [row, chunk] of chunks.entries()) {
        if (!isWanted(chunk)) continue;
        let score = 0;
        const start = row * dimensions;
        for (let index = 0; index < dimensions; index += 1) score += (numbers[start + index] ?? 0) * (query[index] ?? 0);
        best.offer(chunk, score);
      }
      return best.found();
    },
  };
}
