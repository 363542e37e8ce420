/**
 * Numbers of a text, compared by value: "1,250.50", "1250.5" and "1.250,50" are equal, "4.50" and "450" are not. What can be read in two ways
 * equals both: "1.250", and "41 600", which is one number or two. Times and ratios ("7:30") are one number, dates such as 3.10.2027 one and
 * the numbers of its parts. ".5" is "0.5", but for what ends a word or a sentence ("v1.5", "text.5") and names a kind of file (".7z"). Markers such
 * as [1], which cite, are no numbers of the text. Values are written as "1250.5" or "7:30".
 */

export interface WrittenNumber {
  /** Range in the text. */
  readonly start: number;
  readonly end: number;
  /** The values that it may have. */
  readonly readings: readonly string[];
  /** Values of its parts, where it has any. */
  readonly parts: readonly string[];
  /** Whether it may be several numbers that stand beside each other. */
  readonly divisible: boolean;
}

const numberPattern =
  /(?<!\d)\d{1,3}(?:([.,'’\u00a0\u202f ])\d{3}(?:\1\d{3})*)(?!\d)(?:[.,]\d+(?!\d))?|\d+(?::\d+)+|\d+(?:\.\d+){2,}|\d+(?:[.,]\d+)?|(?<=^|[\s([{<>=≤≥±~≈$€£¥+−–—*×/:;|-]|(?:^|[\s([{,;])["'])\.(?!(?:7z|3gp|3g2|3ds|3mf)(?![\p{L}\d]))\d+(?!\d|\.\d)/gu;
const marker = /\[\d{1,3}\]/g;
const wideCharacters = /[０-９，．：]/gu;
const wideOffset = 0xfe_e0;

/** In the order of the text. */
export function numbersOf(text: string): WrittenNumber[] {
  const plain = text
    .replace(marker, (found) => ' '.repeat(found.length))
    .replace(wideCharacters, (wide) => String.fromCharCode(wide.charCodeAt(0) - wideOffset));
  return [...plain.matchAll(numberPattern)].map(({ 0: found, 1: separator, index }) => ({
    start: index,
    end: index + found.length,
    ...readingsOf(found, separator),
  }));
}

/** Every value that a number of the text may have, those of parts included. */
export function valuesIn(text: string): Set<string> {
  return new Set(numbersOf(text).flatMap(({ readings, parts }) => [...readings, ...parts]));
}

/** Whether the number is among the values of another text. */
export function standsAmong({ readings, parts, divisible }: WrittenNumber, values: ReadonlySet<string>): boolean {
  return readings.some((value) => values.has(value)) || (divisible && parts.every((value) => values.has(value)));
}

function readingsOf(found: string, separator: string | undefined): Pick<WrittenNumber, 'readings' | 'parts' | 'divisible'> {
  if (found.includes(':')) return { readings: [found.replace(/^0+(?=\d)/, '')], parts: [], divisible: false };
  if (separator === undefined && /\d\.\d+\./.test(found)) {
    const parts = found.split('.').map((part) => canonical(part));
    return { readings: [parts.join('.')], parts, divisible: false };
  }
  const divisible = separator === ' ';
  const parts = divisible ? found.split(' ').flatMap((part) => valuesOf(part, undefined)) : [];
  return { readings: valuesOf(found, separator), parts, divisible };
}

function valuesOf(found: string, separator: string | undefined): string[] {
  const bare = found.replace(/[\s'’]/gu, '').replace(/^\./, '0.');
  const separators = bare.match(/[.,]/g) ?? [];
  const last = separators.at(-1);
  if (last === undefined) return [canonical(bare)];
  const decimals = bare.length - bare.lastIndexOf(last) - 1;
  const digits = bare.replace(/[.,]/g, '');
  const asDecimal = canonical(`${digits.slice(0, digits.length - decimals)}.${digits.slice(digits.length - decimals)}`);
  // The last separator divides decimals when another kind stands before it, or when no three digits follow.
  if (last !== separator || decimals !== 3) return [asDecimal];
  return separators.length > 1 ? [canonical(digits)] : [canonical(digits), asDecimal];
}

/** Without zeros that say nothing. */
function canonical(number: string): string {
  const [whole = '', decimals = ''] = number.split('.');
  const least = decimals.replace(/(?<!0)0+$/, '');
  return `${whole.replace(/^0+(?=\d)/, '')}${least === '' ? '' : `.${least}`}`;
}
