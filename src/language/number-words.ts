import { withoutSharpS } from './german-spellings.ts';
import { numbersOf, standsAmong, valuesIn } from './numbers.ts';

/**
 * Numbers that a text spells out, as values written like those of `numbers.ts`: "twenty-four", "zweiundvierzig", "quatre-vingt-dix",
 * "treinta y uno", "two thousand and six". Cardinal numbers in English, German, French and Spanish; a text of unknown language is read as English.
 */

interface Spelling {
  /** By the words of a number, lower case, without accents and "ß", one space between them. */
  readonly small: ReadonlyMap<string, number>;
  /** What multiplies the number before it. */
  readonly scales: ReadonlyMap<string, number>;
  /** May stand between a hundred and what follows. */
  readonly and: string | undefined;
}

interface SpelledNumber {
  /** Range in the text. */
  readonly start: number;
  readonly end: number;
  readonly value: string;
}

interface Word {
  /** Lower case, without accents and "ß". */
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** Whether nothing but a space or a hyphen stands between it and the word before. */
  readonly joined: boolean;
}

/** "quatre-vingt-dix-neuf". */
const longestNumber = 4;

/** The values of what a text writes in digits or in words. */
export function everyValueIn(text: string, language: string | undefined): Set<string> {
  return new Set([...valuesIn(text), ...spelledNumbersIn(text, language).map(({ value }) => value)]);
}

/**
 * The statement with the numbers that it writes in digits as the source spells them, where it has none of those digits: "2" becomes "two",
 * and in English "19th" becomes "nineteenth".
 */
export function numbersAsSpelled(statement: string, source: string, language: string | undefined): string {
  const inDigits = valuesIn(source);
  const strange = numbersOf(statement).filter((number) => !standsAmong(number, inDigits));
  if (strange.length === 0) return statement;
  const spelled = new Map(spelledNumbersIn(source, language).map(({ value, start, end }) => [value, source.slice(start, end)]));
  const isEnglish = (language ?? 'en') === 'en';
  return strange.reduceRight((text, { start, end, readings }) => {
    const suffix = isEnglish ? /^(?:st|nd|rd|th)\b/i.exec(text.slice(end))?.[0] : undefined;
    if (suffix !== undefined) {
      const ordinal = readings.map((reading) => findOrdinal(Number(reading), source)).find((found) => found !== undefined);
      return ordinal === undefined ? text : `${text.slice(0, start)}${ordinal}${text.slice(end + suffix.length)}`;
    }
    const words = readings.map((reading) => spelled.get(reading)).find((found) => found !== undefined);
    return words === undefined ? text : `${text.slice(0, start)}${words}${text.slice(end)}`;
  }, statement);
}

/** An English ordinal number up to ninety-nine, as the source writes it. */
function findOrdinal(value: number, source: string): string | undefined {
  if (!Number.isInteger(value) || value < 1 || value > 99) return undefined;
  const { units, tens } = englishOrdinals;
  const [ten, unit] = [Math.floor(value / 10) - 2, value % 10];
  const compound = (): string => (unit === 0 ? tens[ten]!.replace(/y$/, 'ieth') : `${tens[ten]!}[\\s-]${units[unit - 1]!}`);
  const words = value < 20 ? units[value - 1]! : compound();
  return new RegExp(`(?<!\\p{L})(?<!\\p{L}-)${words}(?!\\p{L})`, 'iu').exec(source)?.[0];
}

/** In the order of the text. */
export function spelledNumbersIn(text: string, language: string | undefined): SpelledNumber[] {
  const spelling = spellings[language ?? 'en'];
  if (spelling === undefined) return [];
  const words = wordsOf(text);
  const found: SpelledNumber[] = [];
  for (let at = 0; at < words.length;) {
    const { value, length } = numberAt(words, at, spelling);
    if (value !== undefined) found.push({ start: words[at]!.start, end: words[at + length - 1]!.end, value: String(value) });
    at += Math.max(1, length);
  }
  return found;
}

/** The longest number that begins at a word: `length` words, 0 where none does. */
function numberAt(
  words: readonly Word[],
  start: number,
  { small, scales, and }: Spelling,
): { readonly value?: number; readonly length: number } {
  let whole = 0;
  let part: number | undefined;
  let end = start;
  for (let at = start; at < words.length && (at === start || words[at]!.joined);) {
    const word = words[at]!.text;
    const scale = scales.get(word);
    if (scale === 100 && part !== undefined && part < 100) part *= 100;
    else if (scale !== undefined && part !== undefined) {
      whole += part * scale;
      part = 0;
    } else if (word === and && part !== undefined && part % 100 === 0 && at > start) {
      at += 1;
      continue;
    } else {
      const found = smallAt(words, at, small);
      if (found === undefined || (part !== undefined && part % 100 !== 0) || (part === 0 && whole === 0)) break;
      part = (part ?? 0) + found.value;
      at += found.length;
      end = at;
      continue;
    }
    at += 1;
    end = at;
  }
  return part === undefined ? { length: 0 } : { value: whole + part, length: end - start };
}

