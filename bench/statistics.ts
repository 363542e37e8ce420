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
 * Ratios run by run: what else the machine did in a run touched both sides of it, so the pairs say more than two medians.
 * @throws RangeError when the series differ in length or are empty
 */
export function pairedRatio(ours: readonly number[], theirs: readonly number[]): Summary {
  if (ours.length !== theirs.length) throw new RangeError('Ratios need runs in pairs.');
  return summarise(ours.map((value, run) => value / theirs[run]!));
}
