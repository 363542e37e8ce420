import type { Hit } from '../spec/answers.ts';
import type { Tokenizer } from '../spec/engine.ts';
import { renderPassage } from './prompt.ts';

export interface Context {
  /** The hits that the model reads, in this order; passage n is `hits[n - 1]`. */
  readonly hits: readonly Hit[];
  readonly passages: readonly string[];
}

/**
 * The best hits whose rendered passages fit the budget, in rank order. A hit that is too long for what is left is passed over, so that
 * a shorter one behind it can still be read; the first one is always taken. Hits that lie inside one taken before are left out.
 */
export async function fitContext(hits: readonly Hit[], budgetTokens: number, tokenizer: Tokenizer, signal: AbortSignal): Promise<Context> {
  const rendered = hits.map((hit, index) => renderPassage(index + 1, hit));
  const counts = await tokenizer.countTokens(rendered, signal);
  const taken: Hit[] = [];
  let used = 0;
  for (const [index, hit] of hits.entries()) {
    const cost = counts[index] ?? Number.POSITIVE_INFINITY;
    const repeated = taken.some(({ text }) => text.includes(hit.text));
    if (repeated || (taken.length > 0 && used + cost > budgetTokens)) continue;
    taken.push(hit);
    used += cost;
    if (used >= budgetTokens) break;
  }
  return { hits: taken, passages: taken.map((hit, index) => renderPassage(index + 1, hit)) };
}
