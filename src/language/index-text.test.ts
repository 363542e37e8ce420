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
);

it('spells a text without other letters as one with them', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join('');
      // A letter beyond ASCII takes the general way for all of the text.
      expect(withOtherSpellings(`${text} é`)).toBe(`${withOtherSpellings(text)} é`);
    }),
  );
});

it.each([
  ['getUserName of HTMLParser', 'getUserName get User Name of HTMLParser'],
  ['1,250 and 3.141', '1,250 1250 and 3.141 3141'],
  ['a2bC', 'a2bC'],
  ['naïveBayes', 'naïveBayes naïve Bayes'],
  ['plain words, 12,34', 'plain words, 12,34'],
])('%s', (text, expected) => {
  expect(withOtherSpellings(text)).toBe(expected);
});

it('writes writing without spaces as pairs, beside signs of other scripts', () => {
  expect(indexText('年利率 – 5')).toBe(' 年利 利率 率  – 5');
});
