/**
 * Comparing words of two texts. Folding (case, NFKC, diacritics, German spellings) happens here only, never in what is stored or shown.
 */

import { closeFootnoteMarks } from '../language/footnote-marks.ts';
import { functionWordLanguages, functionWords } from '../language/function-words.ts';
import { withoutDigraphs, withoutSharpS } from '../language/german-spellings.ts';
import { characterPairs, isUnspaced, scriptRuns } from '../language/scripts.ts';

const wordPattern = /[\p{L}\p{M}]+|\p{N}+(?:[.,:'’/-]?\p{N}+)*/gu;

/** Function words of each language and what questions say of the reading itself, folded. */
const commonWords: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  ['', ...functionWordLanguages].map((language) => [
    language,
    new Set([...(functionWords(language) ?? []), 'document', 'documents', 'passage', 'passages', 'according'].map(fold)),
  ]),
);

export function fold(text: string): string {
  return withoutSharpS(text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase());
}

/** Crude suffix cutting, enough to match "platforms" with "platform". */
function stem(word: string): string {
  if (word.length > 5 && word.endsWith('ing')) return word.slice(0, -3);
  if (word.length > 4 && (word.endsWith('ed') || word.endsWith('es'))) return word.slice(0, -2);
  if (word.length > 3 && word.endsWith('s') && !word.endsWith('ss')) return word.slice(0, -1);
  return word;
}

/**
 * Words that carry meaning, folded and stemmed, without repetition: all but the function words of the language. Writing without spaces is
 * taken by pairs of characters.
 */
export function contentWords(text: string, language?: string): Set<string> {
  return new Set(contentWordsInOrder(text, language));
}

/** The same in the order of the text, with repetition. */
export function contentWordsInOrder(text: string, language = 'en'): string[] {
  const common = commonWords.get(language) ?? commonWords.get('');
  const written = fold(text).match(wordPattern) ?? [];
  const words = (language === 'de' ? written.map(withoutDigraphs) : written)
    .flatMap((word) => (isUnspaced(word) ? scriptRuns(word) : [word]))
    .flatMap((word) => (isUnspaced(word) ? characterPairs(word) : [word]));
  return words.filter((word) => common?.has(word) !== true).map(stem);
}

const nameParts = /[\p{L}\p{M}\p{N}]+/gu;

/**
 * Every word of a text as names are compared: folded, without a suffix, and as it is; initialisms ("U.S.") also in one, and the initials of
 * names ("European Union" holds "EU").
 */
export function everyWordOf(text: string): Set<string> {
  const initialisms = (text.match(/(?<![\p{L}\p{N}])(?:\p{L}\.){2,}/gu) ?? []).map((one) => one.replaceAll('.', ''));
  return new Set(
    [...(fold(text).match(nameParts) ?? []).flatMap(scriptRuns), ...[...initialisms, ...initialsOf(text)].map(fold)].flatMap((word) => [
      word,
      stem(word),
    ]),
  );
}

const mostInitials = 6;

/** Of each two to six words with capital letters that stand next to each other, "of", "and" and "the" between them left out. */
function initialsOf(text: string): string[] {
  const found: string[] = [];
  for (const [run] of text.matchAll(/\p{Lu}[\p{L}\p{M}'’-]*(?:[^\S\n]+(?:(?:of|and|the|for)[^\S\n]+){0,2}\p{Lu}[\p{L}\p{M}'’-]*)+/gu)) {
    const initials = (run.match(/(?<![\p{L}\p{M}'’-])\p{Lu}/gu) ?? []).join('');
    for (let start = 0; start < initials.length - 1; start++)
      for (let length = 2; length <= Math.min(mostInitials, initials.length - start); length++)
        found.push(initials.slice(start, start + length));
  }
  return found;
}

/**
 * Names in a question: words with a capital letter that do not begin it, and words of capitals, or of capitals and digits, alone. Each with
 * its parts, folded: "U.S." has two, and stands where both do or where it stands in one. German nouns are no names, so that there only the
 * latter are. Numbers are none.
 *
 * @param options `first`: a capital letter also makes the first word one
 */
export function namesIn(
  question: string,
  language: string | undefined,
  { first = false }: { readonly first?: boolean } = {},
): Map<string, readonly string[]> {
  const words = (question.match(/[\p{L}\p{M}\p{N}]+(?:['’.][\p{L}\p{N}]+)*/gu) ?? []).flatMap(scriptRuns);
  const common = commonWords.get(language ?? 'en') ?? commonWords.get('');
  const names = words.filter((word, index) => {
    if (/^[\p{N}.'’]+$/u.test(word)) return false;
    if (/^(?:\p{Lu}{2,}|(?=.*\p{N})[\p{Lu}\p{N}.-]+)$/u.test(word)) return true;
    return language !== 'de' && (first || index > 0) && /^\p{Lu}/u.test(word) && common?.has(fold(word)) !== true;
  });
  return new Map(names.map((word) => [word, (fold(word.replace(/['’]s$/u, '')).match(nameParts) ?? []).map(stem)]));
}

/** Least length of what is found within a word: "Atlantic" in "transatlantic", "Japan" in "Japanese", and of "Indian" the "India" of the text. */
const leastWithin = 5;

/** The names whose parts do not all stand among the words of `everyWordOf`. */
export function missingNames(names: ReadonlyMap<string, readonly string[]>, words: ReadonlySet<string>): string[] {
  const all = [...words].join(' ');
  const begins = (part: string): boolean => [...words].some((word) => word.length >= leastWithin && part.startsWith(word));
  const stands = (part: string): boolean => words.has(part) || (part.length >= leastWithin && (all.includes(part) || begins(part)));
  return [...names].filter(([, parts]) => !parts.every(stands) && !words.has(parts.join(''))).map(([name]) => name);
}

export interface Sentence {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Ends that are no ends of sentences, though a capital letter follows: initials, initialisms and titles. */
const abbreviation =
  /(?<![\p{L}\p{N}])(?:\p{Lu}|(?:\p{L}\.\s?)+\p{L}|Dr|Mr|Mrs|Ms|St|Prof|Nr|Art|Abs|Fig|vs|ca|Mio|Mrd|Tsd|bzw|vgl|geb|gest|evtl|inkl|zzgl|sog|Hr|Str)\.\s*$/u;
/** German ordinal numbers are written with a full stop: those of days, and others before what is counted so. */
const ordinal = /(?<![\p{L}\p{N}.,:])\d{1,2}\.\s*$/u;
const afterArticle = /(?<!\p{L})(?:vom|zum|der|des|dem|den|das|beim|seit|ins|im)\s+\d{1,2}\.\s*$/u;
const counted =
  /^(?:(?:Jan|Feb|Apr|Jun|Jul|Aug|Sept?|Okt|Nov|Dez)\.|(?:Januar|Jänner|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember|(?:Jahrhundert|Jahrtausend|Jahrestag|Geburtstag|Lebensjahr|Weltkrieg|Kapitel|Absatz|Artikel|Auflage|Klasse|Platz|Bundesliga|Liga|Etage)(?:e?s|en?)?)(?!\p{L}))/u;

/** Made once: making one takes longer than the sentences of a passage. */
const segmenter = new Intl.Segmenter(undefined, { granularity: 'sentence' });

/** In answers, which are phrases mostly; in passages a sentence may end so. */
const answerAbbreviation = /(?<![\p{L}\p{N}])(?:v|al|Rev|Gen|Col|Lt|Sgt|Capt|Gov|Sen|Rep|Hon|Mt|Ft|Vol|cf|approx)\.\s*$/u;

/** Sentences of an answer, as `sentencesOf` gives those of a passage. */
export function statementsOf(answer: string): Sentence[] {
  return sentencesOf(answer, answerAbbreviation);
}

/**
 * Sentences and lines of a text as ranges in it, without the white space around them.
 *
 * @param also further ends that are none
 */
export function sentencesOf(text: string, also?: RegExp): Sentence[] {
  const sentences: Sentence[] = [];
  const add = (segment: string, index: number): void => {
    let lineStart = index;
    for (const line of segment.split('\n')) {
      const start = lineStart + (line.length - line.trimStart().length);
      const trimmed = line.trim();
      if (trimmed !== '') sentences.push({ start, end: start + trimmed.length, text: trimmed });
      lineStart += line.length + 1;
    }
  };
  let open = '';
  let openAt = 0;
  for (const { segment: read, index } of segmenter.segment(closeFootnoteMarks(text))) {
    const segment = text.slice(index, index + read.length);
    if (open !== '' && !goesOn(open, segment, also)) {
      add(open, openAt);
      open = '';
    }
    if (open === '') openAt = index;
    open += segment;
  }
  add(open, openAt);
  return sentences;
}

/** Whether the next segment belongs to the same sentence. */
function goesOn(open: string, next: string, also: RegExp | undefined): boolean {
  // A long run of abbreviations is a list, and no sentence.
  if (open.length >= 1_000 || open.slice(open.trimEnd().length).includes('\n')) return false;
  const end = open.slice(-12);
  if (abbreviation.test(end) || also?.test(end) === true) return true;
  return ordinal.test(end)
    ? counted.test(next) || afterArticle.test(end)
    : /(?<![\p{L}\p{N}])\p{Ll}\.\s*$/u.test(end) && /^\p{L}\.\s/u.test(next);
}

/** Share of `wanted` that is in `present`, 0 … 1; 0 for nothing wanted. */
export function coverage(wanted: ReadonlySet<string>, present: ReadonlySet<string>): number {
  if (wanted.size === 0) return 0;
  let found = 0;
  for (const word of wanted) if (present.has(word)) found += 1;
  return found / wanted.size;
}

/** Share of the asked words that are present, each by how few of the hits hold it (one hit alone does not tell); 1 for nothing asked. */
export function coverageByRarity(
  asked: ReadonlySet<string>,
  present: ReadonlySet<string>,
  hits: readonly ReadonlySet<string>[],
  options: RarityOptions = {},
): number {
  return createRarity(asked, hits, options)(present);
}

interface RarityOptions {
  readonly leastHolding?: number;
}

/** The same for many texts. */
export function createRarity(
  asked: ReadonlySet<string>,
  hits: readonly ReadonlySet<string>[],
  { leastHolding = 0 }: RarityOptions = {},
): (present: ReadonlySet<string>) => number {
  const read = hits.length < 2 ? [] : hits;
  const rarities = new Map<string, number>();
  let whole = 0;
  for (const word of asked) {
    const holding = Math.max(leastHolding, read.filter((words) => words.has(word)).length);
    const rarity = Math.log(1 + (read.length + 1) / (0.5 + holding));
    whole += rarity;
    rarities.set(word, rarity);
  }
  return (present) => {
    if (whole === 0) return 1;
    // Of a long question most words stand nowhere.
    const words =
      rarities.size > longQuestion ? [...present].filter((word) => rarities.has(word)) : [...asked].filter((word) => present.has(word));
    return words.reduce((held, word) => held + (rarities.get(word) ?? 0), 0) / whole;
  };
}

/** Words of a question that is a text. */
const longQuestion = 256;
