import { describe, expect, it } from 'vitest';
import { metadataMatches } from './metadata-matches.ts';
import { documentBudget } from './row-reader.ts';

describe('documentBudget', () => {
  it('is what fits, and no more than passages for each question would cost', () => {
    const base = { asked: undefined, contextTokens: 320, roomTokens: 1_800 };
    expect(documentBudget({ ...base, questions: 1 })).toBe(320);
    expect(documentBudget({ ...base, questions: 4 })).toBe(1_280);
    expect(documentBudget({ ...base, questions: 50 })).toBe(1_800);
    expect(documentBudget({ ...base, questions: 1, asked: 900 })).toBe(900);
    expect(documentBudget({ ...base, questions: 1, asked: 9_000 })).toBe(1_800);
    expect(documentBudget({ ...base, questions: 1, roomTokens: -5 })).toBe(0);
  });
});

describe('metadataMatches', () => {
  const metadata = { year: 2024, name: 'b', draft: false, note: null };
  it.each([
    [{}, true],
    [{ year: 2024 }, true],
    [{ year: '2024' }, false],
    [{ draft: false, note: null }, true],
    [{ missing: null }, false],
    [{ year: { gt: 2023, lte: 2024 } }, true],
    [{ year: { lt: 2024 } }, false],
    [{ name: { gte: 'a', lt: 'c' } }, true],
    [{ name: { gt: 3 } }, false],
    [{ name: { in: ['a', 'b'] } }, true],
    [{ name: { in: [] } }, false],
  ])('%j → %s', (filter, expected) => {
    expect(metadataMatches(metadata, filter)).toBe(expected);
  });
});
