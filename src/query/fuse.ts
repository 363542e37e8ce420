import type { ChunkId } from '../spec/identifiers.ts';
import type { ScoredChunk } from '../spec/store.ts';

export interface FusedChunk {
  readonly chunk: ChunkId;
  readonly score: number;
  readonly ranks: { readonly text?: number; readonly vector?: number };
}

/**
 * Reciprocal rank fusion (Cormack, Clarke, Büttcher, SIGIR 2009): the score of a chunk is the sum of weight / (k + rank) over the
 * rankings that hold it, with k = 60. Ties go to the smaller chunk id, so equal input gives equal order.
 */
export function fuseByReciprocalRank(
  rankings: { readonly text?: readonly ScoredChunk[]; readonly vector?: readonly ScoredChunk[] },
  limit: number,
  options: { readonly k?: number; readonly weights?: { readonly text: number; readonly vector: number } } = {},
): FusedChunk[] {
  const k = options.k ?? 60;
  const weights = options.weights ?? { text: 1, vector: 1 };
  const fused = new Map<ChunkId, { score: number; ranks: { text?: number; vector?: number } }>();
  for (const name of ['text', 'vector'] as const) {
    for (const [position, { chunk }] of (rankings[name] ?? []).entries()) {
      const rank = position + 1;
      const entry = fused.get(chunk) ?? { score: 0, ranks: {} };
      entry.score += weights[name] / (k + rank);
      entry.ranks[name] = rank;
      fused.set(chunk, entry);
    }
  }
  return [...fused]
    .map(([chunk, { score, ranks }]) => ({ chunk, score, ranks }))
    .sort((a, b) => b.score - a.score || a.chunk - b.chunk)
    .slice(0, limit);
}
