import { isMillraceError } from '../errors.ts';
import type { Citation, Hit } from '../spec/answers.ts';
import type { DocumentId } from '../spec/identifiers.ts';
import type { StoreReader } from '../spec/store.ts';
import { everyValueIn, spelledNumbersIn } from '../language/number-words.ts';
import { numbersOf, standsAmong, type WrittenNumber } from '../language/numbers.ts';
import { groundOf, standingOf, standsVerbatim } from './grounding.ts';
import { contentWords, coverage, fold, sentencesOf, statementsOf } from './matching.ts';
import { readMarkers, withOwnNumbers } from './markers.ts';
import { isStandardRefusal, refusalIn } from './refusals.ts';

export interface CitedAnswer {
  readonly text: string;
  readonly abstained: boolean;
  readonly citations: Citation[];
  readonly unsupported: string[];
}

const refusalPattern =
  /\bnot (?:stated |mentioned |given |found |provided |specified )?in the (?:documents?|passages?)\b|\bpassages? (?:do|does) not (?:state|mention|contain|provide|specify|give|hold|say)\b/;

/** True when the whole answer says that the passages do not hold it. */
export function isRefusal(text: string): boolean {
  const plain = text.replace(/\[\d+\]/g, ' ').trim();
  return plain === '' || isStandardRefusal(plain) || (refusalPattern.test(fold(plain)) && sentencesOf(plain).length === 1);
}

export interface CheckOptions {
  readonly question?: string;
  readonly language?: string | undefined;
  /** Sentences that no passage supports are left out of the text. */
  readonly drop?: boolean;
}

/**
 * Checks an answer sentence by sentence against the passages it was made from. A marker [n] stays only where passage n exists and
 * holds what the sentence says (`standingOf`); a sentence without a marker that stands is attributed to the passage that supports it best
 * (of several, the one that also holds most of the question), and told as unsupported when there is none. Markers in the checked text are
 * ranks of hits; a number in brackets of a document that could be taken for one stands in quotation marks.
 */
export function checkAnswer(
  text: string,
  hits: readonly Hit[],
  { question = '', language, drop = false }: CheckOptions = {},
): Omit<CitedAnswer, 'citations'> & { readonly uses: readonly Use[]; readonly supported: readonly string[] } {
  if (isRefusal(text)) return { text: refusalIn(language), abstained: true, uses: [], unsupported: [], supported: [] };
  const asked = contentWords(question, language);
  const grounds = hits.map((hit) => groundOf(hit, language));
  const texts = hits.map((hit) => hit.text);
  const order = grounds.map(({ words }) => coverage(asked, words));

  const uses: Use[] = [];
  const unsupported: string[] = [];
  const supported: string[] = [];
  let checked = '';
  let copied = 0;
  for (const sentence of joinMarkers(statementsOf(text))) {
    const { plain, named, isAmbiguous } = readMarkers(sentence.text, texts);
    const standing = grounds
      .map((ground, index) => ({ index, ...standingOf(plain, ground, { question, language }) }))
      .filter(({ share }) => share > 0)
      .sort((one, two) => two.share - one.share || (order[two.index] ?? 0) - (order[one.index] ?? 0));
    const marked = standing.filter(({ index }) => named.has(index));
    const sources = marked.length > 0 ? marked : standing.slice(0, 1);
    const isStatement = /[\p{L}\p{N}]/u.test(plain);
    if (isStatement) (sources.length === 0 ? unsupported : supported).push(plain);
    for (const { index, sentence: said = plain } of sources) uses.push({ passage: index, sentence: said });
    const ranks = sources.map(({ index }) => hits[index]?.rank ?? index + 1);
    const [source] = sources;
    const passage = source === undefined ? '' : (texts[source.index] ?? '');
    const written = isAmbiguous ? withOwnNumbers(plain, passage, standsVerbatim(plain, passage, language)) : plain;
    const shown = drop && isStatement && source === undefined ? '' : withMarkers(written, ranks);
    checked += shown === '' && checked === '' ? '' : text.slice(copied, sentence.start) + shown;
    copied = sentence.end;
  }
  return { text: (checked + text.slice(copied)).trim(), abstained: false, uses, unsupported, supported };
}

export interface Use {
  /** Index into the hits. */
  readonly passage: number;
  readonly sentence: string;
}

