import type { ChunkOptions } from '../spec/chunk.ts';
import { hashOf } from '../util/hash.ts';

/** Raised with every change of segmentation or packing that can change a chunk. */
const chunkerVersion = 3;

/** Identity of everything that decides where chunks begin and end, besides the text and the token counts. Hex sha256. */
export function chunkerHash({ targetTokens, maxTokens, overlapTokens }: ChunkOptions): string {
  return hashOf({ chunker: 'structure', version: chunkerVersion, targetTokens, maxTokens, overlapTokens });
}
