import { describe, expect, it } from 'vitest';
import { bootstrapMean, leavesOutZero, pairedDifference } from './bootstrap.ts';
import { mean, quantile } from './statistics.ts';

describe('bootstrapMean', () => {
  it('comes near the interval that theory gives for a proportion', () => {
    // 50 of 100: standard error sqrt(.5 * .5 / 100) = .05, 95 % ≈ .5 ± .098
    const values = Array.from({ length: 100 }, (_, index) => index % 2);
    const { mean: observed, low, high, n } = bootstrapMean(values, { seed: 1 });
    expect([observed, n]).toEqual([0.5, 100]);
    expect(low).toBeCloseTo(0.402, 1);
    expect(high).toBeCloseTo(0.598, 1);
    expect(bootstrapMean(values, { seed: 1, confidence: 0.5 }).high).toBeLessThan(high);
  });

  it('draws the values of a group together, so that what goes together widens the interval', () => {
    const values = Array.from({ length: 100 }, (_, index) => Number(index < 50));
    const width = (groups: readonly string[]): number => {
      const { mean: observed, low, high, n } = bootstrapMean(values, { seed: 1, groups });
      expect([observed, n]).toEqual([0.5, 100]);
      return high - low;
    };
    const alone = width(values.map((_, index) => String(index)));
    const ofTen = width(values.map((_, index) => String(Math.floor(index / 10))));
    expect(ofTen / alone).toBeGreaterThan(2);
    expect(() => bootstrapMean(values, { seed: 1, groups: ['a'] })).toThrow(RangeError);
  });

  it('repeats with its seed, has no width without variance, and is 0 for nothing', () => {
    const values = [0.1, 0.9, 0.4, 0.7];
    expect(bootstrapMean(values, { seed: 3 })).toEqual(bootstrapMean(values, { seed: 3 }));
    expect(bootstrapMean(values, { seed: 3 }).low).not.toBe(bootstrapMean([0.1, 0.9, 0.4, 0.71], { seed: 4 }).low);
    expect(bootstrapMean([2, 2, 2], { seed: 1 })).toEqual({ mean: 2, low: 2, high: 2, n: 3, groups: 3 });
    expect(bootstrapMean([], { seed: 1 })).toEqual({ mean: 0, low: 0, high: 0, n: 0, groups: 0 });
  });
});

describe('pairedDifference', () => {
  it('is narrow where every pair gains the same, however far the pairs lie apart', () => {
    const { mean: gain, low, high, n } = pairedDifference([0, 0.5, 0.9], [0.1, 0.6, 1], { seed: 1 });
    expect([gain, low, high].map((value) => value.toFixed(6))).toEqual(['0.100000', '0.100000', '0.100000']);
    expect(n).toBe(3);
  });

  it('leaves out 0 only where enough groups are drawn: of one alone every sample is the same', () => {
    const [base, other] = [Array.from({ length: 30 }, () => 0.5), Array.from({ length: 30 }, (_, index) => 0.6 + index / 100)];
    const inGroups = (count: number) => pairedDifference(base, other, { seed: 1, groups: base.map((_, index) => String(index % count)) });
    const alone = inGroups(1);
    expect([alone.n, alone.groups, alone.high - alone.low]).toEqual([30, 1, 0]);
    expect([1, 2, 5, 6, 30].map((count) => leavesOutZero(inGroups(count)))).toEqual([false, false, false, true, true]);
    expect(leavesOutZero(pairedDifference(base, base, { seed: 1 }))).toBe(false);
  });

  it('refuses values that are no pairs', () => {
    expect(() => pairedDifference([1], [1, 2], { seed: 1 })).toThrow(RangeError);
  });
});

describe('statistics', () => {
  it('quantile is linear between neighbours', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(quantile([10, 20, 30, 40, 50], 0.95)).toBeCloseTo(48, 10);
    expect(quantile([], 0.5)).toBe(0);
    expect(mean([])).toBe(0);
  });
});
