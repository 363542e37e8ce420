import type { ChunkId } from '../../spec/identifiers.ts';
import type { ScoredChunk, SearchScope } from '../../spec/store.ts';
import { createHeap } from '../../util/heap.ts';
import type { Connection } from './connection.ts';
import { scopeCondition } from './filter.ts';
import type { HalfDecoder } from './half-float.ts';

/** The highest scores of what is offered, best first; equal ones in order of chunk. `found` empties it. */
export interface Best {
  offer(chunk: ChunkId, score: number): void;
  found(): readonly ScoredChunk[];
}

export function createBest(limit: number): Best {
  const heap = createHeap<ScoredChunk>((a, b) => a.score < b.score || (a.score === b.score && a.chunk > b.chunk));
  let least = Number.NEGATIVE_INFINITY;
  return {
    offer(chunk, score) {
      if (score < least) return;
      heap.push({ chunk, score });
      if (heap.size > limit) heap.pop();
      if (heap.size === limit) least = heap.peek()?.score ?? least;
    },
    found() {
      const found: ScoredChunk[] = [];
      for (let next = heap.pop(); next !== undefined; next = heap.pop()) found.push(next);
      return found.reverse();
    },
  };
}

export function bestOf(candidates: Iterable<ScoredChunk>, limit: number): readonly ScoredChunk[] {
  const best = createBest(limit);
  for (const { chunk, score } of candidates) best.offer(chunk, score);
  return best.found();
}

/** Scores every vector of a scope, or those of a whole collection that come after `vectors.number` `after`. */
export function* scanVectors(
  connection: Connection,
  decoder: HalfDecoder,
  query: Float32Array,
  options: { readonly embedderHash: string; readonly scope: SearchScope; readonly after?: number },
): Generator<ScoredChunk> {
  const { embedderHash, scope, after = 0 } = options;
  const condition = scopeCondition(scope);
  const plain = scope.filter === undefined && scope.documents === undefined;
  const rows = plain
    ? connection
        .prepare('SELECT chunk, vector FROM vectors WHERE collection = ? AND embedder_hash = ? AND number > ?')
        .iterate(scope.collection, embedderHash, after)
    : connection
        .prepare(
          `SELECT v.chunk, v.vector FROM chunks c JOIN vectors v ON v.chunk = c.id
           WHERE v.embedder_hash = ? AND v.number > ? AND ${condition.sql}`,
        )
        .iterate(embedderHash, after, ...condition.parameters);
  for (const row of rows as IterableIterator<{ readonly chunk: ChunkId; readonly vector: Uint8Array }>) {
    yield { chunk: row.chunk, score: decoder.dot(row.vector, query) };
  }
}
