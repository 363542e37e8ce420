import type { ParsedBlock } from '../spec/parser.ts';

/** A heading with the text up to the next heading; the text before the first heading is a section of level 0. */
export interface Section {
  readonly level: number;
  readonly heading: string | undefined;
  /** The headings above it, outermost first. */
  readonly path: readonly string[];
  /** Number of its first span. */
  readonly first: number;
  /** Number of its last span so far, and the tokens up to it. */
  last: number;
  tokens: number;
  hasBody: boolean;
}

/** Longer headings are cut in paths; they are whole in the text. UTF-16 units. */
const maxHeadingLength = 200;
/** So much of a heading is looked at. */
const readHeadingLength = 4_096;

/** A span with its tokens, its number, its block and the index of that. */
export interface SectionSpan {
  readonly number: number;
  readonly tokens: number;
  readonly block: number;
  readonly of: ParsedBlock | undefined;
}

export interface SectionReader {
  /** The section of the next span; the same object as before unless a new one begins with it. */
  next(span: SectionSpan): Section;
}

/** @param slice of the text of the document, of which a heading is read when it begins */
export function createSectionReader(slice: (start: number, end: number) => string): SectionReader {
  const open: { readonly level: number; readonly heading: string }[] = [];
  let current: Section | undefined;
  let currentBlock = -2;
  return {
    next({ number, tokens, block, of }) {
      const isHeading = of?.kind === 'heading';
      if (current === undefined || (isHeading && block !== currentBlock)) {
        const level = isHeading ? (of.level ?? 1) : 0;
        while ((open.at(-1)?.level ?? 0) >= level && open.length > 0) open.pop();
        const heading = isHeading ? headingText(slice(of.start, Math.min(of.end, of.start + readHeadingLength))) : undefined;
        current = { level, heading, path: open.map((above) => above.heading), first: number, last: number, tokens: 0, hasBody: false };
        if (heading !== undefined) open.push({ level, heading });
      }
      current.last = number;
      current.tokens += tokens;
      current.hasBody ||= !isHeading;
      currentBlock = block;
      return current;
    },
  };
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
