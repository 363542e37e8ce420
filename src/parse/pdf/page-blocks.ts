import type { Line } from './reading-order.ts';

/** Lines that form one block. Text of a heading or paragraph joins its lines; a table keeps its rows. */
export interface LineBlock {
  readonly kind: 'heading' | 'paragraph' | 'list-item' | 'table';
  readonly lines: Line[];
  /** Only with `heading`. */
  readonly level?: number;
  /** Only with `table`: its first line names the columns. */
  readonly hasHeader?: boolean;
}

/** What is typical of the document, from all its pages. */
export interface DocumentStyle {
  /** Font size of most letters, in points. */
  readonly bodySize: number;
  /** Sizes of headings, largest first, rounded to half points. */
  readonly headingSizes: readonly number[];
  readonly bodyIsBold: boolean;
}

/** A line this much larger than the body text is a heading. */
const headingRatio = 1.15;
const maxHeadingLines = 3;
const maxHeadingLetters = 200;
const maxBoldHeadingLetters = 100;

const listMarker = /^(?:[•‣◦▪■●○–—*-]|\(?\d{1,3}[.)]|\(?[a-z][.)])$/;

function rounded(size: number): number {
  return Math.round(size * 2) / 2;
}

/** Typical sizes over all lines. `letters` gives the number of letters of a line. */
export function documentStyle(pages: readonly (readonly Line[])[], letters: readonly (readonly number[])[]): DocumentStyle {
  const bySize = new Map<number, { letters: number; lines: number }>();
  let boldLetters = 0;
  let allLetters = 0;
  for (const [number, lines] of pages.entries()) {
    for (const [index, line] of lines.entries()) {
      const count = letters[number]?.[index] ?? 0;
      const size = rounded(line.size);
      const entry = bySize.get(size) ?? { letters: 0, lines: 0 };
      bySize.set(size, { letters: entry.letters + count, lines: entry.lines + 1 });
      allLetters += count;
      if (line.bold) boldLetters += count;
    }
  }
  let bodySize = 0;
  let most = -1;
  for (const [size, entry] of bySize) {
    if (entry.letters > most) {
      most = entry.letters;
      bodySize = size;
    }
  }
  const headingSizes = [...bySize.keys()].filter((size) => size >= bodySize * headingRatio).toSorted((a, b) => b - a);
  return { bodySize, headingSizes, bodyIsBold: boldLetters * 2 > allLetters };
}

export interface LineText {
  readonly line: Line;
  /** The line as it will be read; for decisions about headings, markers and sentence ends. */
  readonly text: string;
}

/** Groups the lines of one page, in reading order, into blocks. */
export function pageBlocks(lines: readonly LineText[], style: DocumentStyle): LineBlock[] {
  const leading = typicalLeading(lines);
  const blocks: LineBlock[] = [];
  let current: { kind: LineBlock['kind']; level?: number; lines: LineText[] } | undefined;
  for (const [index, next] of lines.entries()) {
    const kind = lineKind(next, style);
    const level = kind === 'heading' ? headingLevel(next.line, style) : undefined;
    const isRow = next.line.cells.length > 0 && (isRowAt(lines, index - 1, next) || isRowAt(lines, index + 1, next));
    const wanted = isRow && kind !== 'heading' ? 'table' : kind;
    const previous = current?.lines.at(-1);
    if (current !== undefined && previous !== undefined && joins(current, previous, next, wanted, level, leading)) {
      current.lines.push(next);
      continue;
    }
    if (current !== undefined) blocks.push(finished(current));
    current = { kind: wanted, lines: [next], ...(level === undefined ? {} : { level }) };
  }
  if (current !== undefined) blocks.push(finished(current));
  return blocks;
}

function finished(block: { kind: LineBlock['kind']; level?: number; lines: LineText[] }): LineBlock {
  const lines = block.lines.map(({ line }) => line);
  const letters = block.lines.reduce((sum, { text }) => sum + text.length, 0);
  const tooLong = block.kind === 'heading' && (lines.length > maxHeadingLines || letters > maxHeadingLetters);
  if (tooLong) return { kind: 'paragraph', lines };
  if (block.kind === 'table') return { kind: 'table', lines, hasHeader: isHeader(block.lines) };
  return { kind: block.kind, lines, ...(block.level === undefined ? {} : { level: block.level }) };
}

