/** Writing without spaces between words, and Korean, whose particles stick to its words: searched by pairs of characters. */
const unspaced =
  '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Hangul}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}\\u3005\\u30fc';

/** Runs of such characters. Combining marks belong to their letter. */
export const unspacedRun = new RegExp(`[${unspaced}][${unspaced}\\p{M}]*`, 'gu');

const unspacedCharacter = new RegExp(`[${unspaced}]`, 'u');

const runs = new RegExp(`[${unspaced}][${unspaced}\\p{M}]*|[^${unspaced}]+`, 'gu');

/** A word in its runs of one kind of writing: "Digital推出" is "Digital" and "推出", for nothing need stand between them. */
export function scriptRuns(word: string): string[] {
  return word.match(runs) ?? [];
}

export function isUnspaced(text: string): boolean {
  return unspacedCharacter.test(text);
}

/**
 * Overlapping pairs of characters: "年利率" → "年利", "利率". As good as words for retrieval and in need of no dictionary (Nie, Gao, Zhang
 * and Zhou, "On the Use of Words and N-grams for Chinese Information Retrieval", IRAL 2000). A single character is itself.
 */
export function characterPairs(run: string): string[] {
  const characters = charactersOf(run);
  if (characters.length < 2) return characters;
  return characters.slice(1).map((character, index) => `${characters[index]}${character}`);
}

/** Code points of a run, in the width of their letters and without marks. */
export function charactersOf(run: string): string[] {
  return Array.from(run.normalize('NFKC').replace(/\p{M}/gu, ''));
}
