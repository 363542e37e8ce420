import type { Hit } from '../spec/answers.ts';
import type { Tokenizer } from '../spec/engine.ts';
import { choosePieces, joinPieces, type Piece, scorePieces } from './excerpt.ts';
import { renderPassage } from './prompt.ts';

export interface Context {
  /** The hits that the model reads, in this order; passage n is `hits[n - 1]`. */
  readonly hits: readonly Hit[];
  readonly passages: readonly string[];
}

/** Most of the budget that one of several passages takes: three at least are read, so that the second-ranked hit is not crowded out. */
const passageShare = 3 / 8;
/** With less room than this a passage is not worth its heading. */
const leastTokens = 24;

/**
 * What the model reads of the hits, in rank order, within the budget. A hit that is longer than its share is cut to its sentences and
 * table rows that match the question best. Hits that lie inside one taken before are left out; the first hit is always taken.
 */
export async function fitContext(
  question: string,
  hits: readonly Hit[],
  budgetTokens: number,
  tokenizer: Pick<Tokenizer, 'countTokens'>,
  signal: AbortSignal,
): Promise<Context> {
  const pieces = scorePieces(
    question,
    hits.map(({ text }) => text),
  );
  const headings = hits.map((hit, index) => renderPassage(index + 1, hit, ''));
  const counts = await tokenizer.countTokens([...headings, ...pieces.flat().map(({ text }) => `${text}\n`)], signal);
  const taken: { readonly hit: Hit; readonly text: string }[] = [];
  let used = 0;
  let counted = hits.length;
  for (const [index, hit] of hits.entries()) {
    const own: readonly Piece[] = pieces[index] ?? [];
    const tokens = [...counts.subarray(counted, counted + own.length)];
    counted += own.length;
    const headingTokens = counts[index] ?? 0;
    const room = Math.min(budgetTokens * Math.max(passageShare, 1 / hits.length), budgetTokens - used - headingTokens);
    const repeated = taken.some((one) => one.hit.text.includes(hit.text));
    if (repeated || (taken.length > 0 && room < leastTokens)) continue;
    const chosen = choosePieces(own, tokens, room);
    const cost = headingTokens + chosen.reduce((sum, one) => sum + (tokens[one] ?? 0), 0);
    if (taken.length > 0 && used + cost > budgetTokens) continue;
    taken.push({ hit, text: joinPieces(hit.text, own, chosen) });
    used += cost;
  }
  return { hits: taken.map(({ hit }) => hit), passages: taken.map(({ hit, text }, index) => renderPassage(index + 1, hit, text)) };
}
