import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { evaluateAnswers, givenOf, type JudgedAnswer, open, readJudgedQuestions } from '../../src/index.ts';

/** The larger model, installed before: `millrace models pull qwen2.5-coder-1.5b`. */
const generator = process.env['MILLRACE_MODEL'] ?? 'qwen2.5-coder-1.5b';
const examples = fileURLToPath(new URL('../../examples', import.meta.url));

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-examples-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

it(`${generator} answers 12 of the 15 questions of the examples, refuses 4 of the 5 without an answer, and quotes to the letter`, async () => {
  const questions = await readJudgedQuestions(join(examples, 'questions.jsonl'), 'allow');
  await using mill = await open({ directory, generator });
  await mill.ingest([join(examples, 'documents')]).result();
  const judged = await evaluateAnswers(
    questions,
    async ({ question }, signal) => givenOf(await mill.ask(question, { class: 'batch', signal }).result()),
    {
      concurrency: 4,
      signal: new AbortController().signal,
      onJudged: ({ id, given, measures }, done, total) =>
        void process.stdout.write(`${done} of ${total}: ${id} ${measures.right === 1 ? 'right' : 'WRONG'}: ${given?.answer ?? 'failed'}\n`),
    },
  );
  const right = (of: (one: JudgedAnswer) => boolean): number => judged.filter((one) => of(one) && one.measures.right === 1).length;
  const citations = judged.flatMap(({ given }) => given?.citations ?? []);
  expect(judged.filter(({ error }) => error !== null)).toEqual([]);
  expect(citations.filter(({ verbatim }) => !verbatim)).toEqual([]);
  expect(right(({ unanswerable }) => !unanswerable)).toBeGreaterThanOrEqual(12);
  expect(right(({ unanswerable }) => unanswerable)).toBeGreaterThanOrEqual(4);
}, 3_600_000);
