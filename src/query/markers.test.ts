import { describe, expect, it } from 'vitest';
import { readMarkers, withoutNumbers, withOwnNumbers } from './markers.ts';

describe('numbers in brackets', () => {
  it('cite a passage, but where they stand in it behind the same word', () => {
    const { plain, named, isAmbiguous } = readMarkers('The wheel of items[1] turns [2].', ['items[1] is a wheel.', 'It turns.']);
    expect(plain).toBe('The wheel of items[1] turns.');
    expect([...named]).toEqual([1]);
    expect(isAmbiguous).toBe(true);
  });

  it('belong to the end of a word that is longer than any', () => {
    const passages = [`${'a'.repeat(300)}[1]`];
    expect(readMarkers(`${'a'.repeat(300)}[1]`, passages).plain).toBe(passages[0]);
    expect(readMarkers(`b${'a'.repeat(300)}[1]`, passages).plain).toBe(passages[0]?.replace('a', 'ba'));
  });

  it.each([
    ['letters', 'a'],
    ['closing brackets', ')'],
    ['full stops', '.'],
    ['quotation marks', '”'],
    ['spaces', ' '],
  ])('are told apart behind a run of %s of any length', (_name, character) => {
    // Whoever looked back over all of it from each of its characters would be at it for minutes.
    const run = character.repeat(20_000);
    const sentence = `${run}(((${'(([1]'.repeat(50)}${run}`;
    const { plain, named } = readMarkers(sentence, ['The passage.']);
    expect(plain).toBe(sentence.replaceAll('[1]', ''));
    expect([...named]).toEqual([0]);
    expect(withoutNumbers(sentence)).toBe(plain);
    expect(withOwnNumbers(sentence, 'The passage.', false)).toBe(sentence);
  });
});
