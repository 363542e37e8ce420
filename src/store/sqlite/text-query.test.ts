import { describe, expect, it } from 'vitest';
import { maxTerms, queryTerms, tellingTerms } from './text-query.ts';

describe('queryTerms', () => {
  it('quotes every term once, whatever the text holds', () => {
    expect(queryTerms('Cat OR dog NEAR(cat)*')).toEqual(['"cat"', '"or"', '"dog"', '"near"']);
  });

  it('leaves out the function words of the language while others remain', () => {
    expect(queryTerms('What is the price of milk?', 'en')).toEqual(['"price"', '"milk"']);
    expect(queryTerms('Wie hoch ist die Miete?', 'de')).toEqual(['"hoch"', '"miete"']);
    expect(queryTerms('Wie heißt der König, wie hieß er und wie heissen sie?', 'de')).toEqual(['"könig"', '"koenig"']);
    expect(queryTerms('to be or not to be', 'en')).toEqual(['"to"', '"be"', '"or"', '"not"']);
    expect(queryTerms('What does IT do for the WHO?', 'en')).toEqual(['"it"', '"who"']);
  });

  it('takes quoted text and compounds as phrases too', () => {
    expect(queryTerms('"notice period" E_DISK_FULL')).toEqual([
      '"notice"',
      '"period"',
      '"e"',
      '"disk"',
      '"full"',
      '"notice period"',
      '"e disk full"',
    ]);
    expect(queryTerms('form 10-K')).toEqual(['"form"', '"10"', '"k"', '"10 k"']);
    expect(queryTerms('two-dimensional flow')).toEqual(['"two"', '"dimensional"', '"flow"']);
  });

  it('finds numbers and names of code in their other spellings', () => {
    expect(queryTerms('1,250 people')).toContain('"1250"');
    expect(queryTerms('getUserName')).toEqual(['"getusername"', '"get"', '"user"', '"name"']);
  });

  it('searches writing without spaces by pairs of characters, and one character as a beginning', () => {
    expect(queryTerms('年利率 2024')).toEqual(['"年利"', '"利率"', '"2024"']);
    expect(queryTerms('水')).toEqual(['"水"*']);
  });

  it('finds German words in their other spellings, which displace nothing', () => {
    expect(queryTerms('Fußgänger')).toEqual(['"fussgänger"', '"fussgaenger"']);
    expect(queryTerms('Wie hoch ist die Bruecke ueber den Fluss "am Markt"?', 'de')).toEqual([
      '"hoch"',
      '"bruecke"',
      '"fluss"',
      '"markt"',
      '"am markt"',
      '"brücke"',
    ]);
    expect(queryTerms('Steuer ueber alles')).toEqual(['"steuer"', '"ueber"', '"alles"']);
    const long = Array.from({ length: maxTerms }, (_, number) => `ü${number}`);
    expect(queryTerms(long.join(' '))).toEqual(long.map((word) => `"${word}"`));
  });

  it('bounds the number and length of terms', () => {
    expect(queryTerms(Array.from({ length: 500 }, (_, number) => `w${number}`).join(' '))).toHaveLength(maxTerms);
    expect(queryTerms('x'.repeat(1_000))[0]).toHaveLength(202);
  });
});

describe('tellingTerms', () => {
  const limits = { dearest: 100, together: 120 };
  const counts: Readonly<Record<string, number>> = { '"the"': 100, '"of"': 100, '"price"': 90, '"milk"': 40, '"rye"': 3 };
  const telling = (terms: readonly string[]) => tellingTerms(terms, (term) => counts[term] ?? 0, limits);

  it('leaves out common terms when others remain', () => {
    expect(telling(['"the"', '"price"', '"rye"'])).toEqual(['"price"', '"rye"']);
    expect(telling(['"the"', '"of"'])).toEqual(['"the"', '"of"']);
    expect(telling(['"the"'])).toEqual(['"the"']);
    expect(telling([])).toEqual([]);
  });

  it('takes the rarest that cost no more than is allowed, in their order, and one always', () => {
    expect(telling(['"price"', '"rye"', '"milk"'])).toEqual(['"rye"', '"milk"']);
    expect(tellingTerms(['"price"', '"milk"'], (term) => counts[term] ?? 0, { dearest: 100, together: 1 })).toEqual(['"milk"']);
  });
});
