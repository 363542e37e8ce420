import type { Line } from './reading-order.ts';

/** One line of a page with what decides whether it is part of a running header or footer. */
export interface PlacedLine {
  readonly line: Line;
  readonly text: string;
}

export interface PlacedPage {
  /** In points. */
  readonly height: number;
  readonly lines: readonly PlacedLine[];
}

/** Headers and footers stand in this share of the page, at its top and at its bottom; a page number alone may stand further inside. */
const marginShare = 0.12;
const numberShare = 0.2;
/** A line of the whole document returns on this share of its pages (left and right pages may differ), and on at least so many. */
const minShare = 0.4;
const minPages = 3;
/** A line of a chapter returns on this share of the pages between its first and its last, and on at least so many. */
const minChapterPages = 5;
/** Lines of one header or footer. */
const maxLines = 4;
/** Most difference in height of the same line on two pages, in points. */
const heightTolerance = 2;
/** Running lines are not larger than this times the usual line; the title that several slides share is. */
const maxSizeRatio = 1.3;
/** A header is set off from the text by at least this share of its font size; the header row of a table is not. */
const minGap = 0.8;

/**
 * Running headers and footers: lines in the margins that return at the same height with the same text, figures apart, on most pages.
 * They would otherwise cut sentences that go on over a page, and match every query. A page on which nothing else stands keeps its
 * lines, and so does the document when nothing would be left.
 */
export function runningLines(pages: readonly PlacedPage[]): ReadonlySet<Line> {
  if (pages.length < minPages) return new Set();
  const edges = (['top', 'bottom'] as const).map((edge) => ({ edge, returning: returningLines(pages, edge) }));
  const running = new Set<Line>();
  for (const page of pages) {
    const ofPage = edges.flatMap(({ edge, returning }) => runningAt(page, edge, returning));
    if (new Set(ofPage).size < page.lines.length) for (const line of ofPage) running.add(line);
  }
  return running;
}

type Edge = 'top' | 'bottom';

/** Distance of a line from the edge of the page, in points. */
function distance({ line }: PlacedLine, { height }: PlacedPage, edge: Edge): number {
  return edge === 'top' ? line.top : height - line.bottom;
}

/** Lines in the margin, in any order. */
function marginLines(page: PlacedPage, edge: Edge): PlacedLine[] {
  return page.lines.filter(
    (placed) => placed.text !== '' && distance(placed, page, edge) <= (isNumber(placed) ? numberShare : marginShare) * page.height,
  );
}

/** Figures and roman numbers are page numbers, dates and sections: they change from page to page. */
function pattern(text: string): string {
  return text
    .toLowerCase()
    .replace(/\p{Nd}+/gu, '#')
    .replace(/(?<![\p{L}\p{M}])[ivxlc]+(?![\p{L}\p{M}])/gu, '#')
    .replace(/\s+/g, ' ')
    .trim();
}

function isNumber({ text }: PlacedLine): boolean {
  return !/\p{L}/u.test(pattern(text));
}

interface Occurrence {
  readonly line: Line;
  readonly page: number;
  readonly at: number;
}

/** Lines whose pattern stands at about the same height on enough pages. */
function returningLines(pages: readonly PlacedPage[], edge: Edge): ReadonlySet<Line> {
  const maxSize = maxSizeRatio * medianSize(pages);
  const byPattern = new Map<string, Occurrence[]>();
  for (const [index, page] of pages.entries()) {
    for (const placed of marginLines(page, edge)) {
      if (placed.line.size > maxSize) continue;
      const key = pattern(placed.text);
      const group = byPattern.get(key) ?? [];
      byPattern.set(key, group);
      group.push({ line: placed.line, page: index, at: distance(placed, page, edge) });
    }
  }
  const returning = new Set<Line>();
  for (const group of byPattern.values()) {
    for (const same of atSameHeight(group)) {
      if (returns(same, pages.length)) for (const { line } of same) returning.add(line);
    }
  }
  return returning;
}

function medianSize(pages: readonly PlacedPage[]): number {
  const sizes = pages.flatMap(({ lines }) => lines.map(({ line }) => line.size)).toSorted((a, b) => a - b);
  return sizes[sizes.length >> 1] ?? 0;
}

function atSameHeight(group: readonly Occurrence[]): Occurrence[][] {
  const result: Occurrence[][] = [];
  let previous: Occurrence | undefined;
  for (const occurrence of group.toSorted((a, b) => a.at - b.at)) {
    if (previous !== undefined && occurrence.at - previous.at <= heightTolerance) result.at(-1)?.push(occurrence);
    else result.push([occurrence]);
    previous = occurrence;
  }
  return result;
}

function returns(group: readonly Occurrence[], pageCount: number): boolean {
  const pages = [...new Set(group.map(({ page }) => page))].toSorted((a, b) => a - b);
  const span = (pages.at(-1) ?? 0) - (pages[0] ?? 0) + 1;
  const throughout = pages.length >= minPages && pages.length >= minShare * pageCount;
  return throughout || (pages.length >= minChapterPages && pages.length >= minShare * span);
}

/** The returning lines of a page from its edge inwards, as far as they are set off from what follows. */
function runningAt(page: PlacedPage, edge: Edge, returning: ReadonlySet<Line>): Line[] {
  const inwards = page.lines.toSorted((a, b) => distance(a, page, edge) - distance(b, page, edge));
  const running: PlacedLine[] = [];
  for (const placed of inwards) {
    if (!returning.has(placed.line) || running.length === maxLines) break;
    running.push(placed);
  }
  for (let last = running.at(-1); last !== undefined; last = running.at(-1)) {
    const next = inwards[running.length];
    if (next === undefined || gap(last.line, next.line, edge) >= minGap * last.line.size) break;
    running.pop();
    // Lines at the same height belong together.
    while (running.length > 0 && isBeside(running.at(-1)?.line, last.line)) running.pop();
  }
  return running.map(({ line }) => line);
}

function gap(outer: Line, inner: Line, edge: Edge): number {
  return edge === 'top' ? inner.top - outer.bottom : outer.top - inner.bottom;
}

function isBeside(a: Line | undefined, b: Line): boolean {
  return a !== undefined && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 0;
}
