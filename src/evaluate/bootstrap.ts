import { createSeededRandom } from '../util/random.ts';
import { mean, quantile } from './statistics.ts';

export interface Interval {
  /** Of what was observed. */
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  /** Sample size. */
  readonly n: number;
  /** How many of the values are independent: those that were drawn, each value where nothing goes together. */
  readonly groups: number;
}

/** With fewer groups, signs that are all the same are chance more often than one time in twenty: 2 · ½⁵ = .0625. */
const leastGroups = 6;

/** Whether an interval of differences leaves out 0 and is of enough groups for that to say something. */
export function leavesOutZero({ low, high, groups }: Pick<Interval, 'low' | 'high' | 'groups'>): boolean {
  return groups >= leastGroups && (low > 0 || high < 0);
}

export interface BootstrapOptions {
  readonly seed: number;
  /** Default 10,000. */
  readonly resamples?: number;
  /** Default .95. */
  readonly confidence?: number;
  /** For each value what it belongs to: values of one group, such as questions about one paragraph, are drawn together. */
  readonly groups?: readonly string[];
}

/** Percentile bootstrap of the mean (Efron): as many groups as there are are drawn with replacement, and the means of the samples ordered. */
export function bootstrapMean(values: readonly number[], options: BootstrapOptions): Interval {
  const { seed, resamples = 10_000, confidence = 0.95, groups = values.map((_, index) => String(index)) } = options;
  if (groups.length !== values.length) throw new RangeError(`${groups.length} groups and ${values.length} values are no pairs.`);
  if (values.length === 0) return { mean: 0, low: 0, high: 0, n: 0, groups: 0 };
  const random = createSeededRandom(seed);
  const drawable = sumsOf(values, groups);
  const means = Array.from({ length: resamples }, () => {
    let sum = 0;
    let count = 0;
    for (let drawn = 0; drawn < drawable.length; drawn += 1) {
      const group = drawable[Math.floor(random.float() * drawable.length)];
      sum += group?.sum ?? 0;
      count += group?.count ?? 0;
    }
    return sum / count;
  });
  const tail = (1 - confidence) / 2;
  return { mean: mean(values), low: quantile(means, tail), high: quantile(means, 1 - tail), n: values.length, groups: drawable.length };
}

function sumsOf(values: readonly number[], groups: readonly string[]): { readonly sum: number; readonly count: number }[] {
  const sums = new Map<string, { sum: number; count: number }>();
  for (const [index, value] of values.entries()) {
    const name = groups[index] ?? '';
    const group = sums.get(name) ?? { sum: 0, count: 0 };
    group.sum += value;
    group.count += 1;
    sums.set(name, group);
  }
  return [...sums.values()];
}

/** The mean gain of `other` over `base` on the same questions, pair by pair. */
export function pairedDifference(base: readonly number[], other: readonly number[], options: BootstrapOptions): Interval {
  if (base.length !== other.length) throw new RangeError(`${base.length} and ${other.length} values are no pairs.`);
  return bootstrapMean(
    base.map((value, index) => (other[index] ?? 0) - value),
    options,
  );
}
