import { isUnspaced } from '../language/scripts.ts';

/** A word without the stops, quotes and brackets around it, or one character of writing without spaces. Brackets end a word: "fish[1]". */
const stops = `\\s.,;:!?"'()\\[\\]{}“”„«»‘’…—–。、，；：！？「」『』（）،؟।`;
const core = new RegExp(`[^${stops}](?:[^\\s()\\[\\]{}]*[^${stops}])?`, 'gu');
const says = /[\p{L}\p{N}]/u;
const isStop = new RegExp(`^[${stops}]$`, 'u');
const closing: ReadonlyMap<string, string> = new Map([
  ['(', ')'],
  ['[', ']'],
  ['{', '}'],
  ['（', '）'],
]);
const opening = new Set(closing.keys());
const brackets = /[()[\]{}（）]/gu;

/**
 * Of a passage of more words none is made: where the model's first choice is forbidden all of its vocabulary is held against every word,
 * .4 s for 400 words and 150,000 tokens, while nothing else is computed.
 */
const mostWords = 400;
/** Longer than what the inference library takes. */
const mostCharacters = 32_000;

interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * GBNF of everything that stands in a text word for word: from the beginning of any word to the end of the same or a later one, white space
 * as one space. A bracket that is opened in it is closed in it, and none else: "passenger(s)", never "passenger(s". One rule a word, and
 * another for each word in brackets, which goes on to their end. Undefined for a text without words, and for one that is too long.
 */
export function spanGrammar(text: string): string | undefined {
  const words = wordsOf(text);
  if (words.length === 0 || words.length > mostWords) return undefined;
  const pairs = outerPairs(text);
  const pairOf = words.map(({ start, end }) => pairs.find((pair) => pair.start < start && end < pair.end));
  const written = (start: number, end: number): string => literal(text.slice(start, end).replaceAll(/\s+/g, ' '));
  /** The rest of a span after `from`, where word `index` comes next: rule `b` of a word goes on to the end of the brackets around it. */
  const onTo = (from: number, index: number, isOpen = false): string => {
    const word = words[index];
    if (word === undefined) return '';
    const gap = from === word.start ? '' : `${written(from, word.start)} `;
    const opens = pairOf[index] !== undefined && from <= pairOf[index].start;
    return `${gap}${isOpen || opens ? 'b' : 'w'}${index}`;
  };
  const rules = words.flatMap(({ start, end }, index) => {
    const rule = (name: 'w' | 'b', close: string, rest: string): string =>
      `${name}${index} ::= ${written(start, end)}${close}${rest === '' ? '' : ` (${rest})?`}`;
    const pair = pairOf[index];
    const next = index + 1;
    if (pair === undefined) return [rule('w', '', onTo(end, next))];
    if (pair === pairOf[next]) return [rule('w', '', onTo(end, next)), `b${index} ::= ${written(start, end)} ${onTo(end, next, true)}`];
    return [rule('w', '', ''), rule('b', ` ${written(end, pair.end)}`, onTo(pair.end, next))];
  });
  const grammar = [`root ::= ${words.map((_, index) => `w${index}`).join(' | ')}`, ...rules, ''].join('\n');
  return grammar.length > mostCharacters ? undefined : grammar;
}

/** Of more characters between them brackets are no pair: one of the two is a slip, or a list's "a)". */
const mostBetween = 200;

/** Brackets with what is between them, those that stand in others left out, and those that have no partner near by. */
function outerPairs(text: string): Range[] {
  const open: { readonly sign: string; readonly at: number }[] = [];
  const pairs: Range[] = [];
  for (const { 0: sign, index } of text.matchAll(brackets)) {
    if (opening.has(sign)) open.push({ sign, at: index });
    else {
      const partner = open.findLastIndex((one) => closing.get(one.sign) === sign);
      const at = open[partner]?.at;
      if (at === undefined) continue;
      open.splice(partner);
      if (index - at > mostBetween) continue;
      while ((pairs.at(-1)?.start ?? -1) > at) pairs.pop();
      pairs.push({ start: at, end: index + 1 });
    }
  }
  return pairs;
}

function wordsOf(text: string): Range[] {
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
