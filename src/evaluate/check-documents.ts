import { type ErrorData, toMillraceError } from '../errors.ts';
import type { PageKind } from '../spec/page-kind.ts';
import { runTogether } from '../util/run-together.ts';
import { containsExpected } from './holds-text.ts';
import type { GivenAnswer } from './judge-answer.ts';
import { holdsNumber } from './number-text.ts';
import { isOfOneQuestion } from './one-question.ts';
import type { JudgedQuestion } from './question-entry.ts';
import { isOneOf } from './source-name.ts';

/** A passage that was found for a question. */
export interface FoundPassage {
  readonly source: string;
  readonly text: string;
  /** On which it begins. */
  readonly page: number;
  /** As of hits. */
  readonly pageKind?: PageKind | null;
}

/** How a question is put to the documents: to be answered, or to find passages only. */
export type CheckedBy =
  | { readonly by: 'answers'; readonly ask: (question: JudgedQuestion, signal: AbortSignal) => Promise<GivenAnswer> }
  | { readonly by: 'passages'; readonly find: (question: JudgedQuestion, signal: AbortSignal) => Promise<readonly FoundPassage[]> };

export interface CheckResult {
  readonly id: string;
  readonly question: string;
  /** `skipped`: nothing that can be checked in this way. */
  readonly status: 'passed' | 'failed' | 'skipped';
  /** Failed in the baseline, too. */
  readonly known: boolean;
  /** What was wrong, in sentences; empty when it passed. */
  readonly problems: readonly string[];
  readonly answer: string | null;
  readonly error: ErrorData | null;
  readonly elapsedMs: number;
}

export interface CheckOptions {
  readonly concurrency: number;
  readonly signal: AbortSignal;
  /** Monotonic ms. */
  readonly now: () => number;
  /** Ids of the questions that failed before. */
  readonly knownFailures: ReadonlySet<string>;
  readonly onChecked?: (result: CheckResult, done: number, total: number) => void;
}

/** Puts every question to the documents, several at a time, and says of each whether they hold what is expected. In the order given. */
export async function checkDocuments(
  questions: readonly JudgedQuestion[],
  checked: CheckedBy,
  options: CheckOptions,
): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  const waiting = questions.entries();
  let done = 0;
  const work = async (signal: AbortSignal): Promise<void> => {
    for (const [index, question] of waiting) {
      signal.throwIfAborted();
      const result = await checkOne(question, checked, options, signal);
      results[index] = result;
      options.onChecked?.(result, (done += 1), questions.length);
    }
  };
  await runTogether(
    options.signal,
    Array.from({ length: Math.min(options.concurrency, questions.length) }, () => work),
  );
  return results;
}

type Outcome = Pick<CheckResult, 'status' | 'problems' | 'answer'>;

async function checkOne(question: JudgedQuestion, checked: CheckedBy, options: CheckOptions, signal: AbortSignal): Promise<CheckResult> {
  const started = options.now();
  const { id } = question;
  const told = (outcome: Outcome, error: ErrorData | null): CheckResult => ({
    id,
    question: question.question,
    ...outcome,
    known: outcome.status === 'failed' && options.knownFailures.has(id),
    error,
    elapsedMs: options.now() - started,
  });
  try {
    if (checked.by === 'answers') return told(checkAnswer(question, await checked.ask(question, signal)), null);
    if (question.unanswerable) return told(skipped('Passages alone do not tell that a question has no answer.'), null);
    return told(checkPassages(question, await checked.find(question, signal)), null);
  } catch (thrown) {
    signal.throwIfAborted();
    const error = toMillraceError(thrown);
    if (!isOfOneQuestion(error.code)) throw error;
    return told({ status: 'failed', problems: [error.message], answer: null }, error.toJSON());
  }
}

/** Whether an answer is what is expected of it. */
export function checkAnswer(question: JudgedQuestion, given: GivenAnswer): Outcome {
  const { expected, number, sources, unanswerable, language, page } = question;
  const problems: string[] = [];
  if (unanswerable) {
    if (!given.abstained) problems.push('It was answered, and the documents do not hold an answer.');
    return outcome(problems, given.answer);
  }
  if (given.abstained) return outcome(['It was not answered.'], given.answer);
  if (expected.length > 0 && !containsExpected(given.answer, expected, language))
    problems.push(`The answer does not hold ${listed(expected)}.`);
  if (number !== null && !holdsNumber(given.answer, number)) problems.push(`The answer does not hold the number ${number}.`);
  const cited = given.citations.filter(({ source }) => isOneOf(source, sources));
  if (sources.length > 0 && cited.length === 0) {
    const instead = [...new Set(given.citations.map(({ source }) => source))];
    problems.push(`It does not cite ${listed(sources)}${instead.length === 0 ? '' : `, but ${instead.join(', ')}`}.`);
  } else if (page !== null && !given.citations.some((one) => one.page === page && (sources.length === 0 || isOneOf(one.source, sources)))) {
    problems.push(`It does not cite ${pageWord(sources.length === 0 ? given.citations : cited)} ${page}.`);
  }
  return outcome(problems, given.answer);
}

/**
 * Whether the passages that were found hold what is expected, in a passage of the expected source where one is, which begins on the expected
 * page or the one before.
 */
export function checkPassages(question: JudgedQuestion, passages: readonly FoundPassage[]): Outcome {
  const { expected, number, sources, language, page } = question;
  const ofSource = sources.length === 0 ? passages : passages.filter(({ source }) => isOneOf(source, sources));
  if (ofSource.length === 0)
    return outcome([sources.length === 0 ? 'Nothing was found.' : `No passage of ${listed(sources)} was found.`], null);
  const own = page === null ? ofSource : ofSource.filter((one) => one.page === page || one.page === page - 1);
  const place = `${sources.length === 0 ? '' : ` of ${listed(sources)}`}${page === null ? '' : ` on ${pageWord(ofSource)} ${page}`}`;
  if (own.length === 0) return outcome([`No passage${place} was found.`], null);
  const problems: string[] = [];
  const where = `No passage${place} that was found`;
  if (expected.length > 0 && !own.some(({ text }) => containsExpected(text, expected, language)))
    problems.push(`${where} holds ${listed(expected)}.`);
  if (number !== null && !own.some(({ text }) => holdsNumber(text, number))) problems.push(`${where} holds the number ${number}.`);
  return outcome(problems, null);
}

/** What the pages of what was found are; "page" where that differs, is not known, or there are none. */
function pageWord(found: readonly { readonly pageKind?: PageKind | null }[]): PageKind {
  const [kind, ...others] = new Set(found.map(({ pageKind }) => pageKind));
  return others.length === 0 ? (kind ?? 'page') : 'page';
}

function outcome(problems: readonly string[], answer: string | null): Outcome {
  return { status: problems.length === 0 ? 'passed' : 'failed', problems, answer };
}

function skipped(reason: string): Outcome {
  return { status: 'skipped', problems: [reason], answer: null };
}

function listed(texts: readonly string[]): string {
  return texts.map((text) => `"${text}"`).join(' or ');
}
