/** Comparisons of parsed text with references. Pure. */

/** Words in lower case; characters of scripts that are written without spaces each count as one. */
export function wordsOf(text: string): string[] {
  const words =
    text
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  return words.flatMap((word) =>
    /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Thai}/u.test(word) ? Array.from(word) : [word],
  );
}

/** A Markdown reference without what its tool wrote itself: placeholders, addresses of links, tags, escapes. */
export function referenceText(markdown: string): string {
  return markdown
    .replace(/<!--[\s\S]*?-->/g, ' ')
    .replace(/\]\([^)\s]*\)/g, '] ')
    .replace(/<[^<>]+>/g, ' ')
    .replace(/&(?:amp|lt|gt|nbsp|quot);/g, ' ')
    .replaceAll('\\', '');
}

/** Share of the words of the reference that the text holds, each as often as there; 1 for an empty reference. */
export function wordRecall(reference: string, text: string): number {
  const wanted = wordsOf(reference);
  const left = countsOf(wordsOf(text));
  let found = 0;
  for (const word of wanted) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    found += 1;
    left.set(word, count - 1);
  }
  return wanted.length === 0 ? 1 : found / wanted.length;
}

export interface Overlap {
  readonly both: number;
  readonly onlyText: number;
  readonly onlyReference: number;
}

const shingleWords = 4;

/** Runs of four words in common, as shares, so that each page has the same weight: the metric of the article extraction benchmark. */
export function shingleOverlap(reference: string, text: string): Overlap {
  const wanted = countsOf(shingles(reference));
  const found = countsOf(shingles(text));
  let both = 0;
  let onlyText = 0;
  let onlyReference = 0;
  for (const key of new Set([...wanted.keys(), ...found.keys()])) {
    const a = wanted.get(key) ?? 0;
    const b = found.get(key) ?? 0;
    both += Math.min(a, b);
    onlyText += Math.max(0, b - a);
    onlyReference += Math.max(0, a - b);
  }
  const all = both + onlyText + onlyReference || 1;
  return { both: both / all, onlyText: onlyText / all, onlyReference: onlyReference / all };
}

export function f1(overlaps: readonly Overlap[]): { readonly precision: number; readonly recall: number; readonly f1: number } {
  const sum = (pick: (overlap: Overlap) => number): number => overlaps.reduce((total, overlap) => total + pick(overlap), 0);
  const both = sum((overlap) => overlap.both);
  const precision = both / (both + sum((overlap) => overlap.onlyText) || 1);
  const recall = both / (both + sum((overlap) => overlap.onlyReference) || 1);
  return { precision, recall, f1: precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall) };
}

function shingles(text: string): string[] {
  const words = text.match(/[\p{L}\p{N}_]+/gu) ?? [];
  const count = Math.max(1, words.length - shingleWords + 1);
  return words.length === 0 ? [] : Array.from({ length: count }, (_, start) => words.slice(start, start + shingleWords).join(' '));
}

function countsOf(items: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}
