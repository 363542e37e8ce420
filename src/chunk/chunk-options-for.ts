import type { ChunkOptions } from '../spec/chunk.ts';

/** Longest chunk, in tokens: more makes one vector stand for several subjects, and few passages fill a prompt. */
const longestChunkTokens = 320;
const longestTargetTokens = 240;

/**
 * Sizes of chunks for an embedder whose input holds `maxInputTokens`: a target of 45/64 and at most 55/64 of it (180 and 220 of 256),
 * which leaves room for headings, prefix and special tokens; never more than 240 and 320, so that several fit a prompt.
 */
export function chunkOptionsFor(maxInputTokens: number): ChunkOptions {
  const share = (of64: number): number => Math.max(8, Math.floor((maxInputTokens * of64) / 64));
  return {
    targetTokens: Math.min(longestTargetTokens, share(45)),
    maxTokens: Math.min(longestChunkTokens, share(55)),
    overlapTokens: 0,
  };
}
