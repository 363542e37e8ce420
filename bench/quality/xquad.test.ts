import { describe, expect, it } from 'vitest';
import type { JudgedQuestion } from '../../src/index.ts';
import { choosePairs, overWrongParagraphs } from './xquad.ts';

/** Four articles of five paragraphs with two questions each. */
const all = Array.from({ length: 40 }, (_, index): JudgedQuestion => ({
  id: `q${index}`,
  question: `question ${index}?`,
  expected: ['answer'],
  number: null,
  unanswerable: false,
  sources: [],
  page: null,
  context: `paragraph ${Math.floor(index / 2)}`,
  language: 'en',
}));
const articleOf = ({ context }: JudgedQuestion): number => Math.floor(Number(context?.split(' ')[1]) / 5);

describe('choosePairs', () => {
  it('never has a paragraph in both splits, and takes no more than the limit', () => {
    const of = (split: 'dev' | 'report') => choosePairs(all, { split, limit: undefined, seed: 1 }, 300);
    const [dev, report] = [of('dev'), of('report')];
    expect(dev.length + report.length).toBe(all.length);
    expect(dev.length).toBeGreaterThan(0);
    const paragraphs = new Set(dev.map(({ context }) => context));
    expect(report.filter(({ context }) => paragraphs.has(context))).toEqual([]);
    expect(choosePairs(all, { split: 'all', limit: 7, seed: 1 }, 300)).toHaveLength(7);
  });
});

describe('overWrongParagraphs', () => {
  it('gives each question a paragraph of another article, of those that were chosen where there is one', () => {
    const chosen = choosePairs(all, { split: 'all', limit: 12, seed: 1 }, 300);
    const wrong = overWrongParagraphs(chosen, chosen, all);
    const read = new Set(chosen.map(({ context }) => context));
    wrong.forEach((one, index) => {
      expect(articleOf(one)).not.toBe(articleOf(chosen[index]!));
      expect(read.has(one.context)).toBe(true);
      expect(one).toMatchObject({ unanswerable: true, expected: [] });
    });
    expect(articleOf(overWrongParagraphs(all.slice(0, 1), all.slice(0, 1), all)[0]!)).not.toBe(0);
  });
});
