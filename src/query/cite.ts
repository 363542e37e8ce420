import { isMillraceError } from '../errors.ts';
import type { Citation, Hit } from '../spec/answers.ts';
import type { StoreReader } from '../spec/store.ts';
import { contentWords, coverage, fold, numbersIn, sentencesOf } from './matching.ts';
import { refusal } from './prompt.ts';

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
  return plain === '' || (refusalPattern.test(fold(plain)) && sentencesOf(plain).length === 1);
}

/**
 * Checks an answer sentence by sentence against the passages it was made from. A marker [n] stays only where passage n exists and
 * supports the sentence (content words, and every number of the sentence); a sentence without a marker that stands is attributed to the
 * passage that supports it best, and marked as unsupported when there is none.
 */
export function checkAnswer(text: string, hits: readonly Hit[]): Omit<CitedAnswer, 'citations'> & { readonly uses: readonly Use[] } {
  if (isRefusal(text)) return { text: refusal, abstained: true, uses: [], unsupported: [] };
  const passages = hits.map((hit) => {
    const whole = `${hit.title ?? ''} ${hit.headingPath.join(' ')} ${hit.tableHeader ?? ''} ${hit.text}`;
    return { words: contentWords(whole), numbers: numbersIn(whole) };
  });
  const support = (sentence: string, index: number): number => {
    const passage = passages[index];
    if (passage === undefined) return 0;
    for (const number of numbersIn(sentence)) if (!passage.numbers.has(number)) return 0;
    return coverage(contentWords(sentence.replace(/\[\d+\]/g, ' ')), passage.words);
  };

  const uses: Use[] = [];
  const unsupported: string[] = [];
  let checked = '';
  let copied = 0;
  for (const sentence of joinMarkers(sentencesOf(text))) {
    const plain = sentence.text.replace(/\s*\[\d+\]/g, '');
    const named = [...sentence.text.matchAll(/\[(\d+)\]/g)].map((match) => Number(match[1]) - 1);
    const standing = [...new Set(named)].filter((index) => support(sentence.text, index) >= supportThreshold);
    const best = hits.map((_, index) => ({ index, share: support(sentence.text, index) })).sort((a, b) => b.share - a.share)[0];
    const sources = standing.length > 0 ? standing : best !== undefined && best.share >= supportThreshold ? [best.index] : [];
    if (sources.length === 0 && contentWords(plain).size > 0) unsupported.push(plain);
    for (const index of sources) uses.push({ passage: index, sentence: plain });
    checked += text.slice(copied, sentence.start) + withMarkers(plain, sources);
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

function withMarkers(sentence: string, passages: readonly number[]): string {
  if (passages.length === 0) return sentence;
  const markers = passages.map((index) => `[${index + 1}]`).join('');
  const clean = sentence.replace(/\s+([.!?])+$/, '$1').replace(/[.!?]\s*[.]$/, (end) => end[0] ?? '');
  const [, body = clean, stop = ''] = /^(.*?)([.!?]*)$/s.exec(clean) ?? [];
  return `${body} ${markers}${stop}`;
}

/** Citations of the uses, one for each passage, with the sentence of the passage that supports them best, read from the record. */
export async function citationsOf(uses: readonly Use[], hits: readonly Hit[], store: StoreReader): Promise<Citation[]> {
  const byPassage = new Map<number, string>();
  for (const { passage, sentence } of uses) byPassage.set(passage, `${byPassage.get(passage) ?? ''} ${sentence}`);
  const citations = [...byPassage].sort(([a], [b]) => a - b).map(([index, claim]) => citationOf(hits[index], index + 1, claim, store));
  return (await Promise.all(citations)).filter((citation) => citation !== undefined);
}

async function citationOf(hit: Hit | undefined, number: number, claim: string, store: StoreReader): Promise<Citation | undefined> {
  if (hit === undefined) return undefined;
  const span = bestSentence(hit.text, claim);
  const start = hit.start + span.start;
  const end = hit.start + span.end;
  const [quote, pages] = await Promise.all([
    readQuote(hit, start, end, store),
    store.readPages(hit.document as Parameters<StoreReader['readPages']>[0]),
  ]);
  const page = pages.find((one) => start >= one.start && start < one.end);
  return {
    number,
    document: hit.document,
    source: hit.source,
    title: hit.title,
    page: page?.number ?? hit.page,
    pageLabel: page === undefined ? hit.pageLabel : page.label,
    start,
    end,
    quote,
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

/** The sentence or line of `text` that shares most content words and numbers with `claim`; the whole text when none shares any. */
export function bestSentence(text: string, claim: string): { readonly start: number; readonly end: number } {
  const words = contentWords(claim);
  const numbers = numbersIn(claim);
  let best = { start: 0, end: text.length, score: 0 };
  for (const { start, end, text: sentence } of sentencesOf(text)) {
    const score = coverage(words, contentWords(sentence)) + coverage(numbers, numbersIn(sentence));
    if (score > best.score) best = { start, end, score };
  }
  return best;
}
