import { type Interval, pairedDifference } from './bootstrap.ts';

/** Measures of one question or query, null where it does not bear on a measure. */
export interface Measured {
  readonly id: string;
  readonly measures: Readonly<Record<string, number | null>>;
}

/**
 * For each measure the mean gain of `other` over `base`, with its 95 % paired bootstrap interval, over the questions that both have a value
 * for. Above 0: `other` is better (of refusals that are false: worse).
 */
export function comparePaired(base: readonly Measured[], other: readonly Measured[], seed: number): Record<string, Interval> {
  const others = new Map(other.map((one) => [one.id, one.measures]));
  const names = Object.keys(base[0]?.measures ?? {});
  return Object.fromEntries(
    names.map((name) => {
      const pairs = base.flatMap(({ id, measures }) => {
        const before = measures[name];
        const after = others.get(id)?.[name];
        return typeof before === 'number' && typeof after === 'number' ? [[before, after] as const] : [];
      });
      const difference = pairedDifference(
        pairs.map(([before]) => before),
        pairs.map(([, after]) => after),
        { seed },
      );
      return [name, difference];
    }),
  );
}
