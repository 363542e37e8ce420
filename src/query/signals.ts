import type { Hit } from '../spec/answers.ts';
import { mapInTurns } from '../util/in-turns.ts';
import { contentWords, contentWordsInOrder, coverage, everyWordOf, missingNames, namesIn } from './matching.ts';

/** What each signal is worth beside a fused score of 0 … 1. */
const worth = { coverage: 0.3, proximity: 0.1, names: 0.1, title: 0.05 } as const;

/** Names of a query that are looked for: one of more is a text. */
const mostNames = 64;

/**
 * How well a hit answers to the query's words beyond BM25, 0 … about 0.5, in microseconds: the share of its words that the hit holds, rare
 * ones more (by how few of the hits hold them); whether one short stretch holds many of them; its names; its title and headings. Pure.
 */
export async function signalScores(
  query: string,
  hits: readonly Pick<Hit, 'text' | 'title' | 'headingPath'>[],
  language: string | undefined,
): Promise<number[]> {
  const wanted = [...contentWords(query, language)];
  const names = new Map([...namesIn(query, language)].slice(0, mostNames));
  const read = await mapInTurns(hits, ({ text, title, headingPath }) => {
    const inOrder = contentWordsInOrder(text, language);
    return {
      words: new Set(inOrder),
      place: contentWords([title ?? '', ...headingPath].join(' '), language),
      inOrder,
      strangeNames: names.size === 0 ? 0 : missingNames(names, everyWordOf([title ?? '', ...headingPath, text].join('\n'))).length,
    };
  });
  const rarity = new Map(
    wanted.map((word) => [word, Math.log(1 + hits.length / (1 + read.filter(({ words }) => words.has(word)).length))]),
  );
  const whole = wanted.reduce((sum, word) => sum + (rarity.get(word) ?? 0), 0);
  return mapInTurns(read, ({ words, place, inOrder, strangeNames }) => {
    const both = new Set([...words, ...place]);
    const covered = whole === 0 ? 0 : wanted.reduce((sum, word) => sum + (both.has(word) ? (rarity.get(word) ?? 0) : 0), 0) / whole;
    return (
      worth.coverage * covered +
      worth.proximity * nearness(wanted, inOrder) +
      worth.names * (names.size === 0 ? 0 : 1 - strangeNames / names.size) +
      worth.title * coverage(new Set(wanted), place)
    );
  });
}

/** Words of one stretch. */
const stretch = 24;

/** Largest share of the wanted words that one stretch holds. */
function nearness(wanted: readonly string[], inOrder: readonly string[]): number {
  if (wanted.length === 0) return 0;
  const asked = new Set(wanted);
  const places = inOrder.flatMap((word, at) => (asked.has(word) ? [{ word, at }] : []));
  let best = 0;
  for (const [index, { at }] of places.entries()) {
    const held = new Set<string>();
    for (let next = index; next < places.length; next += 1) {
      const place = places[next];
      if (place === undefined || place.at >= at + stretch) break;
      held.add(place.word);
    }
    best = Math.max(best, held.size);
  }
  return best / wanted.length;
}
