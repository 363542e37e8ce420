import type { ParsedBlock } from '../../spec/parser.ts';
import { canonicalText } from '../canonical-text.ts';
import type { LineBlock } from './page-blocks.ts';
import { type PageWords, wordFlags } from './page-words.ts';
import { type Line, wordBox } from './reading-order.ts';

/** Units across the page in boxes. */
const boxUnits = 4096;

export interface WrittenPage {
  readonly text: string;
  readonly blocks: ParsedBlock[];
  /** As `boxes` of a parsed page. */
  readonly boxes: Uint32Array<ArrayBuffer>;
}

export interface PageTextWriter {
  lineText(page: PageWords, line: Line): string;
  /** The text of a page, with document offsets that begin at `offset`. */
  write(page: PageWords, blocks: readonly LineBlock[], offset: number): WrittenPage;
}

/**
 * Writes the canonical text of pages. A word hyphenated at a line end is joined; its hyphen stays where the document writes the
 * same word with a hyphen in the middle of a line.
 */
export function createPageText(pages: readonly PageWords[]): PageTextWriter {
  const hyphenated = new Set<string>();
  for (const page of pages) {
    for (const text of page.texts) if (/\p{L}-\p{L}/u.test(text)) hyphenated.add(bare(canonicalText(text)));
  }

  /** What a line-end hyphen between two pieces becomes. */
  function joint(before: string, after: string): string {
    if (!/^\p{Ll}/u.test(after)) return '-';
    return hyphenated.has(bare(`${before}-${after}`)) ? '-' : '';
  }

  return {
    lineText(page, line) {
      const texts = line.words.map((word) => canonicalText(page.texts[word] ?? ''));
      return texts.filter((text) => text !== '').join(' ');
    },
    write(page, lineBlocks, offset) {
      const parts: string[] = [];
      const blocks: ParsedBlock[] = [];
      const boxes: number[] = [];
      let length = offset;

      function push(text: string): void {
        parts.push(text);
        length += text.length;
      }

      for (const block of lineBlocks) {
        let start: number | undefined;
        let pending: string | undefined;
        let firstLineEnd: number | undefined;
        for (const [lineNumber, line] of block.lines.entries()) {
          let cell = 0;
          for (const [position, word] of line.words.entries()) {
            const text = canonicalText(page.texts[word] ?? '');
            const startsCell = line.cells[cell] === position;
            if (startsCell) cell += 1;
            if (text === '') continue;
            if (start === undefined) {
              if (length > offset) push('\n\n');
              start = length;
            } else if (pending !== undefined) push(joint(pending, text));
            else if (block.kind !== 'table') push(' ');
            else push(position === 0 ? '\n' : startsCell ? ' | ' : ' ');
            const wordStart = length;
            push(text);
            boxes.push(wordStart, length, ...quantised(page, word));
            pending = ((page.flags[word] ?? 0) & wordFlags.hyphenated) !== 0 ? text : undefined;
          }
          if (lineNumber === 0) firstLineEnd = length;
        }
        if (start === undefined) continue;
        if (pending !== undefined) push('-');
        const header =
          block.hasHeader === true && firstLineEnd !== undefined && firstLineEnd > start ? { start, end: firstLineEnd } : undefined;
        blocks.push({
          kind: block.kind,
          start,
          end: length,
          ...(block.level === undefined ? {} : { level: block.level }),
          ...(header === undefined ? {} : { header }),
        });
      }
      return { text: parts.join(''), blocks, boxes: Uint32Array.from(boxes) };
    },
  };
}

/** A word without the punctuation around it, in lower case. */
function bare(word: string): string {
  return word.replace(/^[^\p{L}\p{N}]+|(?<![^\p{L}\p{N}])[^\p{L}\p{N}]+$/gu, '').toLowerCase();
}

function quantised(page: PageWords, word: number): readonly [number, number, number, number] {
  const [left, top, right, bottom] = wordBox(page, word);
  return [
    unit(Math.floor((left * boxUnits) / page.width)),
    unit(Math.floor((top * boxUnits) / page.height)),
    unit(Math.ceil((right * boxUnits) / page.width)),
    unit(Math.ceil((bottom * boxUnits) / page.height)),
  ];
}

function unit(value: number): number {
  return Number.isFinite(value) ? Math.min(Math.max(value, 0), boxUnits) : 0;
}
