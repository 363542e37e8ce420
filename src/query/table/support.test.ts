import { describe, expect, it } from 'vitest';
import { dateOf, writtenForms } from './date-of.ts';
import { sentencesIn, supportOf } from './support.ts';

const text =
  'The lease ends on 3 May 2027. The rent is 1,250.50 euros a month.\nHeat costs 3,50 EUR. Pets: cats, dogs and fish.\nNothing else holds.';
const sentences = sentencesIn([{ text, start: 100 }]);
const quotes = (support: ReturnType<typeof supportOf>) => support.sentences.map(({ start, end }) => text.slice(start - 100, end - 100));

describe('supportOf', () => {
  it.each([
    ['2027-05-03', 'date', 'The lease ends on 3 May 2027.'],
    [{ number: 1250.5, unit: 'euros' }, 'number', 'The rent is 1,250.50 euros a month.'],
    [{ number: 3.5, unit: 'EUR' }, 'number', 'Heat costs 3,50 EUR.'],
    ['cats and dogs', 'text', 'Pets: cats, dogs and fish.'],
    [{ pets: ['cats', 'fish'] }, 'json', 'Pets: cats, dogs and fish.'],
    [true, 'yes/no', 'The rent is 1,250.50 euros a month.'],
  ] as const)('finds %j (%s) where it stands', (value, type, quote) => {
    const found = supportOf(value as never, type, 'Is the rent paid each month in euros?', sentences);
    expect(quotes(found)[0]).toBe(quote);
    expect(found.share).toBeGreaterThan(0.5);
  });

  it('attributes each item of a list, and counts those that stand nowhere', () => {
    const found = supportOf(['cats', '3 May 2027', 'parrots'], 'list', 'What is there?', sentences);
    expect(quotes(found).toSorted()).toEqual(['Pets: cats, dogs and fish.', 'The lease ends on 3 May 2027.']);
    expect(found.share).toBe(0.67);
  });

  it('reads the numbers of a row as themselves', () => {
    const row = sentencesIn([{ text: 'Revenue 2022 2023 117,154', start: 0 }]);
    expect(supportOf({ number: 2023, unit: null }, 'number', 'Which year?', row).share).toBe(1);
    expect(supportOf({ number: 117_154, unit: null }, 'number', 'What is the revenue?', row).share).toBe(1);
    expect(supportOf({ number: 3_117_154, unit: null }, 'number', 'What is the revenue?', row).share).toBe(0);
  });

  it('takes no sentence without the number for its source', () => {
    expect(supportOf({ number: 1300, unit: 'euros' }, 'number', 'What is the rent?', sentences)).toEqual({ share: 0, sentences: [] });
    expect(supportOf('2027-05-04', 'date', 'When does the lease end?', sentences)).toEqual({ share: 0, sentences: [] });
    expect(supportOf({ ok: true, gone: null }, 'json', 'Is it?', sentences)).toEqual({ share: 0, sentences: [] });
  });
});

describe('dateOf', () => {
  it('takes days, months and years of the calendar, and nothing else', () => {
    for (const good of ['2024-02-29', '2023-12', '1999']) expect(dateOf(good)).toBe(good);
    for (const bad of ['2023-02-29', '2023-13', '2023-00-01', '2023-01-32', '23-01-01', 'May 2023', ''])
      expect(dateOf(bad)).toBeUndefined();
  });

  it('knows how documents write them', () => {
    expect(writtenForms('2027-05')).toContainEqual(['may', '2027']);
    expect(writtenForms('2027-05-03')).toEqual(expect.arrayContaining([['3', 'may', '2027'], ['03.05.2027'], ['5/3/2027']]));
    expect(writtenForms('2027')).toEqual([['2027']]);
  });
});
