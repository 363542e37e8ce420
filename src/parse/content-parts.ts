import { cutBefore } from '../chunk/segment.ts';
import type { ContentPart } from '../spec/parser.ts';

/** A longer text goes to the main process in parts. UTF-16 units. */
export const partUnits = 1024 * 1024;
/** Blocks of one part: short ones take more room than their text. */
const partBlocks = 10_000;

/** A text with its blocks in parts of that size, which end with a block where they can. `base`: where in the document the text begins. */
export function* contentParts({ text, blocks }: ContentPart, base: number): Generator<ContentPart> {
  let at = 0;
  let first = 0;
  while (at < text.length) {
    const limit = Math.min(at + partUnits, text.length);
    let next = first;
    while (next < blocks.length && next - first < partBlocks && (blocks[next]?.end ?? 0) <= base + limit) next += 1;
    const crossing = blocks[next];
    const ofPart = blocks.slice(first, next);
    let end = limit;
    const isLong = crossing !== undefined && crossing.end - crossing.start > partUnits;
    if (crossing !== undefined && next > first && !isLong && crossing.start < base + limit) end = crossing.start - base;
    else if (limit < text.length) {
      // Inside a block that is longer than a part, or behind all blocks.
      const from = Math.max(at, (crossing?.start ?? 0) - base);
      end = from >= limit ? limit : cutBefore(text, crossing?.kind ?? 'paragraph', from, limit);
    }
    if (crossing !== undefined && crossing.start < base + end) ofPart.push({ ...crossing, end: base + end });
    yield { text: text.slice(at, end), blocks: ofPart };
    at = end;
    first = next;
  }
}
