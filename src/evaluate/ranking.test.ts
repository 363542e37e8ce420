import { describe, expect, it } from 'vitest';
import { averagePrecision, distinctDocuments, ndcgAt, recallAt, reciprocalRankAt } from './ranking.ts';

const grades = (given: Readonly<Record<string, number>>) => new Map(Object.entries(given));

describe('ndcgAt', () => {
  it('is the example of the textbooks: grades 3 2 3 0 1 2', () => {
    // DCG6 = 3 + 2/log2(3) + 3/2 + 0 + 1/log2(6) + 2/log2(7) = 6.861127; ideal 3 3 2 2 1 0 = 7.140995
    const judgements = grades({ a: 3, b: 2, c: 3, d: 0, e: 1, f: 2 });
    expect(ndcgAt(6, ['a', 'b', 'c', 'd', 'e', 'f'], judgements)).toBeCloseTo(0.960808, 6);
  });

  it('cuts ranking and ideal at k, takes unjudged documents and negative grades for 0', () => {
    // DCG2 = 0 + 1/log2(3); ideal of the first two = 2 + 1/log2(3)
    expect(ndcgAt(2, ['x', 'b', 'a'], grades({ a: 2, b: 1, c: 1 }))).toBeCloseTo(0.63093 / 2.63093, 5);
    expect(ndcgAt(2, ['b', 'a'], grades({ a: 1, b: -2 }))).toBeCloseTo(0.63093, 5);
  });

  it('is 1 for the ideal order and 0 where nothing is relevant or found', () => {
    expect(ndcgAt(10, ['a', 'b'], grades({ a: 4, b: 1 }))).toBe(1);
    expect(ndcgAt(10, [], grades({ a: 1 }))).toBe(0);
    expect(ndcgAt(10, ['a'], grades({ a: 0 }))).toBe(0);
  });
});

describe('recallAt, reciprocalRankAt, averagePrecision', () => {
  const judgements = grades({ a: 1, b: 2, c: 1, z: 0 });

  it('count relevant documents, not grades', () => {
    expect(recallAt(2, ['b', 'z', 'a'], judgements)).toBeCloseTo(1 / 3, 10);
    expect(recallAt(3, ['b', 'z', 'a'], judgements)).toBeCloseTo(2 / 3, 10);
    expect(reciprocalRankAt(10, ['z', 'x', 'c', 'a'], judgements)).toBeCloseTo(1 / 3, 10);
    expect(reciprocalRankAt(2, ['z', 'x', 'c'], judgements)).toBe(0);
  });

  it('average precision divides by all relevant documents', () => {
    // Relevant at ranks 1, 3 and 6 of three: (1/1 + 2/3 + 3/6) / 3
    expect(averagePrecision(['a', 'x', 'b', 'y', 'z', 'c'], judgements)).toBeCloseTo((1 + 2 / 3 + 0.5) / 3, 10);
    expect(averagePrecision(['x', 'a'], judgements)).toBeCloseTo(0.5 / 3, 10);
  });

  it('are 0 where nothing is relevant', () => {
    const none = grades({ z: 0 });
    expect([recallAt(5, ['z'], none), reciprocalRankAt(5, ['z'], none), averagePrecision(['z'], none)]).toEqual([0, 0, 0]);
  });
});

it('distinctDocuments keeps the first place of each', () => {
  expect(distinctDocuments(['b', 'a', 'b', 'c', 'a'])).toEqual(['b', 'a', 'c']);
});
