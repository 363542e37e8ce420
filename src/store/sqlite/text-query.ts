import { functionWords } from '../../language/function-words.ts';
import { isGermanFunctionWord, otherGermanSpelling, withoutSharpS } from '../../language/german-spellings.ts';
import { indexText, withOtherSpellings } from '../../language/index-text.ts';
import { characterPairs, isUnspaced, unspacedRun } from '../../language/scripts.ts';

/** Terms of a query, at most this many; what follows is left out. */
export const maxTerms = 64;

const longestTerm = 200;
const wordPattern = /[\p{L}\p{N}\p{M}]+/gu;
/**
 * "E_DISK_FULL", "src/index.ts", "10-K", "3.5", "a@b.com": its parts one after the other say more than each of them anywhere. Words that a
 * hyphen joins do not: "two-dimensional" as a phrase too made rankings worse (Cranfield, nDCG@10 .373 → .364).
 */
const compound = /(?<![\p{L}\p{N}])[\p{L}\p{N}]+(?:[._\-/:#@+,'’][\p{L}\p{N}]+)+/gu;
const isCode = /[\p{N}_./:#@+]/u;
const quotedPhrase = /["“„«]([^"“”„«»]{2,200})["”“»]/gu;

/** An FTS5 string: the only form in which text of a user reaches the index. */
export function quoteTerm(term: string): string {
  return `"${term.replaceAll('"', '""')}"`;
}

/**
 * What a query looks for, as FTS5 strings in order, without repetition: its words (writing without spaces as pairs of characters), then
 * what it has as phrases: quoted text and compounds of words and numbers, then how else German spells its words. Function words of its
 * language are left out where other words remain; one in capitals ("IT", "WHO") is a name.
 */
export function queryTerms(query: string, language?: string): readonly string[] {
  const text = query.normalize('NFC');
  const shouting = !/\p{Ll}/u.test(text);
  const common = new Set(language === undefined ? [] : functionWords(language)?.map(withoutSharpS));
  const words: { readonly term: string; readonly isCommon: boolean; readonly otherTerm?: string }[] = [];
  for (const [word] of withOtherSpellings(text)
    .replace(unspacedRun, (run) => ` ${run} `)
    .matchAll(wordPattern)) {
    if (isUnspaced(word)) {
      const pairs = characterPairs(word);
      // One character is found by the pairs that begin with it.
      for (const pair of pairs) words.push({ term: pairs.length === 1 ? `${quoteTerm(pair)}*` : quoteTerm(pair), isCommon: false });
    } else {
      const lower = word.toLowerCase().slice(0, longestTerm);
      const isName = !shouting && word.length > 1 && word === word.toUpperCase();
      const other = otherGermanSpelling(lower, language);
      const otherIsCommon = other !== undefined && isGermanFunctionWord(other);
      words.push({
        term: quoteTerm(lower),
        isCommon: !isName && (common.has(lower) || (otherIsCommon && language === 'de')),
        ...(other === undefined || otherIsCommon ? {} : { otherTerm: quoteTerm(other) }),
      });
    }
  }
  const telling = words.filter(({ isCommon }) => !isCommon);
  const compounds = [...text.matchAll(compound)].filter(([whole]) => isCode.test(whole));
  const phrases = [...text.matchAll(quotedPhrase), ...compounds].map(([whole, inner]) => phraseOf(inner ?? whole));
  const asked = telling.length > 0 ? telling : words;
  const terms = [...asked.map(({ term }) => term), ...phrases, ...asked.map(({ otherTerm }) => otherTerm)];
  return [...new Set(terms.filter((term) => term !== undefined))].slice(0, maxTerms);
}

/** A phrase of at least two words in the form it was indexed in. */
function phraseOf(text: string): string | undefined {
  const words = indexText(text).toLowerCase().match(wordPattern) ?? [];
  return words.length < 2 ? undefined : quoteTerm(words.join(' ').slice(0, longestTerm));
}

/**
 * The terms worth looking for in a large collection, in their order: none that `dearest` chunks or more hold, and of the others the rarest
 * that `together` chunks hold, each counted; they say most and cost least. All where nothing would be left. Pure.
 *
 * @param holders how many chunks hold a term
 */
export function tellingTerms(
  terms: readonly string[],
  holders: (term: string) => number,
  { dearest, together }: { readonly dearest: number; readonly together: number },
): readonly string[] {
  if (terms.length <= 1) return terms;
  const counts = new Map(terms.map((term) => [term, holders(term)]));
  const rare = [...counts].filter(([, count]) => count < dearest).sort((a, b) => a[1] - b[1]);
  if (rare.length === 0) return terms;
  const taken = new Set<string>();
  let ranked = 0;
  for (const [term, count] of rare) {
    ranked += count;
    if (taken.size > 0 && ranked > together) break;
    taken.add(term);
  }
  return terms.filter((term) => taken.has(term));
}
