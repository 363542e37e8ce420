import { type PageWords, wordFlags } from './page-words.ts';
import { greatest } from '../../util/greatest.ts';

/** Words side by side on one line of one column, left to right as they are read. */
export interface Line {
  readonly words: readonly number[];
  /** Positions in `words` where a wide gap precedes: cells of a table row, or a number at the right of a list of contents. */
  readonly cells: readonly number[];
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  /** Font size of most of its letters, in points. */
  readonly size: number;
  readonly bold: boolean;
  /** Lines of one column of one band share a number; it grows in reading order. */
  readonly column: number;
}

/** Part of a line without a wide gap; pdfium's content order is trusted inside it. */
interface Fragment {
  readonly words: number[];
  left: number;
  top: number;
  right: number;
  bottom: number;
  size: number;
  letters: number;
  rightToLeft: boolean;
}

/** A gap wider than this share of the font size separates fragments. */
const wideGap = 1.1;

/** Deepest nesting of columns; real pages have at most a few side by side. */
const maxColumnDepth = 5;

/** Lines that must stand side by side to be columns; inside a column more, since there it is rather a table with long cells. */
const minSharedLines = 4;
const minSharedLinesInside = 12;

const rightToLeftLetters = /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFC]/;

/**
 * The lines of a page in reading order. Columns are found by a gutter: a vertical strip with long lines on both sides at the same
 * height; fragments that cross it (titles, wide figures) cut the page into bands, read one after another, each column by column.
 * Rotated text comes last, in content order.
 */
export function readingOrder(page: PageWords): Line[] {
  const upright: Fragment[] = [];
  const rotated: Fragment[] = [];
  for (const fragment of fragments(page)) {
    const isRotated = ((page.flags[fragment.words[0] ?? 0] ?? 0) & wordFlags.rotated) !== 0;
    (isRotated ? rotated : upright).push(fragment);
  }
  const lines: Line[] = [];
  let column = 0;
  function emit(region: readonly Fragment[], depth: number): void {
    const gutter = depth < maxColumnDepth ? findGutter(region, page.width, depth === 0 ? minSharedLines : minSharedLinesInside) : undefined;
    if (gutter === undefined) {
      column += 1;
      for (const row of rows(region)) lines.push(toLine(page, row, column));
      return;
    }
    for (const band of bands(region, gutter)) {
      if (band.spanning.length > 0) emit(band.spanning, maxColumnDepth);
      const sides = isRightToLeft(band.left.concat(band.right)) ? [band.right, band.left] : [band.left, band.right];
      for (const side of sides) if (side.length > 0) emit(side, depth + 1);
    }
  }
  emit(upright, 0);
  for (const fragment of rotated) {
    column += 1;
    lines.push(toLine(page, [fragment], column));
  }
  return lines;
}

function fragments(page: PageWords): Fragment[] {
  const result: Fragment[] = [];
  let current: Fragment | undefined;
  for (let word = 0; word < page.texts.length; word += 1) {
    const [left, top, right, bottom] = wordBox(page, word);
    const text = page.texts[word] ?? '';
    const size = page.sizes[word] ?? 0;
    const rightToLeft = rightToLeftLetters.test(text);
    if (current !== undefined && continues(current, left, top, right, bottom, size)) {
      current.words.push(word);
      current.left = Math.min(current.left, left);
      current.top = Math.min(current.top, top);
      current.right = Math.max(current.right, right);
      current.bottom = Math.max(current.bottom, bottom);
      if (text.length > current.letters / current.words.length) current.size = Math.max(current.size, size);
      current.letters += text.length;
      current.rightToLeft ||= rightToLeft;
    } else {
      current = { words: [word], left, top, right, bottom, size, letters: text.length, rightToLeft };
      result.push(current);
    }
  }
  return result;
}

export function wordBox(page: PageWords, word: number): readonly [number, number, number, number] {
  const at = word * 4;
  return [page.boxes[at] ?? 0, page.boxes[at + 1] ?? 0, page.boxes[at + 2] ?? 0, page.boxes[at + 3] ?? 0];
}

function continues(fragment: Fragment, left: number, top: number, right: number, bottom: number, size: number): boolean {
  if (!sameRow(fragment, { top, bottom })) return false;
  const em = Math.max(Math.min(size, fragment.size), 1);
  const gap = left >= fragment.left ? left - fragment.right : fragment.left - right;
  return gap < wideGap * em && gap > -0.7 * Math.max(fragment.right - fragment.left, em);
}

/** True where the lower of the two heights is covered for more than half. */
function sameRow(a: { readonly top: number; readonly bottom: number }, b: { readonly top: number; readonly bottom: number }): boolean {
  const overlap = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return overlap > 0.5 * Math.min(a.bottom - a.top, b.bottom - b.top);
}

