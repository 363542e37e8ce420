import { characterPairs, charactersOf, unspacedRun } from './scripts.ts';

/** Raise it whenever `indexText` gives the same text another result: text indexes of older versions are made anew. */
export const indexTextVersion = 1;

const groupedNumber = /(?<![\p{L}\p{N}])\p{N}{1,3}(?:[.,'’\u00a0\u202f]\p{N}{3})+(?![\p{L}\p{N}])/gu;
const camelCase = /(?<![\p{L}\p{N}])\p{L}*\p{Ll}\p{Lu}[\p{L}\p{N}]*/gu;

function camelParts(word: string): string[] {
  return word.split(/(?<=\p{Ll})(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u);
}

/** "1,250" with "1250" and "getUserName" with "get User Name" after it; the rest is left as it is. */
export function withOtherSpellings(text: string): string {
  return text
    .replace(groupedNumber, (number) => `${number} ${number.replace(/\P{N}/gu, '')}`)
    .replace(camelCase, (word) => `${word} ${camelParts(word).join(' ')}`);
}

/**
 * A text as the text index is given it, and each phrase of a query: with other spellings, and writing without spaces as pairs of characters
 * followed by the last one alone, so that one character is found too.
 */
export function indexText(text: string): string {
  return withOtherSpellings(text).replace(unspacedRun, (run) => ` ${[...characterPairs(run), ...lastOf(run)].join(' ')} `);
}

function lastOf(run: string): string[] {
  const characters = charactersOf(run);
  return characters.length < 2 ? [] : characters.slice(-1);
}
