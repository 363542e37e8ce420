import { expect, it } from 'vitest';
import { type GivenAnswer, judgeAnswer } from './judge-answer.ts';
import type { JudgedQuestion } from './question-entry.ts';
import { selectiveCurve } from './selective.ts';

const question: JudgedQuestion = {
  id: 'q',
  question: 'How fast?',
  expected: ['72 km/h'],
  number: null,
  unanswerable: false,
  sources: [],
  page: null,
  context: null,
  language: 'en',
};

function judged(id: string, answer: string | undefined, confidence: number | null, unanswerable = false) {
  const given: GivenAnswer = {
    answer: answer ?? 'Not in the documents.',
    abstained: answer === undefined,
    confidence,
    citations: [],
    latencyMs: 1,
    promptTokens: 1,
    cachedTokens: 0,
    outputTokens: 1,
  };
  return judgeAnswer({ ...question, id, unanswerable, expected: unanswerable ? [] : question.expected }, given);
}

const answers = [
  judged('a', '72 km/h', 0.97),
  judged('b', '72 km/h', 0.72),
  judged('c', '9 km/h', 0.55),
  judged('d', undefined, 0.4),
  judged('e', '9 km/h', 0.62, true),
  judged('f', undefined, 0.1, true),
];

it('tells at rising confidences how much is answered, what of it is right and what is refused', () => {
  const curve = selectiveCurve(answers, 0.5);
  expect(curve.map(({ leastConfidence }) => leastConfidence)).toEqual([0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98]);
  expect(curve[0]).toEqual({
    leastConfidence: 0.5,
    coverage: { value: 4 / 6, n: 6 },
    right: { value: 0.5, n: 4 },
    abstentionRecall: { value: 0.5, n: 2 },
    falseRefusals: { value: 0.25, n: 4 },
  });
  // From .7 on the two wrong ones are withheld, and with them no right one.
  expect(curve[2]).toMatchObject({ right: { value: 1, n: 2 }, abstentionRecall: { value: 1 }, falseRefusals: { value: 0.5 } });
  expect(curve.at(-1)).toMatchObject({ coverage: { value: 0 }, right: { value: null, n: 0 }, falseRefusals: { value: 1 } });
});

it('counts no failed question, and tells nothing of answers that were not verified', () => {
  const error = { code: 'E_ENGINE_CRASHED', message: 'It ended.', remedy: 'Repeat.', retryable: true } as const;
  expect(selectiveCurve([...answers, judgeAnswer(question, null, error)], 0.5)[0]?.coverage.n).toBe(6);
  expect(selectiveCurve([judged('a', '72 km/h', null)], 0.5)).toEqual([]);
  expect(selectiveCurve([...answers, judged('g', '72 km/h', null)], 0.5)).toEqual([]);
  expect(selectiveCurve([judged('a', undefined, 0.2)], 0.5)).toEqual([]);
  // Kept by a version that did not tell.
  const { confidence: _, ...before } = judged('a', '72 km/h', 0.9).given ?? {};
  expect(selectiveCurve([judgeAnswer(question, before as GivenAnswer)], 0.5)).toEqual([]);
});

it('begins where the answers were given from', () => {
  const least = (from: number) => selectiveCurve(answers, from).map(({ leastConfidence }) => leastConfidence);
  expect([least(0)[0], least(0)[1]]).toEqual([0, 0.1]);
  expect(least(0.55).slice(0, 2)).toEqual([0.55, 0.6]);
  expect(least(1)).toEqual([1]);
});

it('takes as many answers as there are', () => {
  const [one] = answers;
  const many = Array.from({ length: 200_000 }, () => one!);
  expect(selectiveCurve(many, 0.5)[0]).toMatchObject({ coverage: { value: 1, n: 200_000 } });
});
