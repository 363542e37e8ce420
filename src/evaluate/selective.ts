import { mean } from './statistics.ts';
import type { JudgedAnswer } from './judge-answer.ts';
import type { Share } from './summarise-answers.ts';

/** What becomes of the same answers where only those of a certain confidence are given. */
export interface SelectivePoint {
  /** `verify.leastConfidence` of a pipeline. */
  readonly leastConfidence: number;
  /** Of all questions that were answered or refused; `n` of these. */
  readonly coverage: Share;
  /** Of the answers that are given. */
  readonly right: Share;
  /** As in the summary: of the questions without an answer, and of those with one. */
  readonly abstentionRecall: Share;
  readonly falseRefusals: Share;
}

const steps = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98] as const;

/**
 * Coverage and what is right at rising least confidences: the risk–coverage curve of selective prediction (El-Yaniv and Wiener 2010), by
 * which a threshold is chosen for a model. Of an answer that a higher threshold withholds it is assumed that no other passage would have been
 * answered from instead. Pure.
 *
 * @param from the threshold at which the answers were given: what was withheld then cannot be judged, so that the curve begins there
 * @returns empty where answers were not verified
 */
export function selectiveCurve(judged: readonly JudgedAnswer[], from: number): SelectivePoint[] {
  const settled = judged.filter(({ given }) => given !== null);
  const confidences = settled.flatMap(({ given }) => (given === null || given.abstained ? [] : [given.confidence ?? null]));
  if (confidences.length === 0 || confidences.includes(null)) return [];
  return [from, ...steps.filter((step) => step > from)].map((leastConfidence) => pointAt(settled, leastConfidence));
}

function pointAt(settled: readonly JudgedAnswer[], leastConfidence: number): SelectivePoint {
  const isGiven = ({ given }: JudgedAnswer): boolean => given !== null && !given.abstained && (given.confidence ?? 0) >= leastConfidence;
  const share = (cases: readonly JudgedAnswer[], valueOf: (one: JudgedAnswer) => number): Share => ({
    value: cases.length === 0 ? null : mean(cases.map(valueOf)),
    n: cases.length,
  });
  const refused = (one: JudgedAnswer): number => Number(!isGiven(one));
  return {
    leastConfidence,
    coverage: share(settled, (one) => Number(isGiven(one))),
    right: share(
      settled.filter((one) => isGiven(one) && one.measures.right !== null),
      ({ measures }) => measures.right ?? 0,
    ),
    abstentionRecall: share(
      settled.filter(({ unanswerable }) => unanswerable),
      refused,
    ),
    falseRefusals: share(
      settled.filter(({ unanswerable }) => !unanswerable),
      refused,
    ),
  };
}
