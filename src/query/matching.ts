/**
 * Comparing words of two texts. Folding (case, NFKC, diacritics) happens here only, never in what is stored or shown.
 */

const wordPattern = /[\p{L}\p{M}]+|\p{N}+(?:[.,:'’/-]?\p{N}+)*/gu;

/** English words too common to carry meaning; other languages lose little by keeping theirs. */
const commonWords = new Set(
  'a an and are as at be been by can do does did for from had has have how i if in is it its may must no not of on or our out shall should so than that the their them then there these they this to up was we were what when where which who whom whose why will with would you your much many document documents passage passages according'.split(
    ' ',
  ),
);

export function fold(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
}

/** Crude suffix cutting, enough to match "platforms" with "platform". */
function stem(word: string): string {
  if (word.length > 5 && word.endsWith('ing')) return word.slice(0, -3);
  if (word.length > 4 && (word.endsWith('ed') || word.endsWith('es'))) return word.slice(0, -2);
  if (word.length > 3 && word.endsWith('s') && !word.endsWith('ss')) return word.slice(0, -1);
  return word;
}

/** Words that carry meaning, folded and stemmed, without repetition. */
export function contentWords(text: string): Set<string> {
  const words = fold(text).match(wordPattern) ?? [];
  return new Set(words.filter((word) => !commonWords.has(word)).map(stem));
}

/** Numbers of a text with thousands separators removed: "1,250.50" and "1250.50" are equal. Citation markers are not numbers of the text. */
export function numbersIn(text: string): Set<string> {
  const plain = text.replace(/\[\d+\]/g, ' ');
  const found = plain.match(/\d+(?:[.,'’\u00a0\u202f ]\d{3})*(?:[.,:]\d+)?/gu) ?? [];
  return new Set(found.map((number) => number.replace(/[,'’\u00a0\u202f ](?=\d{3}(?:\D|$))/gu, '')));
}

export interface Sentence {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Sentences and lines of a text as ranges in it, without the white space around them. */
export function sentencesOf(text: string): Sentence[] {
  const segmenter = new Intl.Segmenter(undefined, { granularity: 'sentence' });
  const sentences: Sentence[] = [];
  for (const { segment, index } of segmenter.segment(text)) {
    let lineStart = index;
    for (const line of segment.split('\n')) {
      const start = lineStart + (line.length - line.trimStart().length);
      const trimmed = line.trim();
      if (trimmed !== '') sentences.push({ start, end: start + trimmed.length, text: trimmed });
      lineStart += line.length + 1;
    }
  }
  return sentences;
}

/** Share of `wanted` that is in `present`, 0 … 1; 0 for nothing wanted. */
export function coverage(wanted: ReadonlySet<string>, present: ReadonlySet<string>): number {
  if (wanted.size === 0) return 0;
  let found = 0;
  for (const word of wanted) if (present.has(word)) found += 1;
  return found / wanted.size;
}
