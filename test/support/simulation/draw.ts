import type { Random } from '../../../src/util/random.ts';

/** Choices of a scenario, drawn from its seed. */
export interface Draw {
  /** A whole number from `least` to `most`. */
  int(least: number, most: number): number;
  number(least: number, most: number): number;
  chance(probability: number): boolean;
  one<T>(choices: readonly T[]): T;
}

export function createDraw(random: Pick<Random, 'float'>): Draw {
  const number = (least: number, most: number): number => least + (most - least) * random.float();
  return {
    number,
    int: (least, most) => Math.floor(number(least, most + 1)),
    chance: (probability) => random.float() < probability,
    one<T>(choices: readonly T[]): T {
      return choices[Math.floor(random.float() * choices.length)] as T;
    },
  };
}