/** A marker that stands alone after the full stop belongs to the sentence before it. */
function joinMarkers(sentences: ReturnType<typeof statementsOf>): { start: number; end: number; text: string }[] {
  const joined: { start: number; end: number; text: string }[] = [];
  for (const sentence of sentences) {
    const last = joined.at(-1);
    if (last !== undefined && /^(?:\[\d+\][\s.,;]*)+$/.test(sentence.text)) {
      last.text += ` ${sentence.text}`;
      last.end = sentence.end;
    } else joined.push({ ...sentence });
  }
  return joined;
}

function withMarkers(sentence: string, ranks: readonly number[]): string {
  if (ranks.length === 0) return sentence;
  const markers = ranks.map((rank) => `[${rank}]`).join('');
  const clean = sentence.replace(/(?<!\s)\s+([.!?])+$/, '$1').replace(/[.!?]\s*[.]$/, (end) => end[0] ?? '');
  const [, body = clean, stop = ''] = /^(.*?)(?<![.!?])([.!?]*)$/s.exec(clean) ?? [];
  return `${body} ${markers}${stop}`;
}

/** What a citation shows is chosen by. */
interface Claim {
  readonly claim: string;
  readonly question: string;
  readonly language: string | undefined;
}

/**
 * Citations of the uses, each with the sentence of its passage that supports it best and with those that hold the numbers which that one
 * lacks, read from the record; equal ones once.
 */
export async function citationsOf(
  uses: readonly Use[],
  hits: readonly Hit[],
  store: StoreReader,
  { question = '', language }: { readonly question?: string; readonly language?: string | undefined } = {},
): Promise<Citation[]> {
  const spans = new Map<string, { readonly hit: Hit; readonly start: number; readonly end: number }>();
  for (const { passage, sentence } of uses.toSorted((a, b) => a.passage - b.passage)) {
    const hit = hits[passage];
    if (hit === undefined) continue;
    for (const { start, end } of supportingSentences(hit.text, { claim: sentence, question, language })) {
      spans.set(`${passage} ${start} ${end}`, { hit, start: hit.start + start, end: hit.start + end });
    }
  }
  return Promise.all([...spans.values()].map(({ hit, start, end }) => citationOf(hit, start, end, store)));
}

async function citationOf(hit: Hit, start: number, end: number, store: StoreReader): Promise<Citation> {
  const [read, pages] = await Promise.all([readQuote(hit, start, end, store), store.readPages(hit.document as DocumentId, start)]);
  const [page] = pages;
  return {
    number: hit.rank,
    document: hit.document,
    source: hit.source,
    title: hit.title,
    page: page?.number ?? hit.page,
    pageLabel: page === undefined ? hit.pageLabel : page.label,
    pageKind: page === undefined ? hit.pageKind : page.kind,
    start,
    end,
    ...read,
    ...(page === undefined ? {} : boxesOf(page, start, end)),
  };
}

/** The span as the record holds it. When the document was replaced or removed meanwhile, as it was read for this answer, marked as stale. */
async function readQuote(hit: Hit, start: number, end: number, store: StoreReader): Promise<Pick<Citation, 'quote' | 'stale'>> {
  const document = hit.document as DocumentId;
  try {
    return { quote: await store.readSpan(document, start, end) };
  } catch (error) {
    if (!isMillraceError(error) || error.code !== 'E_NOT_FOUND') throw error;
    const quote = hit.text.slice(start - hit.start, end - hit.start);
    const [now] = await store.documentStates([document]);
    return now === undefined || now.state === 'current' ? { quote } : { quote, stale: now.state };
  }
}

type StoredPages = Awaited<ReturnType<StoreReader['readPages']>>;

/** Units across a page in its boxes. */
const boxUnits = 4096;

