import { describe, expect, it } from 'vitest';
import { feedbackQuery } from './feedback.ts';

const found = (...texts: string[]) => texts.map((text, index) => ({ text, score: 1 - index / 100 }));

describe('feedbackQuery', () => {
  it('takes the words of the best that the query lacks, without function words and its own', () => {
    const terms = feedbackQuery('ferry', found('The ferry carries passengers.', 'Passengers pay on the ferry.'), 'en')?.split(' ');
    expect(terms?.[0]).toBe('passengers');
    expect(terms).not.toContain('ferry');
    expect(terms).not.toContain('the');
  });

  it('knows function words and words of the query with "ß" and without', () => {
    const terms = feedbackQuery('Straße', found('Die Strasse heisst Allee', 'Die Straße heißt Allee'), 'de');
    expect(terms).toBe('allee');
  });

  it('prefers what the lower ranks do not hold', () => {
    const best = Array.from({ length: 10 }, () => 'rack wheel');
    const terms = feedbackQuery('mill', found(...best, ...Array.from({ length: 20 }, () => 'wheel')), 'en');
    expect(terms).toBe('rack wheel');
  });

  it('works on writing without spaces, and has nothing to add to nothing', () => {
    expect(feedbackQuery('水', found('水車小屋'), 'ja')).toBe('小屋 水車 車小');
    expect(feedbackQuery('ferry', found('ferry'), 'en')).toBeUndefined();
    expect(feedbackQuery('ferry', [], 'en')).toBeUndefined();
  });
});
