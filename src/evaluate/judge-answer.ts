import type { ErrorData } from '../errors.ts';
import type { PageKind } from '../spec/page-kind.ts';
import { exactMatch, tokenF1 } from './answer-text.ts';
import { containsExpected } from './holds-text.ts';
import { holdsNumber, numbersFound } from './number-text.ts';
import type { JudgedQuestion } from './question-entry.ts';
import { isOneOf } from './source-name.ts';

/** What was given for a question, as far as it is judged. */
export interface GivenAnswer {
  readonly answer: string;
  readonly abstained: boolean;
  /** How likely the passage states it; null where it was not verified. Absent in what earlier versions kept. */
  readonly confidence?: number | null;
  readonly citations: readonly GivenCitation[];
  readonly latencyMs: number;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
}

export interface GivenCitation {
  readonly source: string;
  readonly page: number;
  /** As of citations. */
  readonly pageKind?: PageKind | null;
  readonly quote: string;
  /** Whether the quote stands in the source, letter for letter; null where that cannot be told. */
  readonly verbatim: boolean | null;
}

/** Of one question, in the order of reports. Each is 0 … 1, or null where the question does not bear on it. */
export const answerMeasures = ['right', 'em', 'f1', 'f1Overall', 'containsGold', 'numbersFound', 'refused', 'falselyRefused'] as const;
export type AnswerMeasure = (typeof answerMeasures)[number];

export interface JudgedAnswer {
  readonly id: string;
  readonly question: string;
  readonly unanswerable: boolean;
  readonly given: GivenAnswer | null;
  /** Why there is no answer. */
  readonly error: ErrorData | null;
  readonly measures: Readonly<Record<AnswerMeasure, number | null>>;
  readonly citations: CitationCounts;
}

/** Counts over the citations of one answer; shares are made over all questions. */
export interface CitationCounts {
  readonly given: number;
  readonly verbatim: number;
  /** Of an answer whose source is known: citations, and those of an expected source. */
  readonly judged: number;
  readonly fromExpected: number;
  /** 1 where a source is expected and the question was answered or should have been. */
  readonly sourceWanted: number;
  readonly sourceCited: number;
  /** Of an answer that holds an expected text: citations, and those whose quote holds it too. */
  readonly ofRight: number;
  readonly holdKey: number;
}

/**
 * What an answer is worth. An abstention is right where nothing can be answered, and counts 0 everywhere else. An answer is right where it
 * holds an expected text or the expected number. `f1` is of questions with an expected text alone; `f1Overall` is of those without an answer,
 * too, as SQuAD 2.0 counts it (Rajpurkar, Jia and Liang 2018): there an abstention is 1 and any answer 0.
 */
export function judgeAnswer(question: JudgedQuestion, given: GivenAnswer | null, error: ErrorData | null = null): JudgedAnswer {
  const head = { id: question.id, question: question.question, unanswerable: question.unanswerable, given, error };
  const answered = given !== null && !given.abstained;
  const text = answered ? given.answer : '';
  if (question.unanswerable) {
    const refused = given !== null && given.abstained ? 1 : 0;
    return {
      ...head,
      measures: { ...unjudged, right: refused, f1Overall: refused, refused },
      citations: countCitations(question, given, false),
    };
  }
  const { expected, number, language } = question;
  const holds = answered && (containsExpected(text, expected, language) || (number !== null && holdsNumber(text, number)));
  const known = expected.length > 0;
  const wanted = [...expected.slice(0, 1), ...(number === null ? [] : [String(number)])].join(' ');
  const f1 = known ? (answered ? tokenF1(text, expected, language) : 0) : null;
  const measures = {
    right: known || number !== null ? Number(holds) : null,
    em: known ? (answered ? exactMatch(text, expected, language) : 0) : null,
    f1,
    f1Overall: f1,
    containsGold: known ? Number(answered && containsExpected(text, expected, language)) : null,
    numbersFound: numbersFound(text, wanted),
    refused: null,
    falselyRefused: given === null ? null : Number(given.abstained),
  };
  return { ...head, measures, citations: countCitations(question, given, holds) };
}

const unjudged: Readonly<Record<AnswerMeasure, null>> = {
  right: null,
  em: null,
  f1: null,
  f1Overall: null,
  containsGold: null,
  numbersFound: null,
  refused: null,
  falselyRefused: null,
};

function countCitations(question: JudgedQuestion, given: GivenAnswer | null, isRight: boolean): CitationCounts {
  const citations = given?.citations ?? [];
  const { sources, expected, number, language } = question;
  const wanted = sources.length > 0 && !question.unanswerable;
  const fromExpected = wanted ? citations.filter(({ source }) => isOneOf(source, sources)).length : 0;
  const holdsKey = (quote: string): boolean =>
    containsExpected(quote, expected, language) || (number !== null && holdsNumber(quote, number));
  return {
    given: citations.filter(({ verbatim }) => verbatim !== null).length,
    verbatim: citations.filter(({ verbatim }) => verbatim === true).length,
    judged: wanted ? citations.length : 0,
    fromExpected,
    sourceWanted: Number(wanted),
    sourceCited: Number(fromExpected > 0),
    ofRight: isRight ? citations.length : 0,
    holdKey: isRight ? citations.filter(({ quote }) => holdsKey(quote)).length : 0,
  };
}