/** Where the words of a range stand on their page, lines of words joined, as shares of its width and height. */
function boxesOf({ boxes }: StoredPages[number], start: number, end: number): Pick<Citation, 'boxes'> {
  if (boxes === null) return {};
  const lines: NonNullable<Citation['boxes']> = [];
  for (let at = 0; at + 5 < boxes.length; at += 6) {
    const [wordStart = 0, wordEnd = 0, x1 = 0, y1 = 0, x2 = 0, y2 = 0] = boxes.subarray(at, at + 6);
    if (wordEnd <= start || wordStart >= end) continue;
    const word = { left: x1 / boxUnits, top: y1 / boxUnits, right: x2 / boxUnits, bottom: y2 / boxUnits };
    const line = lines.at(-1);
    const middle = (word.top + word.bottom) / 2;
    if (line !== undefined && middle > line.top && middle < line.bottom && word.left >= line.left) {
      line.top = Math.min(line.top, word.top);
      line.right = Math.max(line.right, word.right);
      line.bottom = Math.max(line.bottom, word.bottom);
    } else lines.push(word);
  }
  return lines.length === 0 ? {} : { boxes: lines };
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** A sentence with what claims are compared with, read once. */
interface ReadSentence extends Span {
  readonly text: string;
  readonly words: ReadonlySet<string>;
  readonly values: ReadonlySet<string>;
}

/**
 * The sentences of `text` that a claim rests on: the one that `bestSentence` finds, and while numbers of the claim stand in none of them the
 * next one that holds most of those and of the claim. A number that stands in no sentence, such as one of a heading, is not looked for.
 */
export function supportingSentences(text: string, claim: Claim): readonly Span[] {
  const sentences = readSentences(text, claim.language);
  const best = bestOf(sentences, claim);
  if (best === undefined) return [{ start: 0, end: text.length }];
  const spans: Span[] = [best];
  const lackedBy = (numbers: readonly WrittenNumber[], { values }: ReadSentence): WrittenNumber[] =>
    numbers.filter((number) => !standsAmong(number, values));
  let open = lackedBy(numbersClaimed(claim), best);
  const words = contentWords(claim.claim, claim.language);
  const shares = open.length === 0 ? [] : sentences.map((sentence) => coverage(words, sentence.words) / 2);
  while (open.length > 0) {
    let next: { readonly span: ReadSentence; readonly lacked: WrittenNumber[]; readonly score: number } | undefined;
    for (const [place, sentence] of sentences.entries()) {
      const lacked = lackedBy(open, sentence);
      if (lacked.length === open.length) continue;
      const score = open.length - lacked.length + (shares[place] ?? 0);
      if (score > (next?.score ?? 0)) next = { span: sentence, lacked, score };
    }
    if (next === undefined) break;
    spans.push(next.span);
    open = next.lacked;
  }
  return spans.toSorted((one, two) => one.start - two.start).map(({ start, end }) => ({ start, end }));
}

/** Those of the claim in digits and in words; "one" is mostly none. */
function numbersClaimed({ claim, language }: Claim): readonly WrittenNumber[] {
  const spelled = spelledNumbersIn(claim, language).filter(({ value }) => value !== '1');
  return [...numbersOf(claim), ...spelled.map(({ start, end, value }) => ({ start, end, readings: [value], parts: [], divisible: false }))];
}

/**
 * The sentence or line of `text` that holds the claim word for word, else shares most content words and numbers with it; of several the one
 * nearest to the question. The whole text when none shares any.
 */
export function bestSentence(text: string, claim: Claim): Span {
  const { start, end } = bestOf(readSentences(text, claim.language), claim) ?? { start: 0, end: text.length };
  return { start, end };
}

function bestOf(sentences: readonly ReadSentence[], { claim, question, language }: Claim): ReadSentence | undefined {
  const words = contentWords(claim, language);
  const numbers = numbersOf(claim);
  const asked = contentWords(question, language);
  let best: { readonly sentence: ReadSentence; readonly score: number } | undefined;
  for (const sentence of sentences) {
    const held = numbers.filter((number) => standsAmong(number, sentence.values)).length;
    const isVerbatim = standsVerbatim(claim, sentence.text, language);
    const shared = coverage(words, sentence.words) + held / Math.max(1, numbers.length) + (isVerbatim ? 2 : 0);
    const score = shared === 0 ? 0 : shared + coverage(asked, sentence.words) / 2;
    if (score > (best?.score ?? 0)) best = { sentence, score };
  }
  return best?.sentence;
}

function readSentences(text: string, language: string | undefined): readonly ReadSentence[] {
  return sentencesOf(text).map((sentence) => ({
    ...sentence,
    words: contentWords(sentence.text, language),
    values: everyValueIn(sentence.text, language),
  }));
}
