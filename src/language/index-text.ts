import { characterPairs, charactersOf, unspacedRun } from './scripts.ts';

/** Raise it whenever a chunk is indexed in another way: text indexes of older versions are made anew. */
export const indexTextVersion = 2;

const groupedNumber = /(?<![\p{L}\p{N}])\p{N}{1,3}(?:[.,'’\u00a0\u202f]\p{N}{3})+(?![\p{L}\p{N}])/gu;
const camelCase = /(?<![\p{L}\p{N}])\p{L}*\p{Ll}\p{Lu}[\p{L}\p{N}]*/gu;

/** What a text without cannot hold such a number, or such a word; found much sooner. */
const maybeGrouped = /[\d\u00B2-\uFFFF][.,'’\u00a0\u202f][\d\u00B2-\uFFFF]/;
const maybeCamel = /[a-z\u00AA-\uFFFF][A-Z\u00C0-\uFFFF]/;
/** The scripts of `unspacedRun` lie here. */
const maybeUnspaced = /[\u0E00-\u1FFF\u2E80-\uFFFF]/;

/** The same as `camelCase` for texts without other letters: without looking at every character in every way. */
const asciiCamelCase = /(?<![A-Za-z0-9])[A-Za-z]*[a-z][A-Z][A-Za-z0-9]*/g;
const beyondAscii = /[^\0-\u007F]/;

function camelParts(word: string): string[] {
  return word.split(/(?<=\p{Ll})(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u);
}

/** "1,250" with "1250" and "getUserName" with "get User Name" after it; the rest is left as it is. */
export function withOtherSpellings(text: string): string {
  const numbered = maybeGrouped.test(text) ? text.replace(groupedNumber, (number) => `${number} ${number.replace(/\P{N}/gu, '')}`) : text;
  if (!maybeCamel.test(numbered)) return numbered;
  return numbered.replace(beyondAscii.test(numbered) ? camelCase : asciiCamelCase, (word) => `${word} ${camelParts(word).join(' ')}`);
}

/**
 * A text as the text index is given it, and each phrase of a query: with other spellings, and writing without spaces as pairs of characters
 * followed by the last one alone, so that one character is found too.
 */
export function indexText(text: string): string {
  const spelled = withOtherSpellings(text);
  if (!maybeUnspaced.test(spelled)) return spelled;
  return spelled.replace(unspacedRun, (run) => ` ${[...characterPairs(run), ...lastOf(run)].join(' ')} `);
}

function lastOf(run: string): string[] {
  const characters = charactersOf(run);
  return characters.length < 2 ? [] : characters.slice(-1);
}
