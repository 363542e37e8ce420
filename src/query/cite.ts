import { isMillraceError } from '../errors.ts';
import type { Citation, Hit } from '../spec/answers.ts';
import type { StoreReader } from '../spec/store.ts';
import { numbersOf, standsAmong, valuesIn } from '../language/numbers.ts';
import { contentWords, coverage, fold, sentencesOf } from './matching.ts';
import { isStandardRefusal, refusalIn } from './refusals.ts';

export interface CitedAnswer {
  readonly text: string;
  readonly abstained: boolean;
  readonly citations: Citation[];
  readonly unsupported: string[];
}

/** Least share of a sentence's content words that a passage must hold to count as its source. */
const supportThreshold = 0.5;

const refusalPattern =
  /\bnot (?:stated |mentioned |given |found |provided |specified )?in the (?:documents?|passages?)\b|\bpassages? (?:do|does) not (?:state|mention|contain|provide|specify|give|hold|say)\b/;

/** True when the whole answer says that the passages do not hold it. */
export function isRefusal(text: string): boolean {
  const plain = text.replace(/\[\d+\]/g, ' ').trim();
  return plain === '' || isStandardRefusal(plain) || (refusalPattern.test(fold(plain)) && sentencesOf(plain).length === 1);
}

/**
 * Checks an answer sentence by sentence against the passages it was made from. A marker [n] stays only where passage n exists and
 * supports the sentence (content words, and every number of the sentence); a sentence without a marker that stands is attributed to the
 * passage that supports it best (of several, the one that also holds most of the question), and marked as unsupported when there is none.
 * Markers in the checked text are ranks of hits.
 */
export function checkAnswer(
  text: string,
  hits: readonly Hit[],
  { question = '', language }: { readonly question?: string; readonly language?: string | undefined } = {},
): Omit<CitedAnswer, 'citations'> & { readonly uses: readonly Use[] } {
  if (isRefusal(text)) return { text: refusalIn(language), abstained: true, uses: [], unsupported: [] };
  const asked = contentWords(question, language);
  const passages = hits.map((hit) => {
    const whole = `${hit.title ?? ''} ${hit.headingPath.join(' ')} ${hit.tableHeader ?? ''} ${hit.text}`;
    const words = contentWords(whole, language);
    return { words, values: valuesIn(whole), asked: coverage(asked, words) };
  });
  const support = (sentence: string, index: number): number => {
    const passage = passages[index];
    if (passage === undefined) return 0;
    if (!numbersOf(sentence).every((number) => standsAmong(number, passage.values))) return 0;
    return coverage(contentWords(sentence.replace(/\[\d+\]/g, ' '), language), passage.words);
  };
  const order = (index: number): number => passages[index]?.asked ?? 0;

  const uses: Use[] = [];
  const unsupported: string[] = [];
  let checked = '';
  let copied = 0;
  for (const sentence of joinMarkers(sentencesOf(text))) {
    const plain = sentence.text.replace(/\s*\[\d+\]/g, '');
    const named = [...sentence.text.matchAll(/\[(\d+)\]/g)].map((match) => Number(match[1]) - 1);
    const standing = [...new Set(named)].filter((index) => support(sentence.text, index) >= supportThreshold);
    const best = hits
      .map((_, index) => ({ index, share: support(sentence.text, index) }))
      .sort((a, b) => b.share - a.share || order(b.index) - order(a.index))[0];
    const sources = standing.length > 0 ? standing : best !== undefined && best.share >= supportThreshold ? [best.index] : [];
    if (sources.length === 0 && contentWords(plain, language).size > 0) unsupported.push(plain);
    for (const index of sources) uses.push({ passage: index, sentence: plain });
    checked +=
      text.slice(copied, sentence.start) +
      withMarkers(
        plain,
        sources.map((index) => hits[index]?.rank ?? index + 1),
      );
    copied = sentence.end;
  }
  return { text: checked + text.slice(copied), abstained: false, uses, unsupported };
}

export interface Use {
  /** Index into the hits. */
  readonly passage: number;
  readonly sentence: string;
}

/** A marker that stands alone after the full stop belongs to the sentence before it. */
function joinMarkers(sentences: ReturnType<typeof sentencesOf>): { start: number; end: number; text: string }[] {
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
  const clean = sentence.replace(/\s+([.!?])+$/, '$1').replace(/[.!?]\s*[.]$/, (end) => end[0] ?? '');
  const [, body = clean, stop = ''] = /^(.*?)([.!?]*)$/s.exec(clean) ?? [];
  return `${body} ${markers}${stop}`;
}

/** Citations of the uses, one for each passage, with the sentence of the passage that supports them best, read from the record. */
export async function citationsOf(uses: readonly Use[], hits: readonly Hit[], store: StoreReader, question = ''): Promise<Citation[]> {
  const byPassage = new Map<number, string>();
  for (const { passage, sentence } of uses) byPassage.set(passage, `${byPassage.get(passage) ?? ''} ${sentence}`);
  const citations = [...byPassage].sort(([a], [b]) => a - b).map(([index, claim]) => citationOf(hits[index], claim, question, store));
  return (await Promise.all(citations)).filter((citation) => citation !== undefined);
}

async function citationOf(hit: Hit | undefined, claim: string, question: string, store: StoreReader): Promise<Citation | undefined> {
  if (hit === undefined) return undefined;
  const span = bestSentence(hit.text, claim, question);
  const start = hit.start + span.start;
  const end = hit.start + span.end;
  const [quote, pages] = await Promise.all([
    readQuote(hit, start, end, store),
    store.readPages(hit.document as Parameters<StoreReader['readPages']>[0]),
  ]);
  const page = pages.find((one) => start >= one.start && start < one.end);
  return {
    number: hit.rank,
    document: hit.document,
    source: hit.source,
    title: hit.title,
    page: page?.number ?? hit.page,
    pageLabel: page === undefined ? hit.pageLabel : page.label,
    start,
    end,
    quote,
    ...(page === undefined ? {} : boxesOf(page, start, end)),
  };
}

/** The span as the record holds it. When the document was replaced or removed meanwhile, as it was read from the record for this answer. */
async function readQuote(hit: Hit, start: number, end: number, store: StoreReader): Promise<string> {
  try {
    return await store.readSpan(hit.document as Parameters<StoreReader['readSpan']>[0], start, end);
  } catch (error) {
    if (isMillraceError(error) && error.code === 'E_NOT_FOUND') return hit.text.slice(start - hit.start, end - hit.start);
    throw error;
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

/**
 * The sentence or line of `text` that holds `claim` word for word, else shares most content words and numbers with it; of several the one
 * nearest to the question. The whole text when none shares any.
 */
export function bestSentence(text: string, claim: string, question = ''): { readonly start: number; readonly end: number } {
  const words = contentWords(claim);
  const numbers = numbersOf(claim);
  const asked = contentWords(question);
  const verbatim = fold(claim)
    .replaceAll(/\[\d+\]/g, '')
    .trim()
    .replace(/[.。]$/, '');
  let best = { start: 0, end: text.length, score: 0 };
  for (const { start, end, text: sentence } of sentencesOf(text)) {
    const own = contentWords(sentence);
    const values = valuesIn(sentence);
    const held = numbers.filter((number) => standsAmong(number, values)).length;
    const shared =
      coverage(words, own) + held / Math.max(1, numbers.length) + (verbatim !== '' && fold(sentence).includes(verbatim) ? 2 : 0);
    const score = shared === 0 ? 0 : shared + coverage(asked, own) / 2;
    if (score > best.score) best = { start, end, score };
  }
  return best;
}
