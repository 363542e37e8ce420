import { isUnspaced } from '../language/scripts.ts';

/** A word without the stops, quotes and brackets around it, or one character of writing without spaces. Brackets end a word: "fish[1]". */
const stops = `\\s.,;:!?"'()\\[\\]{}“”„«»‘’…—–。、，；：！？「」『』（）،؟।`;
const core = new RegExp(`[^${stops}](?:[^\\s()\\[\\]{}]*[^${stops}])?`, 'gu');
const says = /[\p{L}\p{N}]/u;
const isStop = new RegExp(`^[${stops}]$`, 'u');

/**
 * Of a passage of more words none is made: where the model's first choice is forbidden all of its vocabulary is held against every word,
 * .4 s for 400 words and 150,000 tokens, while nothing else is computed.
 */
const mostWords = 400;
/** Longer than what the inference library takes. */
const mostCharacters = 32_000;

/**
 * GBNF of everything that stands in a text word for word: from the beginning of any word to the end of the same or a later one, white space
 * as one space. One rule a word. Undefined for a text without words, and for one that is too long.
 */
export function spanGrammar(text: string): string | undefined {
  const words = wordsOf(text);
  if (words.length === 0 || words.length > mostWords) return undefined;
  const rules = words.map(({ start, end }, index) => {
    const next = words[index + 1];
    const word = literal(text.slice(start, end));
    if (next === undefined) return `w${index} ::= ${word}`;
    const gap = text.slice(end, next.start).replaceAll(/\s+/g, ' ');
    return `w${index} ::= ${word} (${gap === '' ? '' : `${literal(gap)} `}w${index + 1})?`;
  });
  const grammar = [`root ::= ${words.map((_, index) => `w${index}`).join(' | ')}`, ...rules, ''].join('\n');
  return grammar.length > mostCharacters ? undefined : grammar;
}

function wordsOf(text: string): { readonly start: number; readonly end: number }[] {
  return [...text.matchAll(core)].flatMap(({ 0: word, index }) => {
    if (!says.test(word)) return [];
    if (!isUnspaced(word)) return [{ start: index, end: index + word.length }];
    let end = index;
    return Array.from(word).flatMap((character) => {
      const start = end;
      end += character.length;
      return isStop.test(character) ? [] : [{ start, end }];
    });
  });
}

/** Control characters are no text that a model writes. */
function literal(text: string): string {
  return JSON.stringify(text.toWellFormed().replaceAll(/\p{Cc}/gu, ' '));
}
