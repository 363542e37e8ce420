import type { ChunkId } from '../spec/identifiers.ts';
import type { ScoredChunk } from '../spec/store.ts';

export interface FusedChunk {
  readonly chunk: ChunkId;
  /** 0 … 1: 1 is the best of every ranking. */
  readonly score: number;
  readonly ranks: { readonly text?: number; readonly vector?: number };
}

export interface Ranking {
  /** Best first; scores of at least 0. */
  readonly chunks: readonly ScoredChunk[];
  readonly weight: number;
  /** Under which name the rank stands in the hit; none for a ranking that only helps. */
  readonly name?: 'text' | 'vector';
}

/**
 * Convex combination of scores, each divided by the best of its ranking (Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid
 * Retrieval", TOIS 2023, with 0 as the least score). Unlike ranks, scores keep how much better the best is. A chunk that a ranking lacks
 * has 0 there. Ties go to the smaller chunk id, so equal input gives equal order.
 */
export function fuseByScore(rankings: readonly Ranking[], limit: number): FusedChunk[] {
  const used = rankings.filter(({ chunks, weight }) => weight > 0 && chunks.length > 0);
  const whole = used.reduce((sum, { weight }) => sum + weight, 0);
  const fused = new Map<ChunkId, { score: number; ranks: { text?: number; vector?: number } }>();
  for (const { chunks, weight, name } of used) {
    const best = Math.max(chunks[0]?.score ?? 0, Number.MIN_VALUE);
    for (const [position, { chunk, score }] of chunks.entries()) {
      const entry = fused.get(chunk) ?? { score: 0, ranks: {} };
      entry.score += ((weight / whole) * Math.max(0, score)) / best;
      if (name !== undefined) entry.ranks[name] = position + 1;
      fused.set(chunk, entry);
    }
  }
  return [...fused]
    .map(([chunk, { score, ranks }]) => ({ chunk, score, ranks }))
    .sort((a, b) => b.score - a.score || a.chunk - b.chunk)
    .slice(0, limit);
}
