import type { Hit } from '../spec/answers.ts';
import { numbersOf, standsAmong, valuesIn } from '../language/numbers.ts';
import { contentWords, coverage, fold, namesIn } from './matching.ts';

/** An answer, the question and what it was read from. */
export interface Evidence {
  readonly question: string;
  readonly language: string | undefined;
  readonly passage: Pick<Hit, 'title' | 'headingPath' | 'tableHeader' | 'text'>;
  readonly answer: string;
  /** Texts of the hits of the question: a word that none of them holds says more than one that all hold. */
  readonly hits: readonly string[];
  /** Passages that rank before this one and were asked without success: the answer is the less likely in this one. Default 0. */
  readonly askedBefore?: number;
  /** Of the answer's tokens; undefined where the engine does not tell. */
  readonly meanLogProbability?: number | undefined;
  /** That the answer had begun as a refusal does; undefined where the engine does not tell. */
  readonly refusalLogProbability?: number | undefined;
}

export interface Verdict {
  readonly supported: boolean;
  /** How likely the passage states the answer, 0 … 1. */
  readonly confidence: number;
  /** What speaks against it, as words for people; empty when nothing does. */
  readonly doubts: readonly string[];
}

/** Least confidence of an answer that is given. */
export const leastConfidence = 0.5;

/** Logistic regression over the signals, fitted on questions that are not reported: docs/decisions/0007-verification.md. */
const weights = { bias: -3.1, coverage: 3.1, names: 1.1, likelihood: 2.4, refusal: 0.36 } as const;
/** Against an answer from a passage that does not rank first. The first one holds it most of the time, if any does. */
const laterPassage = 0.4;
/** The same without an engine that tells log-probabilities. */
const wordWeights = { bias: -3.5, coverage: 3.5, names: 2 } as const;

/**
 * Whether the passage states the answer to the question: the answer's words and numbers stand in it, the question's names and words do,
 * and the model that wrote the answer was sure of it and far from refusing. Pure, microseconds.
 */
export function verify(evidence: Evidence): Verdict {
  const { question, language, passage, answer, hits, meanLogProbability, refusalLogProbability } = evidence;
  const whole = [passage.title ?? '', ...passage.headingPath, passage.tableHeader ?? '', passage.text].join('\n');
  const present = contentWords(whole, language);
  const doubts: string[] = [];

  const said = contentWords(answer, language);
  const values = valuesIn(whole);
  const inventedNumbers = numbersOf(answer).filter((number) => !standsAmong(number, values));
  const grounded = fold(whole).includes(fold(answer)) || said.size === 0 ? 1 : coverage(said, present);
  if (inventedNumbers.length > 0)
    doubts.push(`the number ${inventedNumbers.map(({ start, end }) => answer.slice(start, end)).join(', ')} does not stand in the passage`);
  else if (grounded < leastGrounded) doubts.push('the passage does not hold the words of the answer');

  const asked = contentWords(question, language);
  const covered = coverageByRarity(asked, present, hits, language);
  const names = namesIn(question);
  const everyWord = new Set([...present, ...(fold(whole).match(/[\p{L}\p{M}\p{N}]+/gu) ?? [])]);
  const named = names.size === 0 ? 1 : coverage(names, everyWord);
  const missing = [...names].filter((name) => !everyWord.has(name));
  if (missing.length > 0) doubts.push(`the passage does not name ${missing.slice(0, 5).join(', ')}`);

  const told = meanLogProbability !== undefined && refusalLogProbability !== undefined;
  const score = told
    ? weights.bias +
      weights.coverage * covered +
      weights.names * named +
      weights.likelihood * Math.max(-1.5, meanLogProbability) +
      weights.refusal * Math.min(12, -refusalLogProbability)
    : wordWeights.bias + wordWeights.coverage * covered + wordWeights.names * named;
  const prior = (evidence.askedBefore ?? 0) > 0 ? -laterPassage : 0;
  const confidence = inventedNumbers.length > 0 || grounded < leastGrounded ? 0 : 1 / (1 + Math.exp(-(score + prior)));
  const supported = confidence >= leastConfidence;
  if (!supported && doubts.length === 0) doubts.push('the passage is about something else, or the model was not sure');
  return { supported, confidence, doubts };
}

/** Share of the asked words that are present, each by how few of the hits hold it (one hit alone does not tell); 1 for nothing asked. */
function coverageByRarity(
  asked: ReadonlySet<string>,
  present: ReadonlySet<string>,
  hits: readonly string[],
  language: string | undefined,
): number {
  const read = hits.length < 2 ? [] : hits.map((text) => contentWords(text, language));
  let whole = 0;
  let held = 0;
  for (const word of asked) {
    const rarity = Math.log(1 + (read.length + 1) / (0.5 + read.filter((words) => words.has(word)).length));
    whole += rarity;
    if (present.has(word)) held += rarity;
  }
  return whole === 0 ? 1 : held / whole;
}

/** Least share of the answer's words that its passage must hold. */
const leastGrounded = 0.5;
