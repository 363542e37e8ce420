import { describe, expect, it } from 'vitest';
import { isWorthAsking, withReply } from './confirm.ts';
import type { Verdict } from './verify.ts';

const rules = (confidence: number): Verdict => ({ supported: confidence >= 0.5, confidence, doubts: [] });

describe('the word of the model', () => {
  it('is asked for where it can turn the verdict, and not where the rules are sure', () => {
    expect([0.2, 0.5, 0.8].map((confidence) => isWorthAsking(rules(confidence)))).toEqual([true, true, true]);
    expect([0, 0.01, 0.99].map((confidence) => isWorthAsking(rules(confidence)))).toEqual([false, false, false]);
  });

  it('turns it either way, and says so where it is no', () => {
    expect(withReply(rules(0.6), -4)).toMatchObject({ supported: false, doubts: [expect.stringContaining('the model says')] });
    expect(withReply(rules(0.4), 4)).toMatchObject({ supported: true, doubts: [] });
    expect(withReply(rules(0.6), 4).confidence).toBeGreaterThan(0.6);
  });

  it('is bounded, whatever the model says, and nothing where it says nothing or a number was invented', () => {
    expect(withReply(rules(0.96), -1_000)).toEqual(withReply(rules(0.96), -6));
    expect(withReply(rules(0.6), undefined)).toEqual(rules(0.6));
    expect(withReply(rules(0), 1_000)).toEqual(rules(0));
    expect([withReply(rules(0.6), 1, 0.9).supported, withReply(rules(0.6), 6, 0.9).supported]).toEqual([false, true]);
    expect([isWorthAsking(rules(0.99), 0.9), isWorthAsking(rules(0.05), 0.9)]).toEqual([true, false]);
  });
});
