import { type ErrorData, toMillraceError } from '../errors.ts';
import { runTogether } from '../util/run-together.ts';
import type { JudgedQuery } from './beir-folder.ts';
import { isOfOneQuestion } from './one-question.ts';
import { averagePrecision, distinctDocuments, ndcgAt, recallAt, reciprocalRankAt } from './ranking.ts';
import { mean } from './statistics.ts';

/** The measures of a ranking, in the order of reports. */
export const rankingMeasures = ['ndcg@10', 'recall@5', 'recall@10', 'recall@100', 'mrr@10', 'map'] as const;
export type RankingMeasure = (typeof rankingMeasures)[number];

/** What is measured: documents for a query, best first; the same document may come again, its first place counts. */
export type RankDocuments = (query: string, signal: AbortSignal) => Promise<readonly string[]>;

export interface MeasuredQuery {
  readonly id: string;
  readonly measures: Readonly<Record<RankingMeasure, number>>;
  /** Why there is no ranking; all measures are 0 then. */
  readonly error: ErrorData | null;
}

export interface RetrievalEvaluation {
  /** Means over all queries, failed ones included. */
  readonly measures: Readonly<Record<RankingMeasure, number>>;
  /** In the order given. */
  readonly queries: readonly MeasuredQuery[];
  readonly failed: number;
  readonly elapsedMs: number;
  readonly queriesPerSecond: number;
}

export interface EvaluateRetrievalOptions {
  /** Queries at the same time. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
  /** Monotonic ms. */
  readonly now: () => number;
  readonly onMeasured?: (done: number, total: number) => void;
}

/**
 * Ranks every query, several at a time, and measures each ranking. A document that has the id of the query is left out of its ranking, as in
 * BEIR's own evaluation: some data sets take their queries from the corpus (ArguAna, Quora). One that is judged relevant stays: ids
 * that only count are equal by chance. A failing query disturbs no other; cancelling ends all.
 */
export async function evaluateRetrieval(
  queries: readonly JudgedQuery[],
  rank: RankDocuments,
  options: EvaluateRetrievalOptions,
): Promise<RetrievalEvaluation> {
  const started = options.now();
  const measured: MeasuredQuery[] = [];
  const waiting = queries.entries();
  let done = 0;
  const work = async (signal: AbortSignal): Promise<void> => {
    for (const [index, query] of waiting) {
      signal.throwIfAborted();
      measured[index] = await measure(query, rank, signal);
      options.onMeasured?.((done += 1), queries.length);
    }
  };
  await runTogether(
    options.signal,
    Array.from({ length: Math.min(options.concurrency, queries.length) }, () => work),
  );
  const elapsedMs = options.now() - started;
  return {
    measures: measuresOf((measure) => mean(measured.map(({ measures }) => measures[measure]))),
    queries: measured,
    failed: measured.filter(({ error }) => error !== null).length,
    elapsedMs,
    queriesPerSecond: (queries.length / Math.max(elapsedMs, 0.001)) * 1_000,
  };
}

async function measure({ id, text, judgements }: JudgedQuery, rank: RankDocuments, signal: AbortSignal): Promise<MeasuredQuery> {
  try {
    const isQuery = (document: string): boolean => document === id && (judgements.get(document) ?? 0) <= 0;
    const ranking = distinctDocuments(await rank(text, signal)).filter((document) => !isQuery(document));
    const measures = {
      'ndcg@10': ndcgAt(10, ranking, judgements),
      'recall@5': recallAt(5, ranking, judgements),
      'recall@10': recallAt(10, ranking, judgements),
      'recall@100': recallAt(100, ranking, judgements),
      'mrr@10': reciprocalRankAt(10, ranking, judgements),
      map: averagePrecision(ranking, judgements),
    };
    return { id, measures, error: null };
  } catch (thrown) {
    signal.throwIfAborted();
    const error = toMillraceError(thrown);
    if (!isOfOneQuestion(error.code)) throw error;
    return { id, measures: measuresOf(() => 0), error: error.toJSON() };
  }
}

function measuresOf(value: (measure: RankingMeasure) => number): Record<RankingMeasure, number> {
  return Object.fromEntries(rankingMeasures.map((measure) => [measure, value(measure)])) as Record<RankingMeasure, number>;
}
