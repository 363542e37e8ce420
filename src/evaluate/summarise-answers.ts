import { bootstrapMean, type Interval } from './bootstrap.ts';
import { type AnswerMeasure, answerMeasures, type CitationCounts, type JudgedAnswer } from './judge-answer.ts';
import { mean, quantile } from './statistics.ts';

/** A share and the number of cases it is of; null of none. */
export interface Share {
  readonly value: number | null;
  readonly n: number;
}

/** The figures of all answers, in the order of reports. */
export const summaryShares = [
  'right',
  'em',
  'f1',
  'f1Overall',
  'containsGold',
  'numbersFound',
  'abstentionPrecision',
  'abstentionRecall',
  'falseRefusals',
  'citationPrecision',
  'citationRecall',
  'citationsHoldKey',
  'quotesVerbatim',
] as const;
export type SummaryShare = (typeof summaryShares)[number];

/** The shares that are means over questions, and of which measure: for these there are intervals. */
export const measureOfShare: Readonly<Partial<Record<SummaryShare, AnswerMeasure>>> = {
  right: 'right',
  em: 'em',
  f1: 'f1',
  f1Overall: 'f1Overall',
  containsGold: 'containsGold',
  numbersFound: 'numbersFound',
  abstentionRecall: 'refused',
  falseRefusals: 'falselyRefused',
};

export interface AnswerSummary {
  readonly questions: number;
  readonly answerable: number;
  readonly unanswerable: number;
  readonly failed: number;
  readonly shares: Readonly<Record<SummaryShare, Share>>;
  /** 95 % bootstrap intervals of the means over questions. */
  readonly intervals: Readonly<Record<AnswerMeasure, Interval>>;
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly n: number };
  readonly tokens: { readonly prompt: number; readonly cached: number; readonly output: number };
}

/**
 * `abstentionPrecision`: abstentions where nothing can be answered, of all abstentions. `abstentionRecall`: of all questions without an
 * answer. `falseRefusals`: abstentions of the questions with an answer. `citationPrecision`: citations of an expected source, of all
 * citations where one is expected. `citationRecall`: questions with such a citation, of those where one is expected. `citationsHoldKey`:
 * cited spans with the expected text, of those of right answers.
 *
 * @param groupOf what a question belongs to, by its id: intervals draw those of one group together
 */
export function summariseAnswers(
  judged: readonly JudgedAnswer[],
  seed: number,
  groupOf: (id: string) => string = (id) => id,
): AnswerSummary {
  const meanOf = (measure: AnswerMeasure): Share => {
    const values = measured(judged, measure).map(({ value }) => value);
    return { value: values.length === 0 ? null : mean(values), n: values.length };
  };
  const intervalOf = (measure: AnswerMeasure): Interval => {
    const pairs = measured(judged, measure);
    return bootstrapMean(
      pairs.map(({ value }) => value),
      { seed, groups: pairs.map(({ id }) => groupOf(id)) },
    );
  };
  const counted = (count: keyof CitationCounts): number => judged.reduce((sum, { citations }) => sum + citations[count], 0);
  const abstained = judged.filter(({ given }) => given?.abstained === true);
  const given = judged.flatMap((one) => (one.given === null ? [] : [one.given]));
  const latencies = given.map(({ latencyMs }) => latencyMs);
  const total = (count: 'promptTokens' | 'cachedTokens' | 'outputTokens'): number => given.reduce((sum, one) => sum + one[count], 0);
  return {
    questions: judged.length,
    answerable: judged.filter(({ unanswerable }) => !unanswerable).length,
    unanswerable: judged.filter(({ unanswerable }) => unanswerable).length,
    failed: judged.filter(({ error }) => error !== null).length,
    shares: {
      right: meanOf('right'),
      em: meanOf('em'),
      f1: meanOf('f1'),
      f1Overall: meanOf('f1Overall'),
      containsGold: meanOf('containsGold'),
      numbersFound: meanOf('numbersFound'),
      abstentionPrecision: share(abstained.filter(({ unanswerable }) => unanswerable).length, abstained.length),
      abstentionRecall: meanOf('refused'),
      falseRefusals: meanOf('falselyRefused'),
      citationPrecision: share(counted('fromExpected'), counted('judged')),
      citationRecall: share(counted('sourceCited'), counted('sourceWanted')),
      citationsHoldKey: share(counted('holdKey'), counted('ofRight')),
      quotesVerbatim: share(counted('verbatim'), counted('given')),
    },
    intervals: Object.fromEntries(answerMeasures.map((measure) => [measure, intervalOf(measure)])) as Record<AnswerMeasure, Interval>,
    latencyMs: { p50: quantile(latencies, 0.5), p95: quantile(latencies, 0.95), n: latencies.length },
    tokens: { prompt: total('promptTokens'), cached: total('cachedTokens'), output: total('outputTokens') },
  };
}

function measured(judged: readonly JudgedAnswer[], measure: AnswerMeasure): { readonly id: string; readonly value: number }[] {
  return judged.flatMap(({ id, measures }) => {
    const value = measures[measure];
    return value === null ? [] : [{ id, value }];
  });
}

function share(part: number, whole: number): Share {
  return { value: whole === 0 ? null : part / whole, n: whole };
}
