import { describe, expect, it } from 'vitest';
import { boundOfGain } from './bound.ts';
import { pairedRatio, summarise } from './statistics.ts';

describe('summarise', () => {
  it('gives the middle of an odd and of an even number of runs, in any order', () => {
    expect(summarise([9, 1, 4])).toEqual({ median: 4, minimum: 1, maximum: 9, runs: 3 });
    expect(summarise([10, 2, 4, 1])).toEqual({ median: 3, minimum: 1, maximum: 10, runs: 4 });
  });

  it('refuses nothing at all', () => {
    expect(() => summarise([])).toThrow(RangeError);
  });
});

describe('pairedRatio', () => {
  it('compares run with run, not median with median', () => {
    expect(pairedRatio([10, 30, 20], [5, 10, 20])).toEqual({ median: 2, minimum: 1, maximum: 3, runs: 3 });
  });

  it('leaves out runs that one side did not come to', () => {
    expect(pairedRatio([10, 30], [5])).toEqual(pairedRatio([10], [5]));
    expect(pairedRatio([10], [5, 1])).toEqual(pairedRatio([10], [5]));
    expect(() => pairedRatio([1], [])).toThrow(RangeError);
  });
});

describe('boundOfGain', () => {
  it('is the gain of decoding alone when there is no prompt, and nothing when there is no output', () => {
    const rates = { prefill: 1000, decodeAlone: 100, decodeTogether: 240 };
    expect(boundOfGain(rates, 0, 64)).toBeCloseTo(2.4);
    expect(boundOfGain(rates, 256, 0)).toBe(1);
    expect(boundOfGain(rates, 256, 64)).toBeCloseTo((0.256 + 0.64) / (0.256 + 64 / 240));
  });
});
