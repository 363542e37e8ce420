import { describe, expect, it } from 'vitest';
import { asWritten } from './as-written.ts';

const sources = [
  'The logo was black-and-yellow (U.S. patent 24–10).\nIts  author lives in New\nHaven, at café Zoë, of £15 million and 1.50-million.',
  'They sailed twenty four times.',
];

describe('asWritten', () => {
  it.each([
    ['black and yellow', 'black-and-yellow'],
    ['U. S. patent 24-10', 'U.S. patent 24–10'],
    ['Newhaven', 'New Haven'],
    ['twenty-four times', 'twenty four times'],
  ])('gives "%s" as "%s"', (statement, written) => {
    expect(asWritten(statement, sources, 'en')).toBe(written);
  });

  it.each([
    ['what stands there word for word', 'black-and-yellow'],
    ['what stands there but for case and accents', 'cafe zoe'],
    ['what stands nowhere', 'black and white'],
    ['what would cut a word', 'lack and yellow'],
    ['what would cut brackets', 'yellow U.S. patent'],
    ['what is too short', 'a t c'],
    ['a sentence of its own', 'The logo was black and it was yellow.'],
    ['another number', '150 million'],
    ['another currency', '$15 million'],
    ['a refusal', 'not in the documents'],
  ])('leaves %s', (_, statement) => {
    expect(asWritten(statement, sources, 'en')).toBe(statement);
  });

  it('takes no words of two sources together', () => {
    expect(asWritten('cafe-Zoe-they-sailed', sources, 'en')).toBe('cafe-Zoe-they-sailed');
  });
});
