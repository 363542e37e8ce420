import { createSeededRandom } from '../util/random.ts';
import { mean, quantile } from './statistics.ts';

export interface Interval {
  /** Of what was observed. */
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  /** Sample size. */
  readonly n: number;
}

export interface BootstrapOptions {
  readonly seed: number;
  /** Default 10,000. */
  readonly resamples?: number;
  /** Default .95. */
  readonly confidence?: number;
}

/** Percentile bootstrap of the mean (Efron): samples of the same size are drawn with replacement, and their means ordered. */
export function bootstrapMean(values: readonly number[], options: BootstrapOptions): Interval {
  const { seed, resamples = 10_000, confidence = 0.95 } = options;
  if (values.length === 0) return { mean: 0, low: 0, high: 0, n: 0 };
  const random = createSeededRandom(seed);
  const means = Array.from({ length: resamples }, () => {
    let sum = 0;
    for (let drawn = 0; drawn < values.length; drawn += 1) sum += values[Math.floor(random.float() * values.length)] ?? 0;
    return sum / values.length;
  });
  const tail = (1 - confidence) / 2;
  return { mean: mean(values), low: quantile(means, tail), high: quantile(means, 1 - tail), n: values.length };
}

/** The mean gain of `other` over `base` on the same questions, pair by pair. */
export function pairedDifference(base: readonly number[], other: readonly number[], options: BootstrapOptions): Interval {
  if (base.length !== other.length) throw new RangeError(`${base.length} and ${other.length} values are no pairs.`);
  return bootstrapMean(
    base.map((value, index) => (other[index] ?? 0) - value),
    options,
  );
}
