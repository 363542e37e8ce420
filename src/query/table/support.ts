import type { CellValue, ValueTypeName } from '../../spec/tables.ts';
import { everyValueIn } from '../../language/number-words.ts';
import { numbersOf, standsAmong, type WrittenNumber } from '../../language/numbers.ts';
import { contentWords, coverage, fold, sentencesOf } from '../matching.ts';
import { writtenForms } from './date-of.ts';

/** A text that was given to the model, as a span of its document. */
export interface ReadPassage {
  readonly text: string;
  /** Of the text in the document. */
  readonly start: number;
}

/** A sentence of what the model read, as a span of the document. */
export interface ReadSentence {
  readonly start: number;
  readonly end: number;
  readonly words: ReadonlySet<string>;
  readonly values: ReadonlySet<string>;
}

export interface Support {
  /** 0 to 1: mean share of the claims' words and numbers that stand in the sentence each is attributed to. */
  readonly share: number;
  /** Sentences in which a claim stands, best first, each once. */
  readonly sentences: readonly ReadSentence[];
}

/** Most sentences that are cited for one cell. */
const mostSentences = 8;
/** Least share of a claim that a sentence must hold to be cited for it. */
const leastShare = 0.5;
/** The words of the question decide between sentences that hold the value equally. */
const questionWeight = 0.25;

export function sentencesIn(passages: readonly ReadPassage[]): ReadSentence[] {
  return passages.flatMap(({ text, start }) =>
    sentencesOf(text).map((sentence) => ({
      start: start + sentence.start,
      end: start + sentence.end,
      words: contentWords(sentence.text),
      values: everyValueIn(sentence.text, undefined),
    })),
  );
}

/** What must be found of a value: each claim in one of its forms, each form as words and numbers. */
interface Claim {
  readonly forms: readonly { readonly words: ReadonlySet<string>; readonly numbers: readonly WrittenNumber[] }[];
}

/** Where the value stands in what was read, and how much of it. Pure. */
export function supportOf(value: CellValue, type: ValueTypeName, question: string, sentences: readonly ReadSentence[]): Support {
  const asked = contentWords(question);
  const found = claimsOf(value, type, question).map((claim) => bestOf(claim, asked, sentences));
  const cited = found.filter((one) => one !== undefined && one.share >= leastShare).map((one) => one!);
  const share = found.length === 0 ? 0 : found.reduce((sum, one) => sum + (one?.share ?? 0), 0) / found.length;
  const ranked = cited.toSorted((a, b) => b.score - a.score).map(({ sentence }) => sentence);
  return { share: Math.round(share * 100) / 100, sentences: [...new Set(ranked)].slice(0, mostSentences) };
}

function bestOf(claim: Claim, asked: ReadonlySet<string>, sentences: readonly ReadSentence[]) {
  let best: { readonly sentence: ReadSentence; readonly share: number; readonly score: number } | undefined;
  for (const sentence of sentences) {
    const share = Math.max(...claim.forms.map((form) => shareIn(form, sentence)));
    const score = share + questionWeight * coverage(asked, sentence.words);
    if (share > 0 && (best === undefined || score > best.score)) best = { sentence, share, score };
  }
  return best;
}

/** A number that does not stand there is not supported by the words around it. */
function shareIn({ words, numbers }: Claim['forms'][number], sentence: ReadSentence): number {
  if (!numbers.every((number) => standsAmong(number, sentence.values))) return 0;
  if (words.size === 0) return numbers.length === 0 ? 0 : 1;
  const held = coverage(words, sentence.words) * words.size + numbers.length;
  return held / (words.size + numbers.length);
}

function claimsOf(value: CellValue, type: ValueTypeName, question: string): Claim[] {
  if (type === 'yes/no') return [claim(question)];
  if (type === 'number') {
    const { number, unit } = value as { readonly number: number; readonly unit: string | null };
    return [{ forms: [{ words: contentWords(unit ?? ''), numbers: numbersOf(String(Math.abs(number))) }] }];
  }
  if (type === 'date') {
    return [
      {
        forms: writtenForms(typeof value === 'string' ? value : '').map((form) => ({
          words: contentWords(form.filter((part) => !/^\d+$/u.test(part)).join(' ')),
          numbers: form.filter((part) => /^\d+$/u.test(part)).flatMap(numbersOf),
        })),
      },
    ];
  }
  if (type === 'list') return (value as string[]).map(claim);
  if (type === 'json') return leavesOf(value).map(claim);
  return [claim(typeof value === 'string' ? value : JSON.stringify(value))];
}

function claim(text: string): Claim {
  const words = new Set([...contentWords(text)].filter((word) => !/^\p{N}/u.test(word)));
  return { forms: [{ words, numbers: numbersOf(text) }] };
}

/** Texts and numbers of a JSON value; true, false and null stand in no document. */
function leavesOf(value: unknown): string[] {
  if (typeof value === 'string') return fold(value).trim() === '' ? [] : [value];
  if (typeof value === 'number') return [String(Math.abs(value))];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(leavesOf);
}
