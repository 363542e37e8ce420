import { describe, expect, it } from 'vitest';
import { logProbabilities } from './log-probability.ts';

describe('logProbabilities', () => {
  it('is the logarithm of a distribution, however large the logits', () => {
    const logits = new Float32Array([1_000, 1_000 + Math.log(3), -1_000]);
    const [one = 0, three = 0, none = 0] = logProbabilities(logits, [0, 1, 2]);
    expect(one).toBeCloseTo(Math.log(1 / 4), 3);
    expect(three).toBeCloseTo(Math.log(3 / 4), 3);
    expect(none).toBeLessThan(-1_000);
    expect(logProbabilities(logits, [7])).toEqual([-Infinity]);
  });
});
