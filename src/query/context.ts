import type { Hit } from '../spec/answers.ts';
import type { Tokenizer } from '../spec/engine.ts';
import { choosePieces, joinPieces, type Piece, scorePieces } from './excerpt.ts';
import { sentencesOf } from './matching.ts';
import { renderPassage } from './prompt.ts';

export interface Context {
  /** The hits that the model reads, in this order; passage n is `hits[n - 1]`. */
  readonly hits: readonly Hit[];
  readonly passages: readonly string[];
}

/** Most of the budget that one of many passages takes: three at least are read, so that the second-ranked hit is not crowded out. */
export const passageShare = 3 / 8;
/** With less room than this a passage is not worth its heading. */
const leastTokens = 24;

/** What `fitContext` takes a whole passage for, in tokens. */
export async function countPassage(hit: Hit, tokenizer: Pick<Tokenizer, 'countTokens'>, signal: AbortSignal): Promise<number> {
  const texts = [renderPassage(1, hit, ''), ...sentencesOf(hit.text).map(({ text }) => `${text}\n`)];
  return (await tokenizer.countTokens(texts, signal)).reduce((sum, one) => sum + one, 0);
}

interface Taken {
  readonly hit: Hit;
  readonly pieces: readonly Piece[];
  readonly tokens: readonly number[];
  /** Indexes of pieces. */
  chosen: readonly number[];
}

/**
 * What the model reads of the hits, in rank order, within the budget. A hit that is longer than its share is cut to its sentences and
 * table rows that match the question best; what room is left when all have their share goes to those that were cut, in rank order. Hits
 * that lie inside what is read of one taken before are left out; the first hit is always taken.
 */
export async function fitContext(
  { question, language }: { readonly question: string; readonly language: string | undefined },
  hits: readonly Hit[],
  budgetTokens: number,
  tokenizer: Pick<Tokenizer, 'countTokens'>,
  signal: AbortSignal,
): Promise<Context> {
  const pieces = await scorePieces(
    question,
    hits.map(({ text }) => text),
    language,
  );
  const headings = hits.map((hit, index) => renderPassage(index + 1, hit, ''));
  const counts = await tokenizer.countTokens([...headings, ...pieces.flat().map(({ text }) => `${text}\n`)], signal);
  const share = Math.max(passageShare, 1 / hits.length);
  const taken: Taken[] = [];
  let used = 0;
  let counted = hits.length;
  for (const [index, hit] of hits.entries()) {
    const own: readonly Piece[] = pieces[index] ?? [];
    const tokens = [...counts.subarray(counted, counted + own.length)];
    counted += own.length;
    const headingTokens = counts[index] ?? 0;
    const room = Math.min(budgetTokens * share, budgetTokens - used) - headingTokens;
    const repeated = taken.some((one) => textOf(one).includes(hit.text));
    if (repeated || (taken.length > 0 && room < leastTokens)) continue;
    const chosen = choosePieces(own, tokens, room);
    const cost = headingTokens + costOf(chosen, tokens);
    if (taken.length > 0 && used + cost > budgetTokens) continue;
    taken.push({ hit, pieces: own, tokens, chosen });
    used += cost;
  }
  for (const one of taken) {
    if (one.chosen.length === one.pieces.length) continue;
    const before = costOf(one.chosen, one.tokens);
    const wider = choosePieces(one.pieces, one.tokens, before + budgetTokens - used);
    if (used - before + costOf(wider, one.tokens) > budgetTokens) continue;
    used += costOf(wider, one.tokens) - before;
    one.chosen = wider;
  }
  return { hits: taken.map(({ hit }) => hit), passages: taken.map((one, index) => renderPassage(index + 1, one.hit, textOf(one))) };
}

function textOf({ hit, pieces, chosen }: Taken): string {
  return joinPieces(hit.text, pieces, chosen);
}

function costOf(chosen: readonly number[], tokens: readonly number[]): number {
  return chosen.reduce((sum, one) => sum + (tokens[one] ?? 0), 0);
}
