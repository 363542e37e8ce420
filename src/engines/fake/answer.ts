import type { GenerateRequest } from '../../spec/engine.ts';
import { contentWords, countShared } from './words.ts';

const defaultRefusal = 'Not in the documents.';
/** Least share of the question's words that a passage must hold to answer it. */
const leastShare = 0.5;

interface Passage {
  readonly number: number;
  readonly text: string;
}

/**
 * Answers as a small, honest reader would: the sentence that shares most words with the question, from the passage that shares most,
 * and the number of the passage. When no passage holds half of the question's words, what the prompt says to "reply exactly:".
 * Passages begin with `[n]`, at the start of a line; the question is the last part of the prompt.
 */
export function answerFromPassages({ prompt }: Pick<GenerateRequest, 'prompt'>): string {
  const parts = prompt.messages.flatMap((message) => message.parts);
  const question = new Set(contentWords((parts.at(-1) ?? '').replace(/^.*question:/is, '')));
  const best = bestBy(passagesOf(parts.slice(0, -1)), ({ text }) => countShared(question, text));
  if (best === undefined || question.size === 0 || countShared(question, best.text) < leastShare * question.size) return refusalOf(parts);
  return `${bestBy(sentencesOf(best.text), (sentence) => countShared(question, sentence)) ?? best.text} [${best.number}]`;
}

function passagesOf(parts: readonly string[]): Passage[] {
  return parts.flatMap((part) =>
    part
      .split(/^(?=\[\d+\])/m)
      .map((piece) => /^\[(\d+)\]([\s\S]*)$/.exec(piece))
      .filter((match) => match !== null)
      .map((match) => ({ number: Number(match[1]), text: (match[2] ?? '').trim() })),
  );
}

/** A line that ends in a colon is the passage's place, not a sentence of it. */
function sentencesOf(text: string): string[] {
  return text
    .split(/(?<=[.!?])\s+|\n+/)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== '' && !sentence.endsWith(':'));
}

function refusalOf(parts: readonly string[]): string {
  return /reply exactly: *(\S[^\n]*)/i.exec(parts[0] ?? '')?.[1]?.trim() ?? defaultRefusal;
}

/** The first of the items with the highest score. */
function bestBy<T>(items: readonly T[], score: (item: T) => number): T | undefined {
  let best: { item: T; score: number } | undefined;
  for (const item of items) {
    const own = score(item);
    if (best === undefined || own > best.score) best = { item, score: own };
  }
  return best?.item;
}
