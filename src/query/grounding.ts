import { everyValueIn } from '../language/number-words.ts';
import { numbersOf, standsAmong } from '../language/numbers.ts';
import { isUnspaced } from '../language/scripts.ts';
import type { Hit } from '../spec/answers.ts';
import { contentWords, coverage, everyWordOf, fold, missingNames, namesIn, sentencesOf } from './matching.ts';
import { withoutNumbers } from './markers.ts';
import { polarityOf, saysSo } from './polarity.ts';

/** What a statement is compared with: a passage with where it stands. Made once for many statements. */
export interface Ground {
  readonly text: string;
  readonly words: ReadonlySet<string>;
  /** As they stand in names, function words included. */
  readonly everyWord: ReadonlySet<string>;
  readonly values: ReadonlySet<string>;
  /** Without title and headings. */
  readonly passage: string;
}

export type GroundPassage = Pick<Hit, 'title' | 'headingPath' | 'tableHeader' | 'text'>;

export interface Asked {
  readonly question: string;
  readonly language: string | undefined;
}

export interface Standing {
  /** Of the statement's words, 0 … 1; 0 where it does not stand there. */
  readonly share: number;
  /** Why not, in words for people. */
  readonly doubt?: string;
  /** The sentence that says so, where the statement is "yes" or "no" and has no words to be found. */
  readonly sentence?: string;
}

/** Of few words all must stand in the passage; of more, most. */
const fewWords = 4;
const leastShare = 0.5;
const currencies = /\p{Sc}/gu;

export function groundOf({ title, headingPath, tableHeader, text }: GroundPassage, language: string | undefined): Ground {
  const whole = [title ?? '', ...headingPath, tableHeader ?? '', text].join('\n');
  return {
    text: whole,
    words: contentWords(whole, language),
    everyWord: everyWordOf(whole),
    values: everyValueIn(whole, language),
    passage: text,
  };
}

/**
 * Whether a passage holds what a statement of an answer says: every number with its unit, every name, and its words; word for word it does.
 * Words of the question say nothing new. "Yes" and "no" stand where one sentence holds the words of the question and agrees. Pure.
 */
export function standingOf(statement: string, ground: Ground, { question, language }: Asked): Standing {
  const polarity = polarityOf(statement, question);
  if (polarity?.rest === '') {
    const sentence = sentencesOf(ground.passage).find(({ text }) => saysSo(polarity.is, text, { question, language }));
    return sentence === undefined ? { share: 0, doubt: 'no sentence of the passage says so' } : { share: 1, sentence: sentence.text };
  }
  const said = polarity?.rest ?? statement;
  const numbers = numbersOf(said);
  const invented = numbers.filter((number) => !standsAmong(number, ground.values));
  if (invented.length > 0) {
    return missing(
      'number',
      invented.map(({ start, end }) => said.slice(start, end)),
    );
  }
  const signs = [...new Set(said.match(currencies) ?? [])].filter((sign) => !ground.text.includes(sign));
  if (signs.length > 0) return missing('sign', signs);
  if (standsVerbatim(said, ground.text, language)) return { share: 1 };
  const units = numbers.flatMap(({ end }) => [...contentWords(/^[\s-]*(\p{L}+)/u.exec(said.slice(end))?.[1] ?? '', language)]);
  const strangeUnits = units.filter((unit) => !ground.words.has(unit));
  if (strangeUnits.length > 0) return missing('unit', strangeUnits);

  const words = wordsAlone(said, language);
  const asked = contentWords(question, language);
  const known = new Set([...ground.everyWord, ...everyWordOf(question)]);
  const strangeNames = missingNames(namesIn(said, language, { first: true }), known);
  if (strangeNames.length > 0) return missing('name', strangeNames);
  const claimed = new Set([...words].filter((word) => !asked.has(word)));
  const judged = claimed.size === 0 ? words : claimed;
  if (judged.size === 0)
    return numbers.length > 0 ? { share: 1 } : { share: 0, doubt: 'the passage does not hold the words of the answer' };
  const share = coverage(judged, ground.words);
  if (share >= (judged.size <= fewWords ? 1 : leastShare)) return { share };
  return { share: 0, doubt: 'the passage does not hold the words of the answer' };
}

/**
 * Whether the text holds the words as they are, with nothing else in their first and last word; also where one of them lacks numbers in
 * brackets of the other, such as marks of footnotes. A statement of function words alone ("US", "The Who") also in their case.
 */
export function standsVerbatim(words: string, text: string, language: string | undefined): boolean {
  if (holds(trimmed(words), text, language)) return true;
  const [bareWords, bareText] = [withoutNumbers(words), withoutNumbers(text)];
  return (bareWords !== words || bareText !== text) && holds(trimmed(bareWords), bareText, language);
}

function onOneLine(text: string): string {
  return text.normalize('NFC').replaceAll(/\s+/g, ' ');
}

/** Without quotation marks and full stops around. */
function trimmed(words: string): string {
  return onOneLine(words)
    .trim()
    .replace(/^["“”„«»']+|(?<!["“”„«»'.。!])["“”„«»'.。!]+$/gu, '');
}

function holds(wanted: string, text: string, language: string | undefined): boolean {
  if (wanted === '') return false;
  const asWritten = contentWords(wanted, language).size === 0;
  const [needle, haystack] = asWritten ? [wanted, onOneLine(text)] : [fold(wanted), fold(onOneLine(text))];
  for (let at = haystack.indexOf(needle); at !== -1; at = haystack.indexOf(needle, at + 1)) {
    if (isBoundary(haystack[at - 1], needle[0]) && isBoundary(haystack[at + needle.length], needle.at(-1))) return true;
  }
  return false;
}

function isBoundary(outside: string | undefined, inside: string | undefined): boolean {
  const both = [outside, inside];
  return both.some((one) => one === undefined || !/[\p{L}\p{M}\p{N}]/u.test(one) || isUnspaced(one));
}

/** Content words without numbers, which are compared by value. */
function wordsAlone(text: string, language: string | undefined): Set<string> {
  return new Set([...contentWords(text, language)].filter((word) => !/^\p{N}/u.test(word)));
}

function missing(what: 'number' | 'sign' | 'unit' | 'name', found: readonly string[]): Standing {
  return { share: 0, doubt: `the ${what} ${found.slice(0, 5).join(', ')} does not stand in the passage` };
}
