import { describe, expect, it } from 'vitest';
import { maxTerms, queryTerms, textQuery } from './text-query.ts';

describe('textQuery', () => {
  it('quotes every term once, whatever the text holds', () => {
    expect(textQuery('Cat OR "dog" NEAR(cat)*', () => false)).toBe('"cat" OR "or" OR "dog" OR "near"');
  });
  it('leaves out common words when others remain', () => {
    expect(textQuery('the price of milk', (term) => term === '"the"' || term === '"of"')).toBe('"price" OR "milk"');
    expect(textQuery('the of', () => true)).toBe('"the" OR "of"');
    expect(textQuery('the', () => true)).toBe('"the"');
  });
  it('has nothing to say about text without words', () => {
    expect(textQuery(' -- "*" ', () => false)).toBeUndefined();
  });
  it('bounds the number and length of terms', () => {
    expect(queryTerms(Array.from({ length: 500 }, (_, number) => `w${number}`).join(' '))).toHaveLength(maxTerms);
    expect(queryTerms('x'.repeat(1_000))[0]).toHaveLength(200);
  });
});
