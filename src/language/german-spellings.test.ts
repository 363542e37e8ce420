import { describe, expect, it } from 'vitest';
import { otherGermanSpelling, withoutDigraphs, withoutSharpS } from './german-spellings.ts';

it('writes ss for the sharp s', () => {
  expect(withoutSharpS('Der Fußgänger in der STRAẞE')).toBe('Der Fussgänger in der STRASSE');
});

describe('otherGermanSpelling', () => {
  it.each([
    ['brücke', 'bruecke'],
    ['fussgängerbrücke', 'fussgaengerbruecke'],
    ['öl', 'oel'],
  ])('%s as %s and the reverse', (dotted, spelledOut) => {
    expect(otherGermanSpelling(dotted, 'de')).toBe(spelledOut);
    expect(otherGermanSpelling(spelledOut, 'de')).toBe(dotted);
  });

  it.each(['neue', 'quelle', 'feuer', 'treue', 'statue', 'see'])('has none for "%s", which is no such digraph', (word) => {
    expect(otherGermanSpelling(word, 'de')).toBeUndefined();
  });

  it('takes names of any language apart, and puts together only what looks German where the language cannot be told', () => {
    expect(otherGermanSpelling('müller', 'en')).toBe('mueller');
    expect(otherGermanSpelling('mueller', 'en')).toBeUndefined();
    expect(otherGermanSpelling('mueller', undefined)).toBe('müller');
    for (const word of ['values', 'shoes', 'issued', 'does', 'toe', 'queue']) expect(otherGermanSpelling(word, undefined)).toBeUndefined();
    for (const language of ['fi', 'sv', 'tr', 'hu']) expect(otherGermanSpelling('pöytä', language)).toBeUndefined();
  });
});

it('compares words without digraphs as without dots', () => {
  expect(['bruecke', 'brucke', 'neue', 'museum'].map(withoutDigraphs)).toEqual(['brucke', 'brucke', 'neue', 'museum']);
});
