import { everyValueIn, spelledNumbersIn } from '../language/number-words.ts';
import { numbersOf, standsAmong } from '../language/numbers.ts';

/** Share of the distinct numbers of `wanted` that stand in `text`, in digits or in words; null where it has none. */
export function numbersFound(text: string, wanted: string): number | null {
  const given = everyValueIn(text, undefined);
  const distinct = new Map(numbersOf(wanted).map((number) => [number.readings.join(' '), number]));
  if (distinct.size === 0) return null;
  return [...distinct.values()].filter((number) => standsAmong(number, given)).length / distinct.size;
}

/** Whether the number stands in the text, in digits or in words; a negative one only where the text says so. */
export function holdsNumber(text: string, wanted: number): boolean {
  const written = [
    ...numbersOf(text).map(({ start, end, readings, parts }) => ({ start, end, values: [...readings, ...parts] })),
    ...spelledNumbersIn(text, undefined).map(({ start, end, value }) => ({ start, end, values: [value] })),
  ];
  return written.some(
    ({ start, end, values }) =>
      values.some((value) => Number(value) === Math.abs(wanted)) && (wanted >= 0 || isBelowZero(text, start, end)),
  );
}

/** Before the number: "-5", "−$5", "minus 5", and no range ("3-5") or name ("A-5"). */
const sign =
  /(?:(?<![\p{L}\p{N}\p{Pd}\p{Pc}\p{Pe}”’%]|(?!["'])\p{Po})(?:[-‐‑–﹣－]|−\s?)(?:(?:\p{Sc}|[A-Z]{3})\s?)?|(?<!\p{L})(?:[Mm]inus|[Nn]egative|[Mm]oins|[Mm]enos|[Mm]eno)\s+(?:\p{Sc}\s?)?)$/u;
/** Brackets of accounts: "(5)", "($5)", "(5 %)". Behind a word they repeat it: "five (5) days". */
const opening = /(?:^|[^\p{L}\p{N}\s])\s*\(\s*(?:\p{Sc}|[A-Z]{3})?\s*$/u;
const closing = /^\s*[%\p{Sc}]?\s*\)/u;
/** "5 degrees below zero". */
const below = /^\s*(?:°\s?[CF]?|degrees?|grad)?\s*(?:below (?:zero|freezing)|unter (?:null|dem gefrierpunkt)|bajo cero)/iu;
/** "fell by 3.5 %", "a loss of 5 million". */
const falling =
  /(?<!\p{L})(?:f[ae]ll|fall(?:s|en|ing)|drop(?:s|ped)?|declin(?:e|es|ed)|decreas(?:e|es|ed)|sank|shrank|loss|deficit|reduction|down|fiel|gesunken|rückgang|verlust)(?:\s+\p{L}+){0,4}?\s+(?:by|of|um|von)\s+(?:\p{L}+\s+)?\p{Sc}?$|(?<!\p{L})(?:down|lost)\s+\p{Sc}?$/iu;
/** So much of a text before a number is looked at. */
const lookBack = 100;

function isBelowZero(text: string, start: number, end: number): boolean {
  const before = text.slice(Math.max(0, start - lookBack), start);
  const after = text.slice(end, end + lookBack);
  return sign.test(before) || falling.test(before) || below.test(after) || (opening.test(before) && closing.test(after));
}
