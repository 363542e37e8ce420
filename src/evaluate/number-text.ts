/**
 * Numbers of a text, compared by value: "1,250.50", "1250.5" and "1 250,50" are equal. A number that can be read in two ways ("1.250")
 * equals both. Markers such as [1], which cite, are no numbers of the text.
 */

const numberPattern = /(?<!\d)\d{1,3}(?:[.,'’\u00a0\u202f ]\d{3})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,]\d+)?/gu;

/** The values that each number of the text may have, in its order. */
export function numbersOf(text: string): readonly (readonly number[])[] {
  const plain = text.replace(/\[\d+\]/g, ' ').normalize('NFKC');
  return [...plain.matchAll(numberPattern)].map(([found]) => valuesOf(found));
}

/** Share of the distinct numbers of `wanted` that stand in `text`; null where it has none. */
export function numbersFound(text: string, wanted: string): number | null {
  const given = new Set(numbersOf(text).flat());
  const distinct = new Map(numbersOf(wanted).map((values) => [values.join(' '), values]));
  if (distinct.size === 0) return null;
  return [...distinct.values()].filter((values) => values.some((value) => given.has(value))).length / distinct.size;
}

export function holdsNumber(text: string, wanted: number): boolean {
  return numbersOf(text).some((values) => values.includes(Math.abs(wanted)));
}

function valuesOf(found: string): number[] {
  const bare = found.replace(/[\s'’]/gu, '');
  const separators = bare.match(/[.,]/g) ?? [];
  const last = separators.at(-1);
  if (last === undefined) return [Number(bare)];
  const digits = bare.replace(/[.,]/g, '');
  const decimals = bare.length - bare.lastIndexOf(last) - 1;
  const asDecimal = Number(`${digits.slice(0, digits.length - decimals)}.${digits.slice(digits.length - decimals)}`);
  // The last separator divides decimals when another kind stands before it, or when no three digits follow.
  if (new Set(separators).size > 1 || decimals !== 3) return [asDecimal];
  return separators.length > 1 ? [Number(digits)] : [Number(digits), asDecimal];
}
