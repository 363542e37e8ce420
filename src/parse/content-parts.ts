import { cutBefore } from '../chunk/segment.ts';
import type { ContentPart } from '../spec/parser.ts';

/** A longer text goes to the main process in parts, each about so long: they pass through several hands, which each make a copy. UTF-16 units. */
export const longUnits = 1024 * 1024;
export const partUnits = 256 * 1024;
/** Blocks of one part: short ones take more room than their text. */
const partBlocks = 5_000;

/**
 * A text with its blocks in parts of at most `units`, which end with a block where they can. `base`: where in the document the text begins.
 */
export function* contentParts({ text, blocks }: ContentPart, base: number, units = partUnits): Generator<ContentPart> {
  let at = 0;
  let first = 0;
  while (at < text.length) {
    const limit = Math.min(at + units, text.length);
    let next = first;
    while (next < blocks.length && next - first < partBlocks && (blocks[next]?.end ?? 0) <= base + limit) next += 1;
    const ofPart = blocks.slice(first, next);
    const whole = Math.max(at, (ofPart.at(-1)?.end ?? 0) - base);
    const behind = blocks[next];
    const crossing = behind !== undefined && behind.start < base + limit ? behind : undefined;
    let end = limit;
    if (crossing !== undefined && whole > at && crossing.end - crossing.start <= units) end = crossing.start - base;
    else if (limit < text.length || crossing !== undefined) {
      // Inside a block that is longer than a part, or behind all blocks of this one.
      const from = Math.max(whole, (crossing?.start ?? 0) - base);
      end = from >= limit ? limit : cutBefore(text, crossing?.kind ?? 'paragraph', from, limit);
    }
    if (crossing !== undefined && crossing.start < base + end) ofPart.push({ ...crossing, end: base + end });
    yield { text: text.slice(at, end), blocks: ofPart };
    at = end;
    first = next;
  }
}
