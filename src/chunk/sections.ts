import type { TextSpan } from '../spec/chunk.ts';
import type { ReadDocument } from '../spec/parser.ts';

/** A heading with the text up to the next heading; the text before the first heading is a section of level 0. */
export interface Section {
  readonly level: number;
  readonly heading: string | undefined;
  /** The headings above it, outermost first. */
  readonly path: readonly string[];
  /** Spans [first, last]. */
  readonly first: number;
  last: number;
  tokens: number;
  hasBody: boolean;
}

/** Longer headings are cut in paths; they are whole in the text. UTF-16 units. */
const maxHeadingLength = 200;

/** Returns them all; pauses after every so many spans. */
export function* sectionsOf(
  { text, blocks }: Pick<ReadDocument, 'text' | 'blocks'>,
  spans: readonly (TextSpan & { readonly tokens: number })[],
  pauseSpans: number,
): Generator<never[], Section[]> {
  const sections: Section[] = [];
  const open: { readonly level: number; readonly heading: string }[] = [];
  let current: Section | undefined;
  let currentBlock = -2;
  for (const [index, span] of spans.entries()) {
    if (index > 0 && index % pauseSpans === 0) yield [];
    const block = blocks[span.block];
    const isHeading = block?.kind === 'heading';
    if (current === undefined || (isHeading && span.block !== currentBlock)) {
      const level = isHeading ? (block.level ?? 1) : 0;
      while ((open.at(-1)?.level ?? 0) >= level && open.length > 0) open.pop();
      const heading = isHeading ? headingText(text.slice(block.start, block.end)) : undefined;
      current = { level, heading, path: open.map((above) => above.heading), first: index, last: index, tokens: 0, hasBody: false };
      if (heading !== undefined) open.push({ level, heading });
      sections.push(current);
    }
    current.last = index;
    current.tokens += span.tokens;
    current.hasBody ||= !isHeading;
    currentBlock = span.block;
  }
  return sections;
}

function headingText(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= maxHeadingLength
    ? line
    : `${line
        .slice(0, maxHeadingLength - 1)
        .toWellFormed()
        .replace(/\uFFFD$/, '')}…`;
}
