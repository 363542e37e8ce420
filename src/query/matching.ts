/**
 * Comparing words of two texts. Folding (case, NFKC, diacritics) happens here only, never in what is stored or shown.
 */

import { functionWordLanguages, functionWords } from '../language/function-words.ts';
import { characterPairs, isUnspaced } from '../language/scripts.ts';

const wordPattern = /[\p{L}\p{M}]+|\p{N}+(?:[.,:'’/-]?\p{N}+)*/gu;

/** Function words of each language and what questions say of the reading itself, folded. */
const commonWords: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  ['', ...functionWordLanguages].map((language) => [
    language,
    new Set([...(functionWords(language) ?? []), 'document', 'documents', 'passage', 'passages', 'according'].map(fold)),
  ]),
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

/**
 * Words that carry meaning, folded and stemmed, without repetition: all but the function words of the language. Writing without spaces is
 * taken by pairs of characters.
 */
export function contentWords(text: string, language = 'en'): Set<string> {
  const common = commonWords.get(language) ?? commonWords.get('');
  const words = (fold(text).match(wordPattern) ?? []).flatMap((word) => (isUnspaced(word) ? characterPairs(word) : [word]));
  return new Set(words.filter((word) => common?.has(word) !== true).map(stem));
}

/**
 * Names in a question, folded: words with a capital letter that do not begin it, and words of digits or capitals alone. German nouns are
 * names by this measure, and stand in the passage all the same.
 */
export function namesIn(question: string): Set<string> {
  const words = [...question.matchAll(/[\p{L}\p{M}\p{N}]+(?:['’.][\p{L}\p{N}]+)*/gu)].map(([word]) => word);
  const names = words.filter(
    (word, index) => (index > 0 && /^\p{Lu}/u.test(word)) || /^(?:\p{Lu}{2,}|\p{Lu}?\p{N}[\p{N}\p{Lu}.,-]*)$/u.test(word),
  );
  return new Set(names.map((name) => stem(fold(name).replace(/['’]s$/, ''))));
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
