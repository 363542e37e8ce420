import { everyValueIn } from '../language/number-words.ts';
import { numbersOf, standsAmong } from '../language/numbers.ts';

/** Share of the distinct numbers of `wanted` that stand in `text`, in digits or in words; null where it has none. */
export function numbersFound(text: string, wanted: string): number | null {
  const given = everyValueIn(text, undefined);
  const distinct = new Map(numbersOf(wanted).map((number) => [number.readings.join(' '), number]));
  if (distinct.size === 0) return null;
  return [...distinct.values()].filter((number) => standsAmong(number, given)).length / distinct.size;
}

export function holdsNumber(text: string, wanted: number): boolean {
  return [...everyValueIn(text, undefined)].some((value) => Number(value) === Math.abs(wanted));
}
