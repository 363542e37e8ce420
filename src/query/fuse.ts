import type { ChunkId } from '../spec/identifiers.ts';
import type { ScoredChunk } from '../spec/store.ts';

export interface FusedChunk {
  readonly chunk: ChunkId;
  /** 0 … 1: 1 is the best of every ranking. */
  readonly score: number;
  readonly ranks: { readonly text?: number; readonly vector?: number };
}

export interface Ranking {
  /** Best first. */
  readonly chunks: readonly ScoredChunk[];
  readonly weight: number;
  /** The score that counts as nothing, as does any below it. Default 0. */
  readonly least?: number;
  /** Under which name the rank stands in the hit; none for a ranking that only helps. */
  readonly name?: 'text' | 'vector';
}

/**
 * The least score of a ranking by cosine: as far below its last as that is below its best, and not below 0. Cosines of some embedders lie
 * between .7 and .9 whatever the texts; from 0 on, the last of such a ranking would be worth nearly as much as its best.
 */
export function leastCosine(chunks: readonly ScoredChunk[]): number {
  const [best, last] = [chunks[0]?.score ?? 0, chunks.at(-1)?.score ?? 0];
  return best === last ? 0 : Math.max(0, last - (best - last));
}

/**
 * Convex combination of scores, each as its share of the way from the least to the best of its ranking (Bruch, Gai and Ingber, "An Analysis
 * of Fusion Functions for Hybrid Retrieval", TOIS 2023). Unlike ranks, scores keep how much better the best is. A chunk that a ranking
 * lacks has 0 there. Ties go to the smaller chunk id, so equal input gives equal order.
 */
export function fuseByScore(rankings: readonly Ranking[], limit: number): FusedChunk[] {
  const used = rankings.filter(({ chunks, weight }) => weight > 0 && chunks.length > 0);
  const whole = used.reduce((sum, { weight }) => sum + weight, 0);
  const fused = new Map<ChunkId, { score: number; ranks: { text?: number; vector?: number } }>();
  for (const { chunks, weight, least = 0, name } of used) {
    const span = Math.max((chunks[0]?.score ?? 0) - least, Number.MIN_VALUE);
    for (const [position, { chunk, score }] of chunks.entries()) {
      const entry = fused.get(chunk) ?? { score: 0, ranks: {} };
      entry.score += ((weight / whole) * Math.max(0, score - least)) / span;
      if (name !== undefined) entry.ranks[name] = position + 1;
      fused.set(chunk, entry);
    }
  }
  return [...fused]
    .map(([chunk, { score, ranks }]) => ({ chunk, score, ranks }))
    .sort((a, b) => b.score - a.score || a.chunk - b.chunk)
    .slice(0, limit);
}