function smallAt(
  words: readonly Word[],
  start: number,
  small: Spelling['small'],
): { readonly value: number; readonly length: number } | undefined {
  let found: { readonly value: number; readonly length: number } | undefined;
  let phrase = '';
  for (let length = 1; length <= longestNumber && start + length <= words.length; length++) {
    const word = words[start + length - 1]!;
    if (length > 1 && !word.joined) break;
    phrase = length === 1 ? word.text : `${phrase} ${word.text}`;
    const value = small.get(phrase);
    if (value !== undefined) found = { value, length };
  }
  return found;
}

function wordsOf(text: string): Word[] {
  let before = 0;
  return [...text.matchAll(/[\p{L}\p{M}]+/gu)].map(({ 0: word, index: start }) => {
    const joined = before > 0 && /^(?:[^\S\n]|[-\u2010-\u2013])+$/.test(text.slice(before, start));
    before = start + word.length;
    return { text: plainOf(word), start, end: before, joined };
  });
}

function plainOf(text: string): string {
  return withoutSharpS(text.toLowerCase().normalize('NFD').replaceAll(/\p{M}/gu, ''));
}

const spellings: Readonly<Record<string, Spelling>> = {
  en: {
    small: numbers({
      units:
        'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen',
      tens: 'twenty thirty forty fifty sixty seventy eighty ninety',
      compound: (ten, unit) => `${ten} ${unit}`,
      more: { once: 1, twice: 2, thrice: 3, 'a hundred': 100, 'a thousand': 1_000, 'a million': 1_000_000, 'a dozen': 12 },
    }),
    scales: new Map(Object.entries({ hundred: 100, thousand: 1_000, million: 1_000_000, billion: 1_000_000_000 })),
    and: 'and',
  },
  de: {
    small: numbers({
      units:
        'null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn',
      tens: 'zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig',
      compound: (ten, unit) => `${unit === 'eins' ? 'ein' : unit}und${ten}`,
      more: { einmal: 1, zweimal: 2, dreimal: 3, viermal: 4, hundert: 100, tausend: 1_000, fuenf: 5, zwoelf: 12 },
    }),
    scales: new Map(
      Object.entries({ hundert: 100, tausend: 1_000, million: 1_000_000, millionen: 1_000_000, milliarde: 1e9, milliarden: 1e9 }),
    ),
    and: 'und',
  },
  fr: {
    small: numbers({
      units: 'zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf',
      tens: 'vingt trente quarante cinquante soixante septante huitante nonante',
      compound: (ten, unit) => (unit === 'un' ? `${ten} et un` : `${ten} ${unit}`),
      more: { cent: 100, mille: 1_000, ...frenchAboveSeventy() },
    }),
    scales: new Map(
      Object.entries({ cent: 100, cents: 100, mille: 1_000, million: 1_000_000, millions: 1_000_000, milliard: 1e9, milliards: 1e9 }),
    ),
    and: undefined,
  },
  es: {
    small: numbers({
      units:
        'cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete dieciocho diecinueve',
      tens: 'veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa',
      compound: (ten, unit) => (ten === 'veinte' ? `veinti${unit}` : `${ten} y ${unit}`),
      more: { cien: 100, ciento: 100, mil: 1_000 },
    }),
    scales: new Map(Object.entries({ mil: 1_000, millon: 1_000_000, millones: 1_000_000 })),
    and: undefined,
  },
};

const englishOrdinals = {
  units: wordsIn(
    `first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth
     seventeenth eighteenth nineteenth`,
  ),
  tens: wordsIn('twenty thirty forty fifty sixty seventy eighty ninety'),
};

function wordsIn(list: string): readonly string[] {
  return list.split(/\s+/);
}

interface Numerals {
  /** 0 to 19. */
  readonly units: string;
  /** 20 to 90, in order. */
  readonly tens: string;
  readonly compound: (ten: string, unit: string) => string;
  readonly more: Readonly<Record<string, number>>;
}

function numbers({ units, tens, compound, more }: Numerals): Map<string, number> {
  const small = units.split(' ');
  const found: [string, number][] = [...Object.entries(more), ...small.map((word, value): [string, number] => [word, value])];
  for (const [place, ten] of tens.split(' ').entries()) {
    found.push([ten, 20 + 10 * place]);
    for (let unit = 1; unit < 10; unit++) found.push([compound(ten, small[unit]!), 20 + 10 * place + unit]);
  }
  return new Map(found.map(([words, value]) => [plainOf(words).replaceAll('-', ' '), value]));
}

/** "soixante-dix-sept", "quatre-vingts", "quatre-vingt-onze". */
function frenchAboveSeventy(): Record<string, number> {
  const teens = 'dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf'.split(' ');
  const units = 'un deux trois quatre cinq six sept huit neuf'.split(' ');
  return Object.fromEntries<number>([
    ['quatre-vingts', 80],
    ['soixante et onze', 71],
    ...teens.flatMap((teen, place): [string, number][] => [
      [`soixante-${teen}`, 70 + place],
      [`quatre-vingt-${teen}`, 90 + place],
    ]),
    ...units.map((unit, place): [string, number] => [`quatre-vingt-${unit}`, 81 + place]),
  ]);
}
