import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../../util/random.ts';
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

  it('is as good as exact over a whole vocabulary', () => {
    const random = createSeededRandom(7);
    const logits = Float32Array.from({ length: 50_000 }, () => 20 * random.float() + 10 * random.float());
    const highest = logits.reduce((most, logit) => Math.max(most, logit));
    const sum = logits.reduce((total, logit) => total + Math.exp(logit - highest), 0);
    for (const token of [0, 1, logits.indexOf(highest)]) {
      const exact = logits[token]! - highest - Math.log(sum);
      expect(Math.abs(logProbabilities(logits, [token])[0]! - exact)).toBeLessThan(1e-4);
    }
  });
});
