import { type Interval, pairedDifference } from './bootstrap.ts';

/** Measures of one question or query, null where it does not bear on a measure. */
export interface Measured {
  readonly id: string;
  readonly measures: Readonly<Record<string, number | null>>;
}

/**
 * For each measure the mean gain of `other` over `base`, with its 95 % paired bootstrap interval, over the questions that both have a value
 * for. Above 0: `other` is better (of refusals that are false: worse).
 *
 * @param groupOf what a question belongs to, by its id: those of one group are drawn together
 */
export function comparePaired(
  base: readonly Measured[],
  other: readonly Measured[],
  seed: number,
  groupOf: (id: string) => string = (id) => id,
): Record<string, Interval> {
  const others = new Map(other.map((one) => [one.id, one.measures]));
  const names = Object.keys(base[0]?.measures ?? {});
  return Object.fromEntries(
    names.map((name) => {
      const pairs = base.flatMap(({ id, measures }) => {
        const before = measures[name];
        const after = others.get(id)?.[name];
        return typeof before === 'number' && typeof after === 'number' ? [{ id, before, after }] : [];
      });
      const difference = pairedDifference(
        pairs.map(({ before }) => before),
        pairs.map(({ after }) => after),
        { seed, groups: pairs.map(({ id }) => groupOf(id)) },
      );
      return [name, difference];
    }),
  );
}
