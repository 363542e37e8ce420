import { toMillraceError } from '../errors.ts';
import { runTogether } from '../util/run-together.ts';
import { type GivenAnswer, judgeAnswer, type JudgedAnswer } from './judge-answer.ts';
import { isOfOneQuestion } from './one-question.ts';
import type { JudgedQuestion } from './question-entry.ts';

/** What is measured: an answer to a question. */
export type AskQuestion = (question: JudgedQuestion, signal: AbortSignal) => Promise<GivenAnswer>;

export interface EvaluateAnswersOptions {
  /** Questions at the same time. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
  /** Awaited after each answer, so that what was answered can be kept. */
  readonly onJudged?: (judged: JudgedAnswer, done: number, total: number, question: JudgedQuestion) => Promise<void> | void;
}

/**
 * Asks every question, several at a time, those of one document after each other so that what the model has read of it is used again, and
 * judges each answer. In the order given. A failing question disturbs no other; cancelling, and what every question would meet, ends all.
 */
export async function evaluateAnswers(
  questions: readonly JudgedQuestion[],
  ask: AskQuestion,
  options: EvaluateAnswersOptions,
): Promise<JudgedAnswer[]> {
  const judged: JudgedAnswer[] = [];
  const waiting = byDocument(questions).values();
  let done = 0;
  const work = async (signal: AbortSignal): Promise<void> => {
    for (const { question, index } of waiting) {
      signal.throwIfAborted();
      const one = await judge(question, ask, signal);
      judged[index] = one;
      await options.onJudged?.(one, (done += 1), questions.length, question);
    }
  };
  await runTogether(
    options.signal,
    Array.from({ length: Math.min(options.concurrency, questions.length) }, () => work),
  );
  return judged;
}

/** Groups in the order of their first question. */
function byDocument(questions: readonly JudgedQuestion[]): { readonly question: JudgedQuestion; readonly index: number }[] {
  const all = questions.map((question, index) => ({ question, index }));
  return [...Map.groupBy(all, ({ question }) => question.context ?? question.sources[0] ?? '').values()].flat();
}

async function judge(question: JudgedQuestion, ask: AskQuestion, signal: AbortSignal): Promise<JudgedAnswer> {
  try {
    return judgeAnswer(question, await ask(question, signal));
  } catch (thrown) {
    signal.throwIfAborted();
    const error = toMillraceError(thrown);
    if (!isOfOneQuestion(error.code)) throw error;
    return judgeAnswer(question, null, error.toJSON());
  }
}
