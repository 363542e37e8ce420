/** What several runs of the same thing say together. */
export interface Summary {
  readonly median: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly runs: number;
}

/** @throws RangeError when there are no values */
export function summarise(values: readonly number[]): Summary {
  if (values.length === 0) throw new RangeError('There is nothing to summarise.');
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)]!;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1]!;
  return { median: (lower + upper) / 2, minimum: sorted[0]!, maximum: sorted.at(-1)!, runs: values.length };
}

/**
 * Ratios run by run: what else the machine did in a run touched both sides of it, so the pairs say more than two medians. Runs that only
 * one side had, because the measurement was interrupted, are left out.
 * @throws RangeError when a series is empty
 */
export function pairedRatio(ours: readonly number[], theirs: readonly number[]): Summary {
  return summarise(ours.slice(0, theirs.length).map((value, run) => value / theirs[run]!));
}
