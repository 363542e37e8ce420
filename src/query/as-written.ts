import { valuesIn } from '../language/numbers.ts';
import { standsVerbatim } from './grounding.ts';
import { fold } from './matching.ts';

/** Of fewer letters and digits too much looks alike. */
const leastCharacters = 4;
const says = /[\p{L}\p{N}]/u;
const brackets = [
  ['(', ')'],
  ['[', ']'],
  ['{', '}'],
] as const;

/**
 * The statement as a source writes it, where one holds the same letters and digits from word to word with other signs and spaces between
 * them: "black and yellow" becomes "black-and-yellow". Unchanged where it stands in one as it is, where it stands in none,
 * and where its numbers or currencies would be others ("450" is not "4.50"). Pure.
 */
export function asWritten(statement: string, sources: readonly string[], language: string | undefined): string {
  const wanted = lettersOf(statement).letters;
  if (wanted.length < leastCharacters || sources.some((source) => standsVerbatim(statement, source, language))) return statement;
  for (const source of sources) {
    const span = findSpan(wanted, source);
    if (span !== undefined && amountsOf(span) === amountsOf(statement)) return span;
  }
  return statement;
}

function findSpan(wanted: string, source: string): string | undefined {
  const { letters, places } = lettersOf(source);
  for (let at = letters.indexOf(wanted); at !== -1; at = letters.indexOf(wanted, at + 1)) {
    const [first, last] = [places[at], places[at + wanted.length - 1]];
    if (first === undefined || last === undefined || !isWhole(source, first.start, last.end)) continue;
    const span = source.slice(first.start, last.end).replaceAll(/\s+/g, ' ');
    if (brackets.every(([open, close]) => count(span, open) === count(span, close))) return span;
  }
  return undefined;
}

/** Values of the numbers, currencies and shares of a text. */
function amountsOf(text: string): string {
  return [...[...valuesIn(text)].sort(), ...(text.match(/[\p{Sc}%]/gu) ?? [])].join(' ');
}

/** Folded letters and digits one after the other, and where each stands in the text. */
function lettersOf(text: string): { readonly letters: string; readonly places: readonly { start: number; end: number }[] } {
  const places: { start: number; end: number }[] = [];
  let letters = '';
  let start = 0;
  for (const character of text) {
    const end = start + character.length;
    for (const one of fold(character)) {
      if (!says.test(one)) continue;
      letters += one;
      for (let unit = 0; unit < one.length; unit++) places.push({ start, end });
    }
    start = end;
  }
  return { letters, places };
}

/** No word is cut at either end. */
function isWhole(text: string, start: number, end: number): boolean {
  return !says.test(text[start - 1] ?? ' ') && !says.test(text[end] ?? ' ');
}

function count(text: string, sign: string): number {
  return text.split(sign).length - 1;
}