function isRightToLeft(region: readonly Fragment[]): boolean {
  return region.filter((fragment) => fragment.rightToLeft).length * 2 > region.length;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

/** The x of a strip between two columns of text, or `undefined`. */
function findGutter(region: readonly Fragment[], pageWidth: number, minLines: number): number | undefined {
  if (region.length < 8) return undefined;
  const lineHeight = median(region.map((fragment) => fragment.bottom - fragment.top));
  const left = -greatest(region.map((fragment) => -fragment.left));
  const right = greatest(region.map((fragment) => fragment.right));
  const step = Math.max(pageWidth / 150, 1);
  let best: { readonly x: number; readonly score: number } | undefined;
  let runStart: number | undefined;
  for (let x = left + (right - left) * 0.15; x <= right - (right - left) * 0.15; x += step) {
    const score = gutterScore(region, x, minLines * lineHeight);
    if (score <= 0) {
      runStart = undefined;
      continue;
    }
    if (best === undefined || score > best.score) {
      runStart = x;
      best = { x, score };
    } else if (score === best.score && runStart !== undefined) {
      // The middle of the strip of equally good positions.
      best = { x: (runStart + x) / 2, score };
    }
  }
  return best?.x;
}

/** Height of the side-by-side text that a cut at `x` would separate; 0 where the two sides are not columns of text. */
function gutterScore(region: readonly Fragment[], x: number, minShared: number): number {
  const leftSide = region.filter((fragment) => fragment.right <= x);
  const rightSide = region.filter((fragment) => fragment.left >= x);
  if (leftSide.length < 4 || rightSide.length < 4) return 0;
  const shared = sharedHeight(leftSide, rightSide);
  const crossing = region.filter((fragment) => fragment.left < x && fragment.right > x && overlapsAny(fragment, leftSide, rightSide));
  const crossingHeight = crossing.reduce((sum, fragment) => sum + fragment.bottom - fragment.top, 0);
  if (shared < minShared || crossingHeight > 0.5 * shared) return 0;
  return isTextColumn(leftSide) && isTextColumn(rightSide) ? shared - 2 * crossingHeight : 0;
}

function overlapsAny(fragment: Fragment, ...sides: readonly (readonly Fragment[])[]): boolean {
  return sides.every((side) => side.some((other) => sameRow(fragment, other)));
}

/**
 * Most letters of a column of running text stand in lines that fill it; those of a table stand in narrow cells. Counted by letters,
 * because a small table inside a column has more pieces than the text around it.
 */
function isTextColumn(side: readonly Fragment[]): boolean {
  const width = greatest(side.map((fragment) => fragment.right)) + greatest(side.map((fragment) => -fragment.left));
  let all = 0;
  let inLines = 0;
  for (const fragment of side) {
    all += fragment.letters;
    if (fragment.letters >= 12 && fragment.right - fragment.left >= 0.5 * width) inLines += fragment.letters;
  }
  return inLines * 2 >= all;
}

/** Total height at which both sides have text. */
function sharedHeight(a: readonly Fragment[], b: readonly Fragment[]): number {
  const first = mergedIntervals(a);
  const second = mergedIntervals(b);
  let total = 0;
  let other = 0;
  for (const [top, bottom] of first) {
    while (other < second.length && (second[other]?.[1] ?? 0) <= top) other += 1;
    for (let index = other; index < second.length; index += 1) {
      const [otherTop, otherBottom] = second[index] ?? [0, 0];
      if (otherTop >= bottom) break;
      total += Math.min(bottom, otherBottom) - Math.max(top, otherTop);
    }
  }
  return total;
}

function mergedIntervals(side: readonly Fragment[]): [number, number][] {
  const result: [number, number][] = [];
  for (const { top, bottom } of side.toSorted((a, b) => a.top - b.top)) {
    const last = result.at(-1);
    if (last !== undefined && top <= last[1]) last[1] = Math.max(last[1], bottom);
    else result.push([top, bottom]);
  }
  return result;
}

interface Band {
  readonly spanning: Fragment[];
  readonly left: Fragment[];
  readonly right: Fragment[];
}

/** Cuts a region at the fragments that cross the gutter: each band is what crosses, then the columns below it. */
function bands(region: readonly Fragment[], gutter: number): Band[] {
  const result: Band[] = [{ spanning: [], left: [], right: [] }];
  for (const fragment of region.toSorted((a, b) => a.top - b.top || a.left - b.left)) {
    let band = result.at(-1) ?? { spanning: [], left: [], right: [] };
    const crosses = fragment.left < gutter && fragment.right > gutter;
    if (crosses && band.left.length + band.right.length > 0) {
      band = { spanning: [], left: [], right: [] };
      result.push(band);
    }
    if (crosses) band.spanning.push(fragment);
    else if (fragment.right <= gutter) band.left.push(fragment);
    else band.right.push(fragment);
  }
  return result;
}

/** Fragments grouped into rows from top to bottom, each row in its reading direction. */
function rows(region: readonly Fragment[]): Fragment[][] {
  const result: { top: number; bottom: number; members: Fragment[] }[] = [];
  for (const fragment of region.toSorted((a, b) => a.top + a.bottom - b.top - b.bottom)) {
    const row = result.findLast((candidate, index) => index >= result.length - 3 && sameRow(candidate, fragment));
    if (row === undefined) {
      result.push({ top: fragment.top, bottom: fragment.bottom, members: [fragment] });
      continue;
    }
    row.members.push(fragment);
  }
  return result.map(({ members }) => {
    const direction = isRightToLeft(members) ? -1 : 1;
    return members.toSorted((a, b) => direction * (a.left - b.left));
  });
}

function toLine(page: PageWords, row: readonly Fragment[], column: number): Line {
  const words: number[] = [];
  const cells: number[] = [];
  let previous: Fragment | undefined;
  for (const fragment of row) {
    const gap = previous === undefined ? 0 : Math.max(fragment.left - previous.right, previous.left - fragment.right);
    if (previous !== undefined && gap > wideGap * Math.max(Math.min(fragment.size, previous.size), 1)) cells.push(words.length);
    words.push(...fragment.words);
    previous = fragment;
  }
  const main = row.reduce((longest, fragment) => (fragment.letters > longest.letters ? fragment : longest));
  return {
    words,
    cells,
    left: Math.min(...row.map((fragment) => fragment.left)),
    top: Math.min(...row.map((fragment) => fragment.top)),
    right: Math.max(...row.map((fragment) => fragment.right)),
    bottom: Math.max(...row.map((fragment) => fragment.bottom)),
    size: main.size,
    bold: words.every((word) => ((page.flags[word] ?? 0) & wordFlags.bold) !== 0),
    column,
  };
}
