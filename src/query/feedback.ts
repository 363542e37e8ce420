import { functionWords } from '../language/function-words.ts';
import { withoutSharpS } from '../language/german-spellings.ts';
import { characterPairs, isUnspaced } from '../language/scripts.ts';

/** Chunks taken for relevant, and words taken from them. */
const feedbackChunks = 10;
const feedbackTerms = 10;
/** Weight of the ranking by these words beside 1 for each of the others. */
export const feedbackWeight = 0.3;
/** In larger collections the second search costs more than it brings. */
export const largestFeedbackChunks = 20_000;

/**
 * Words of the best chunks that the query lacks, as another query: pseudo-relevance feedback by a relevance model (Lavrenko and Croft,
 * SIGIR 2001). A word counts by its share of each chunk, times the chunk's score, and by how few of the others hold it.
 * Undefined where there are none. Pure.
 * @param found chunks by falling score; what is common in those that rank lower tells nothing
 */
export function feedbackQuery(
  query: string,
  found: readonly { readonly text: string; readonly score: number }[],
  language: string | undefined,
): string | undefined {
  const common = new Set(functionWords(language ?? 'en')?.map(withoutSharpS));
  const own = new Set(wordsOf(query));
  const top = found.slice(0, feedbackChunks);
  const whole = top.reduce((sum, { score }) => sum + score, 0);
  const others = found.slice(feedbackChunks).map(({ text }) => new Set(wordsOf(text)));
  const weights = new Map<string, number>();
  for (const { text, score } of top) {
    const words = wordsOf(text).filter((word) => !common.has(word) && !own.has(word) && word.length > 1);
    for (const word of words) weights.set(word, (weights.get(word) ?? 0) + score / whole / words.length);
  }
  const rarity = (word: string): number => {
    const holding = others.filter((words) => words.has(word)).length;
    return Math.log(1 + (others.length + 1) / (holding + 1));
  };
  const terms = [...weights]
    .map(([word, weight]) => ({ word, weight: weight * rarity(word) }))
    .sort((a, b) => b.weight - a.weight || (a.word < b.word ? -1 : 1))
    .slice(0, feedbackTerms)
    .map(({ word }) => word);
  return terms.length === 0 ? undefined : terms.join(' ');
}

function wordsOf(text: string): string[] {
  const words = withoutSharpS(text.toLowerCase()).match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
  return words.flatMap((word) => (isUnspaced(word) ? characterPairs(word) : [word]));
}
