/**
 * Comparing the text of an answer with expected ones, as the scripts of SQuAD and MLQA do: lower case, without punctuation, without
 * articles, white space as one space; words are compared, in Chinese, Japanese and Korean single characters. Markers such as [1], which
 * cite, are no part of the answer.
 */

const articles: Readonly<Record<string, RegExp>> = {
  en: /(?<![\p{L}\p{N}])(?:a|an|the)(?![\p{L}\p{N}])/gu,
  de: /(?<![\p{L}\p{N}])(?:ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)(?![\p{L}\p{N}])/gu,
};

/** Scripts that are written without spaces between words. */
const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u;

/** Symbols of ASCII that Unicode does not count as punctuation, and everything that it does. */
const punctuation = /[\p{P}$+<=>^`|~]/gu;

/** Words, or characters, of an answer. `language` is a code such as `de`; an unknown one has no articles. */
export function answerTokens(text: string, language = 'en'): string[] {
  const plain = text
    .replace(/\[\d+\]/g, ' ')
    .normalize('NFKC')
    .toLowerCase()
    .replace(punctuation, '')
    .replace(articles[language] ?? /$^/, ' ');
  return plain.split(/\s+/u).flatMap((word) => (unspaced.test(word) ? splitUnspaced(word) : word === '' ? [] : [word]));
}

/** Characters of scripts without spaces one by one, runs of others whole. */
function splitUnspaced(word: string): string[] {
  return (
    word.match(
      /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]|[^\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]+/gu,
    ) ?? []
  );
}

/** 1 where the answer equals one of the expected ones, else 0. */
export function exactMatch(answer: string, expected: readonly string[], language?: string): number {
  const given = answerTokens(answer, language).join(' ');
  return expected.some((one) => answerTokens(one, language).join(' ') === given) ? 1 : 0;
}

/** Harmonic mean of the shares of common words in the answer and in the expected one that is nearest. */
export function tokenF1(answer: string, expected: readonly string[], language?: string): number {
  const given = answerTokens(answer, language);
  return Math.max(0, ...expected.map((one) => overlapF1(given, answerTokens(one, language))));
}

/** Harmonic mean of the shares of one's words in the other's, each as often as it stands. */
export function overlapF1(given: readonly string[], wanted: readonly string[]): number {
  // Nothing equals nothing only: the rule of SQuAD for answers that are empty after normalising.
  if (given.length === 0 || wanted.length === 0) return given.length === wanted.length ? 1 : 0;
  const counts = new Map<string, number>();
  for (const token of wanted) counts.set(token, (counts.get(token) ?? 0) + 1);
  let common = 0;
  for (const token of given) {
    const left = counts.get(token) ?? 0;
    if (left === 0) continue;
    counts.set(token, left - 1);
    common += 1;
  }
  if (common === 0) return 0;
  const precision = common / given.length;
  const recall = common / wanted.length;
  return (2 * precision * recall) / (precision + recall);
}