/** The first row is set off by its weight, or by being words over rows with numbers; every column has a name. */
function isHeader([first, ...rest]: readonly LineText[]): boolean {
  if (first === undefined || rest.length === 0) return false;
  const columns = Math.max(...rest.map(({ line }) => line.cells.length));
  if (first.line.cells.length + 1 < columns) return false;
  if (first.line.bold && !rest.every(({ line }) => line.bold)) return true;
  const withNumbers = rest.filter(({ text }) => /\d/.test(text)).length;
  return !/\d/.test(first.text) && withNumbers * 2 > rest.length;
}

function isRowAt(lines: readonly LineText[], index: number, other: LineText): boolean {
  const line = lines[index]?.line;
  return line !== undefined && line.column === other.line.column && line.cells.length > 0;
}

function lineKind({ line, text }: LineText, style: DocumentStyle): LineBlock['kind'] {
  const hasWords = /\p{L}{2}/u.test(text);
  if (hasWords && rounded(line.size) >= style.bodySize * headingRatio && text.length <= maxHeadingLetters) return 'heading';
  const boldAlone = line.bold && !style.bodyIsBold && text.length <= maxBoldHeadingLetters && !/[.,;:]$/.test(text);
  // The gap after a section number is wide.
  const isOneCell = line.cells.length === 0 || (line.cells.length === 1 && /^[\dA-Z][\d.]*\s/.test(text));
  if (hasWords && boldAlone && isOneCell && rounded(line.size) >= style.bodySize) return 'heading';
  const marker = /^\S+(?=\s)/.exec(text)?.[0];
  return marker !== undefined && listMarker.test(marker) ? 'list-item' : 'paragraph';
}

function headingLevel(line: Line, style: DocumentStyle): number {
  const size = rounded(line.size);
  const rank = style.headingSizes.findIndex((candidate) => candidate <= size);
  return Math.min(rank === -1 ? style.headingSizes.length + 1 : rank + 1, 6);
}

/** Median distance between the tops of neighbouring lines of one column, in points. */
function typicalLeading(lines: readonly LineText[]): number {
  const distances: number[] = [];
  for (let index = 1; index < lines.length; index += 1) {
    const above = lines[index - 1]?.line;
    const below = lines[index]?.line;
    if (above === undefined || below === undefined || above.column !== below.column) continue;
    const distance = below.top - above.top;
    if (distance > 0 && distance < 4 * below.size) distances.push(distance);
  }
  return distances.toSorted((a, b) => a - b)[distances.length >> 1] ?? 0;
}

function joins(
  block: { readonly kind: LineBlock['kind']; readonly level?: number; readonly lines: readonly LineText[] },
  previous: LineText,
  next: LineText,
  kind: LineBlock['kind'],
  level: number | undefined,
  leading: number,
): boolean {
  if (kind === 'heading' || block.kind === 'heading') {
    return (
      kind === block.kind &&
      level === block.level &&
      isNear(previous.line, next.line, 1.8 * next.line.size) &&
      block.lines.length < maxHeadingLines
    );
  }
  if (kind === 'table' || block.kind === 'table') {
    return kind === block.kind && previous.line.column === next.line.column && next.line.top - previous.line.bottom < 2.5 * next.line.size;
  }
  if (kind === 'list-item') return false;
  if (Math.abs(previous.line.size - next.line.size) > 0.12 * next.line.size) return false;
  if (previous.line.column !== next.line.column) return !/[.!?:]["”’)]?$/.test(previous.text) && /^\p{Ll}/u.test(next.text);
  if (!isNear(previous.line, next.line, Math.max(1.35 * leading, 1.35 * next.line.size))) return false;
  const em = Math.max(next.line.size, 1);
  const bodyLeft = Math.min(...block.lines.slice(block.kind === 'list-item' ? 0 : 1).map(({ line }) => line.left), previous.line.left);
  const isIndented = block.kind === 'paragraph' && next.line.left - bodyLeft > em && next.line.left - bodyLeft < 4 * em;
  return !(isIndented && block.lines.length > 1);
}

function isNear(above: Line, below: Line, maxDistance: number): boolean {
  const distance = below.top - above.top;
  return above.column === below.column && distance > -0.5 * below.size && distance <= maxDistance;
}
