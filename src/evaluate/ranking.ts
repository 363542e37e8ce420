/**
 * Measures of one ranking of documents against the judgements of one query. A ranking holds each document once, best first. A document
 * is relevant when its judgement is above 0; one without a judgement is not. All are 0 where nothing is relevant.
 */

/** Document → grade. */
export type Judgements = ReadonlyMap<string, number>;

/** Discounted cumulative gain of the first `k`, linear gain, discount log2(rank + 1), divided by that of the best possible ranking. */
export function ndcgAt(k: number, ranking: readonly string[], judgements: Judgements): number {
  const ideal = discountedGain(
    k,
    [...judgements.values()].filter((grade) => grade > 0).sort((a, b) => b - a),
  );
  if (ideal === 0) return 0;
  return (
    discountedGain(
      k,
      ranking.slice(0, k).map((document) => Math.max(0, judgements.get(document) ?? 0)),
    ) / ideal
  );
}

function discountedGain(k: number, grades: readonly number[]): number {
  return grades.slice(0, k).reduce((sum, grade, index) => sum + grade / Math.log2(index + 2), 0);
}

/** Share of the relevant documents that is among the first `k`. */
export function recallAt(k: number, ranking: readonly string[], judgements: Judgements): number {
  const relevant = relevantCount(judgements);
  return relevant === 0 ? 0 : ranking.slice(0, k).filter((document) => isRelevant(document, judgements)).length / relevant;
}

/** 1 / rank of the first relevant document among the first `k`, else 0. */
export function reciprocalRankAt(k: number, ranking: readonly string[], judgements: Judgements): number {
  const index = ranking.slice(0, k).findIndex((document) => isRelevant(document, judgements));
  return index === -1 ? 0 : 1 / (index + 1);
}

/** Mean, over all relevant documents, of the precision at the rank of each; one that the ranking lacks counts 0. */
export function averagePrecision(ranking: readonly string[], judgements: Judgements): number {
  const relevant = relevantCount(judgements);
  if (relevant === 0) return 0;
  let found = 0;
  let sum = 0;
  for (const [index, document] of ranking.entries()) {
    if (!isRelevant(document, judgements)) continue;
    found += 1;
    sum += found / (index + 1);
  }
  return sum / relevant;
}

/** The documents of hits in the order of their first hit, each once. */
export function distinctDocuments(documents: Iterable<string>): string[] {
  return [...new Set(documents)];
}

function isRelevant(document: string, judgements: Judgements): boolean {
  return (judgements.get(document) ?? 0) > 0;
}

function relevantCount(judgements: Judgements): number {
  return [...judgements.values()].filter((grade) => grade > 0).length;
}
