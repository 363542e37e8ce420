import { describe, expect, it } from 'vitest';
import { MillraceError } from '../errors.ts';
import { evaluateAnswers } from './evaluate-answers.ts';
import type { GivenAnswer } from './judge-answer.ts';
import type { JudgedQuestion } from './question-entry.ts';

const question = (id: string, source: string): JudgedQuestion => ({
  id,
  question: id,
  expected: [id],
  number: null,
  unanswerable: false,
  sources: [source],
  page: null,
  context: null,
  language: 'en',
});
const answer = (text: string): GivenAnswer => ({
  answer: text,
  abstained: false,
  citations: [],
  latencyMs: 1,
  promptTokens: 0,
  cachedTokens: 0,
  outputTokens: 0,
});
const options = { concurrency: 1, signal: new AbortController().signal };
const questions = [question('a', 'x'), question('b', 'y'), question('c', 'x')];

describe('evaluateAnswers', () => {
  it('asks the questions of one document after each other, and gives them in their own order', async () => {
    const asked: string[] = [];
    const told: string[] = [];
    const judged = await evaluateAnswers(questions, ({ id }) => Promise.resolve(answer((asked.push(id), id))), {
      ...options,
      onJudged: ({ id }, done, total) => void told.push(`${id} ${done}/${total}`),
    });
    expect(asked).toEqual(['a', 'c', 'b']);
    expect(told).toEqual(['a 1/3', 'c 2/3', 'b 3/3']);
    expect(judged.map(({ id, measures }) => [id, measures.em])).toEqual([
      ['a', 1],
      ['b', 1],
      ['c', 1],
    ]);
  });

  it('keeps a failure with its question, and ends with what all would meet', async () => {
    const failing = (code: 'E_CONTEXT_EXCEEDED' | 'E_STAGE_FAILED' | 'E_MODEL_NOT_INSTALLED') =>
      evaluateAnswers(
        questions,
        ({ id }) => (id === 'b' ? Promise.reject(new MillraceError(code, 'No.')) : Promise.resolve(answer(id))),
        options,
      );
    expect((await failing('E_CONTEXT_EXCEEDED')).map(({ error }) => error?.code ?? null)).toEqual([null, 'E_CONTEXT_EXCEEDED', null]);
    expect((await failing('E_STAGE_FAILED')).map(({ error }) => error?.code ?? null)).toEqual([null, 'E_STAGE_FAILED', null]);
    await expect(failing('E_MODEL_NOT_INSTALLED')).rejects.toMatchObject({ code: 'E_MODEL_NOT_INSTALLED' });
  });
});
