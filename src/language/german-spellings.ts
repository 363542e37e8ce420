import { functionWords } from './function-words.ts';

/** "Fußgänger" as "Fussgänger", the way it is written in Switzerland and on keyboards without the letter. */
export function withoutSharpS(text: string): string {
  return text.replaceAll('ß', 'ss').replaceAll('ẞ', 'SS');
}

/**
 * "ae", "oe" and "ue" that may stand for a letter with dots: "Bruecke", "Mueller", and not "neue", "Quelle", "Statue".
 */
const digraph = /(?<![aeiouyq])([aou])e(?=\p{L})/gu;
/** The same in a word of no known language: more stands after it than in "values", "shoes", "issued". */
const surerDigraph = /(?<![aeiouyq])([aou])e(?=\p{L}{2})/gu;

const dotted: Readonly<Record<string, string>> = { a: 'ä', o: 'ö', u: 'ü' };
const undotted: Readonly<Record<string, string>> = { ä: 'ae', ö: 'oe', ü: 'ue' };
/** These have the letters and never write them as digraphs. */
const neverUndotted: ReadonlySet<string> = new Set(['fi', 'hu', 'sv', 'tr']);

/** A word of a German text without its digraphs, as it is without its dots: "bruecke" as "brucke". In small letters; for comparing only. */
export function withoutDigraphs(word: string): string {
  return word.includes('e') ? word.replace(digraph, '$1') : word;
}

/**
 * How else German writes a word of a query, in small letters: "brücke" as "bruecke", whatever the language of the query, since names are
 * written so everywhere; and the reverse in German, and where the language cannot be told and the word looks like it. Undefined where there
 * is no other way.
 */
export function otherGermanSpelling(word: string, language: string | undefined): string | undefined {
  if (language !== undefined && neverUndotted.has(language)) return undefined;
  const spelledOut = word.replace(/[äöü]/g, (letter) => undotted[letter] ?? letter);
  if (spelledOut !== word) return spelledOut;
  if (language !== undefined && language !== 'de') return undefined;
  const withDotted = word.replace(language === 'de' ? digraph : surerDigraph, (_, vowel: string) => dotted[vowel] ?? vowel);
  return withDotted === word ? undefined : withDotted;
}

const germanFunctionWords: ReadonlySet<string> = new Set(functionWords('de')?.map(withoutSharpS));

/** "fuer", "ueber", "koennen" are as common as with dots. @param word in small letters, without "ß" */
export function isGermanFunctionWord(word: string): boolean {
  return germanFunctionWords.has(word);
}
