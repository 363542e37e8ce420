import { numbersOf } from '../language/numbers.ts';
import { isUnspaced } from '../language/scripts.ts';
import { answerTokens } from './answer-text.ts';

/** A word without punctuation, or a number by its value. */
interface Token {
  readonly word: string;
  readonly readings: readonly string[];
  /** A part of the same word as the one before: "5" and "th". */
  readonly sticks: boolean;
}

/**
 * Whether the words of one of the expected texts stand in the text, next to each other and in order; numbers by value and sign, so that
 * "4.50" stands in "4.5" and not in "450". Markers such as [1], which cite, are no words of the text. What is nothing but articles and signs
 * stands there as it is.
 */
export function containsExpected(text: string, expected: readonly string[], language?: string): boolean {
  const given = tokensOf(text, language);
  return expected.some((one) => {
    const wanted = tokensOf(one, language);
    return wanted.length === 0 ? standsAlone(text, one.trim()) : containsRun(given, wanted);
  });
}

/** Of articles and signs alone ("A", "$"): as they are written, whole. */
function standsAlone(text: string, words: string): boolean {
  if (words === '') return false;
  const isWhole = (inside: string | undefined, outside: string | undefined): boolean => !isPartOfWord(inside) || !isPartOfWord(outside);
  for (let at = text.indexOf(words); at !== -1; at = text.indexOf(words, at + 1)) {
    if (isWhole(words[0], text[at - 1]) && isWhole(words.at(-1), text[at + words.length])) return true;
  }
  return false;
}

/** A sign of the number behind it: not the hyphen of "T-5", "2-5" or "(a)-5", whatever opens before it. */
const minusBefore = /(?<![\p{L}\p{N}\p{Pd}\p{Pc}\p{Pe}”’]|(?!["'])\p{Po})[-\u2212]$/u;

function tokensOf(text: string, language: string | undefined): Token[] {
  const tokens: Token[] = [];
  let from = 0;
  const addWords = (to: number): void => {
    const between = text.slice(from, to);
    const words = answerTokens(between, language);
    const isInWord = from > 0 && isPartOfWord(between.at(0));
    tokens.push(...words.map((word, index) => ({ word, readings: [], sticks: isInWord && index === 0 })));
  };
  for (const { start, end, readings } of numbersOf(text)) {
    addWords(start);
    const signed = minusBefore.test(text.slice(Math.max(0, start - 2), start)) ? readings.map((one) => `-${one}`) : readings;
    tokens.push({ word: '', readings: signed, sticks: start > 0 && isPartOfWord(text[start - 1]) });
    from = end;
  }
  addWords(text.length);
  return tokens;
}

function isPartOfWord(character: string | undefined): boolean {
  return character !== undefined && /[\p{L}\p{N}]/u.test(character) && !isUnspaced(character);
}

function containsRun(given: readonly Token[], wanted: readonly Token[]): boolean {
  if (wanted.length === 0) return false;
  return given.some((_, start) => {
    const isWhole = given[start]?.sticks !== true && given[start + wanted.length]?.sticks !== true;
    return isWhole && wanted.every((token, offset) => equal(given[start + offset], token, offset > 0));
  });
}

function equal(given: Token | undefined, wanted: Token, isWithin: boolean): boolean {
  if (given === undefined || (isWithin && given.sticks !== wanted.sticks)) return false;
  if (wanted.readings.length === 0) return given.word === wanted.word && given.readings.length === 0;
  return wanted.readings.some((reading) => given.readings.includes(reading));
}
