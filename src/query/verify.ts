import { numbersOf, standsAmong, type WrittenNumber } from '../language/numbers.ts';
import { usualConfidence } from '../spec/pipeline.ts';
import { groundOf, type GroundPassage, standingOf } from './grounding.ts';
import { contentWords, coverageByRarity, missingNames, namesIn, sentencesOf } from './matching.ts';

/** An answer, the question and what it was read from. */
export interface Evidence {
  readonly question: string;
  readonly language: string | undefined;
  /** One, or those that the sentences of the answer were taken from. */
  readonly passages: readonly GroundPassage[];
  readonly answer: string;
  /** Content words of the hits of the question: a word that none of them holds says more than one that all hold. */
  readonly hits: readonly ReadonlySet<string>[];
  /** Passages that rank before this one and were asked without success: the answer is the less likely in this one. Default 0. */
  readonly askedBefore?: number;
  /** Of the answer's tokens; undefined where the engine does not tell. */
  readonly meanLogProbability?: number | undefined;
  /** That the answer had begun as a refusal does; undefined where the engine does not tell. */
  readonly refusalLogProbability?: number | undefined;
  /** Least confidence of an answer that is given, 0 … 1. Default `usualConfidence`. */
  readonly leastConfidence?: number | undefined;
}

export interface Verdict {
  readonly supported: boolean;
  /** How likely the passages state the answer, 0 … 1; 0 where it cannot be. */
  readonly confidence: number;
  /** What speaks against it, as words for people; empty when nothing does. */
  readonly doubts: readonly string[];
}

/** Logistic regression over the signals, fitted on questions that are not reported: docs/decisions/0007-verification.md. */
const weights = { bias: -3.92, coverage: 5.93, names: 1.51, likelihood: 1.38, refusal: 0.33 } as const;
/** Against an answer from a passage that does not rank first. The first one holds it most of the time, if any does. */
const laterPassage = 0.4;
/** The same without an engine that tells log-probabilities. */
const wordWeights = { bias: -3.5, coverage: 3.5, names: 2 } as const;

/** What is judged before there is an answer. */
type Asked = Omit<Evidence, 'answer' | 'meanLogProbability'>;

/**
 * Whether the passages state the answer to the question. What cannot be is refused at once: an answer whose words, names or numbers stand
 * in none of them, and passages that hold no name of the question, or not its codes, or speak of other years. Of the rest, the words and
 * names of the question that stand there, and how sure the model was and how far from refusing, make the confidence. Pure, microseconds.
 */
export function verify(evidence: Evidence): Verdict {
  const { question, language, answer, meanLogProbability, leastConfidence = usualConfidence } = evidence;
  const read = compareWithQuestion(evidence);
  const impossible = [...groundless(answer, read.grounds, { question, language }), ...read.elsewhere];
  if (impossible.length > 0) return { supported: false, confidence: 0, doubts: impossible };

  const confidence = confidenceOf(evidence, read, meanLogProbability);
  const supported = confidence >= leastConfidence;
  const { strange } = read;
  const doubts = strange.length === 0 ? [] : [`the passage does not name ${strange.slice(0, 5).join(', ')}`];
  if (!supported && doubts.length === 0) doubts.push('the passage is about something else, or the model was not sure');
  return { supported, confidence, doubts };
}

/** What a model mostly tells of an answer that it copies. */
const usualLogProbability = -0.3;

/**
 * Whether the passages hold so much of the question that an answer which the model is usually sure of would be believed: a refusal, or an
 * answer that stands nowhere, is worth a second look there. Never where the engine tells no log-probabilities, and a lower least confidence
 * than the usual one makes no refusal an answer. Pure.
 */
export function mayState(asked: Asked): boolean {
  if (asked.refusalLogProbability === undefined) return false;
  const read = compareWithQuestion(asked);
  const least = Math.max(usualConfidence, asked.leastConfidence ?? usualConfidence);
  return read.elsewhere.length === 0 && confidenceOf(asked, read, usualLogProbability) >= least;
}

/** How much of the question the passages hold. */
function compareWithQuestion({ question, language, passages, hits }: Asked) {
  const grounds = passages.map((passage) => groundOf(passage, language));
  const present = new Set(grounds.flatMap(({ words }) => [...words]));
  const everyWord = new Set(grounds.flatMap(({ everyWord: words }) => [...words]));
  const values = new Set(grounds.flatMap(({ values: held }) => [...held]));
  const names = namesIn(question, language);
  const strange = missingNames(names, everyWord);
  const named = names.size === 0 ? 1 : 1 - strange.length / names.size;
  return {
    grounds,
    /** Names of the question that stand in none of them. */
    strange,
    /** Share of its names that do. */
    named,
    covered: coverageByRarity(contentWords(question, language), present, hits),
    /** Why they are about something else, as words for people. */
    elsewhere: [
      ...(named === 0 ? [`the passage names none of ${strange.slice(0, 5).join(', ')}`] : []),
      ...telling(question, strange, grounds, values).map((one) => `the passage does not hold ${one}`),
    ],
  };
}

function confidenceOf(
  { refusalLogProbability, askedBefore = 0 }: Asked,
  { covered, named }: Pick<ReturnType<typeof compareWithQuestion>, 'covered' | 'named'>,
  meanLogProbability: number | undefined,
): number {
  const told = meanLogProbability !== undefined && refusalLogProbability !== undefined;
  const score = told
    ? weights.bias +
      weights.coverage * covered +
      weights.names * named +
      weights.likelihood * Math.max(-1.5, meanLogProbability) +
      weights.refusal * Math.min(12, -refusalLogProbability)
    : wordWeights.bias + wordWeights.coverage * covered + wordWeights.names * named;
  const prior = askedBefore > 0 ? -laterPassage : 0;
  return 1 / (1 + Math.exp(-(score + prior)));
}

/** Why sentences of the answer stand in no passage. */
function groundless(
  answer: string,
  grounds: readonly ReturnType<typeof groundOf>[],
  asked: { readonly question: string; readonly language: string | undefined },
): string[] {
  const doubtOf = (statement: string): string | undefined => {
    const standings = grounds.map((ground) => standingOf(statement, ground, asked));
    return standings.some(({ share }) => share > 0) ? undefined : (standings[0]?.doubt ?? 'there is no passage');
  };
  return [...new Set(sentencesOf(answer).flatMap(({ text }) => doubtOf(text) ?? []))];
}

/**
 * Codes ("B25") of the question that the passages do not hold, and its years where they speak of others: what they say is about another one.
 * A passage that names no year may mean any.
 */
function telling(
  question: string,
  strangeNames: readonly string[],
  grounds: readonly ReturnType<typeof groundOf>[],
  values: ReadonlySet<string>,
): string[] {
  const years = yearsOf(question).filter((number) => !standsAmong(number, values));
  const speaksOfOthers = years.length > 0 && grounds.some(({ text }) => yearsOf(text).length > 0);
  return [
    ...(speaksOfOthers ? years.map(({ start, end }) => question.slice(start, end)) : []),
    ...strangeNames.filter((name) => /\p{N}/u.test(name)),
  ];
}

function yearsOf(text: string): WrittenNumber[] {
  return numbersOf(text).filter(({ readings }) => readings.some((reading) => /^[12]\d{3}$/.test(reading)));
}
