import type { Hit } from '../spec/answers.ts';
import { contentWords, createRarity, sentencesOf } from './matching.ts';
import type { Use } from './cite.ts';
import { refusal } from './refusals.ts';

/** Least share of the question's content words, rare ones more, that one quoted sentence and its headings must hold. */
const quoteThreshold = 0.5;

const none = { text: refusal, abstained: true, uses: [] } as const;

/**
 * An answer of verbatim sentences, without a generator: the best-matching sentences of the best hits, in order of their match; a heading
 * is none. Abstains when no sentence holds at least half of the question's content words, each by how few of the hits hold it.
 */
export function quoteAnswer(
  question: string,
  hits: readonly Hit[],
  { language, limit = 2 }: { readonly language?: string | undefined; readonly limit?: number } = {},
): { readonly text: string; readonly abstained: boolean; readonly uses: readonly Use[] } {
  const words = contentWords(question, language);
  const found = hits.map(({ text }) => contentWords(text, language));
  if (words.size === 0) return none;
  // A word that no hit holds may be another word for what they say: it counts as one that a single hit holds.
  const shareOf = createRarity(words, found, { leastHolding: 1 });
  const candidates = hits
    .slice(0, 5)
    .flatMap((hit, passage) => {
      const headings = [hit.title ?? '', ...hit.headingPath];
      const place = contentWords(headings.join(' '), language);
      return sentencesOf(hit.text)
        .filter(({ text }) => !headings.includes(text.replace(/^#+\s*/, '')))
        .map(({ text }) => {
          const present = new Set([...contentWords(text, language), ...place]);
          const share = shareOf(present);
          return { passage, sentence: text, share, score: share - passage * 0.02 };
        });
    })
    .filter(({ share, sentence }) => share >= quoteThreshold && contentWords(sentence, language).size > 2)
    .sort((a, b) => b.score - a.score)
    .slice(0, limit);
  if (candidates.length === 0) return none;
  return {
    text: candidates.map(({ sentence, passage }) => `“${sentence}” [${passage + 1}]`).join('\n'),
    abstained: false,
    uses: candidates.map(({ passage, sentence }) => ({ passage, sentence })),
  };
}
