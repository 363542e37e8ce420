import { withoutSharpS } from './german-spellings.ts';
import { characterPairs, charactersOf, unspacedRun } from './scripts.ts';

/** Raise it whenever a chunk is indexed in another way: text indexes of older versions are made anew. */
export const indexTextVersion = 3;

const groupedNumber = /(?<![\p{L}\p{N}])\p{N}{1,3}(?:[.,'’\u00a0\u202f]\p{N}{3})+(?![\p{L}\p{N}])/gu;
const camelCase = /(?<![\p{L}\p{N}])\p{L}*\p{Ll}\p{Lu}[\p{L}\p{N}]*/gu;

/** The scripts of `unspacedRun` lie here. */
const maybeUnspaced = /[\u0E00-\u1FFF\u2E80-\uFFFF]/;

function camelParts(word: string): string[] {
  return word.split(/(?<=\p{Ll})(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u);
}

/** "1,250" with "1250" and "getUserName" with "get User Name" after it, "ß" as "ss"; the rest is left as it is. */
export function withOtherSpellings(given: string): string {
  const text = withoutSharpS(given);
  // Found much sooner than such a number or word, and in the same place. Neither holds white space: only what is around it is looked at closely.
  const maybe = /[\d\u00B2-\uFFFF][.,'’\u00a0\u202f][\d\u00B2-\uFFFF]{3}|[a-z\u00AA-\uFFFF][A-Z\u00C0-\uFFFF]/g;
  let spelled = '';
  let from = 0;
  while (maybe.test(text)) {
    let start = maybe.lastIndex;
    let end = start;
    while (start > from && !isWhite(text.charCodeAt(start - 1))) start -= 1;
    while (end < text.length && !isWhite(text.charCodeAt(end))) end += 1;
    spelled += text.slice(from, start) + spellPiece(text.slice(start, end));
    from = end;
    maybe.lastIndex = end;
  }
  return spelled + text.slice(from);
}

function isWhite(unit: number): boolean {
  return unit <= 0x20;
}

function spellPiece(piece: string): string {
  return piece
    .replace(groupedNumber, (number) => `${number} ${number.replace(/\P{N}/gu, '')}`)
    .replace(camelCase, (word) => `${word} ${camelParts(word).join(' ')}`);
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
