import fc from 'fast-check';
import { expect, it } from 'vitest';
import { indexText, withOtherSpellings } from './index-text.ts';

const piece = fc.constantFrom(
  'get',
  'User',
  'Name',
  'mRNA',
  'x',
  'Y',
  '1',
  '1,250',
  '250',
  '.',
  ',',
  "'",
  '_',
  '-',
  ' ',
  'IFN',
  '10-K',
  '3.141',
  'a1B',
  'é',
  'Éa',
  '½',
  '’',
  '\u00a0',
  '\n',
);

/** Every character looked at in every way, as the words around are not. */
function spelledSlowly(text: string): string {
  return text
    .replace(
      /(?<![\p{L}\p{N}])\p{N}{1,3}(?:[.,'’\u00a0\u202f]\p{N}{3})+(?![\p{L}\p{N}])/gu,
      (number) => `${number} ${number.replace(/\P{N}/gu, '')}`,
    )
    .replace(/(?<![\p{L}\p{N}])\p{L}*\p{Ll}\p{Lu}[\p{L}\p{N}]*/gu, (word) => {
      return `${word} ${word.split(/(?<=\p{Ll})(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u).join(' ')}`;
    });
}

it('finds every such number and word, whatever is around it', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join('');
      expect(withOtherSpellings(text)).toBe(spelledSlowly(text));
    }),
  );
});

it.each([
  ['getUserName of HTMLParser', 'getUserName get User Name of HTMLParser'],
  ['1,250 and 3.141', '1,250 1250 and 3.141 3141'],
  ['a2bC', 'a2bC'],
  ['naïveBayes', 'naïveBayes naïve Bayes'],
  ['plain words, 12,34', 'plain words, 12,34'],
  ['Fußgänger, GROẞ, getGrößeX', 'Fussgänger, GROSS, getGrösseX get Grösse X'],
])('%s', (text, expected) => {
  expect(withOtherSpellings(text)).toBe(expected);
});

it('writes writing without spaces as pairs, beside signs of other scripts', () => {
  expect(indexText('年利率 – 5')).toBe(' 年利 利率 率  – 5');
});
