import { describe, expect, it } from 'vitest';
import { comparePaired } from './compare.ts';
import { type GivenAnswer, judgeAnswer } from './judge-answer.ts';
import type { JudgedQuestion } from './question-entry.ts';
import { summariseAnswers } from './summarise-answers.ts';

const question: JudgedQuestion = {
  id: 'q',
  question: 'How fast?',
  expected: ['72 km/h', '72 kilometres per hour'],
  number: null,
  unanswerable: false,
  sources: ['handbook.md'],
  page: null,
  context: null,
  language: 'en',
};
const unanswerable: JudgedQuestion = { ...question, id: 'u', expected: [], sources: [], unanswerable: true };
const given: GivenAnswer = {
  answer: 'Traffic stops at 72 km/h [1].',
  abstained: false,
  citations: [
    { source: 'file:///docs/handbook.md', page: 1, quote: 'above 72 km/h', verbatim: true },
    { source: 'file:///docs/fares.html', page: 1, quote: 'a fare', verbatim: false },
  ],
  latencyMs: 100,
  promptTokens: 10,
  cachedTokens: 4,
  outputTokens: 3,
};
const refused: GivenAnswer = { ...given, answer: 'Not in the documents.', abstained: true, citations: [] };

describe('judgeAnswer', () => {
  it('measures an answer', () => {
    const { measures, citations } = judgeAnswer(question, given);
    // Given: traffic stops at 72 kmh (5 words), wanted: 72 kmh (2): precision 2/5, recall 1.
    expect(measures).toEqual({
      right: 1,
      em: 0,
      f1: 0.8 / 1.4,
      f1Overall: 0.8 / 1.4,
      containsGold: 1,
      numbersFound: 1,
      refused: null,
      falselyRefused: 0,
    });
    expect(citations).toEqual({
      given: 2,
      verbatim: 1,
      judged: 2,
      fromExpected: 1,
      sourceWanted: 1,
      sourceCited: 1,
      ofRight: 2,
      holdKey: 1,
    });
  });

  it('counts an abstention 0 where there is an answer, and right where there is none', () => {
    expect(judgeAnswer(question, refused).measures).toMatchObject({
      right: 0,
      em: 0,
      f1: 0,
      f1Overall: 0,
      containsGold: 0,
      falselyRefused: 1,
    });
    expect(judgeAnswer(unanswerable, refused).measures).toMatchObject({
      right: 1,
      refused: 1,
      em: null,
      f1: null,
      f1Overall: 1,
      falselyRefused: null,
    });
    expect(judgeAnswer(unanswerable, given).measures).toMatchObject({ right: 0, f1: null, f1Overall: 0, refused: 0 });
  });

  it('takes an expected number by its value, and judges nothing where nothing is known', () => {
    const number = { ...question, expected: [], number: 1_150 };
    expect(judgeAnswer(number, { ...given, answer: 'It is 1,150.00 crowns.' }).measures).toMatchObject({
      right: 1,
      em: null,
      numbersFound: 1,
    });
    expect(judgeAnswer({ ...question, expected: [] }, given).measures).toMatchObject({ right: null, em: null, f1: null, f1Overall: null });
  });

  it('counts a failed question 0', () => {
    const error = { code: 'E_ENGINE_CRASHED', message: 'It ended.', remedy: 'Repeat.', retryable: true } as const;
    expect(judgeAnswer(question, null, error)).toMatchObject({ error, measures: { right: 0, f1: 0, falselyRefused: null } });
    expect(judgeAnswer(unanswerable, null, error).measures).toMatchObject({ right: 0, f1Overall: 0, refused: 0 });
  });
});

describe('summariseAnswers', () => {
  it('makes shares with the number of cases each is of', () => {
    const judged = [
      judgeAnswer(question, given),
      judgeAnswer({ ...question, id: 'q2' }, { ...refused, latencyMs: 300 }),
      judgeAnswer(unanswerable, refused),
      judgeAnswer({ ...unanswerable, id: 'u2' }, given),
    ];
    const { shares, latencyMs, tokens, ...counts } = summariseAnswers(judged, 1);
    expect(counts).toMatchObject({ questions: 4, answerable: 2, unanswerable: 2, failed: 0 });
    expect(shares).toMatchObject({
      right: { value: 0.5, n: 4 },
      containsGold: { value: 0.5, n: 2 },
      abstentionPrecision: { value: 0.5, n: 2 },
      abstentionRecall: { value: 0.5, n: 2 },
      falseRefusals: { value: 0.5, n: 2 },
      citationPrecision: { value: 0.5, n: 2 },
      citationRecall: { value: 0.5, n: 2 },
      citationsHoldKey: { value: 0.5, n: 2 },
      quotesVerbatim: { value: 0.5, n: 4 },
    });
    expect(latencyMs).toEqual({ p50: 100, p95: expect.closeTo(270, 6), n: 4 });
    expect(tokens).toEqual({ prompt: 40, cached: 16, output: 12 });
  });

  it('has no share of nothing', () => {
    expect(summariseAnswers([judgeAnswer(unanswerable, given)], 1).shares).toMatchObject({
      em: { value: null, n: 0 },
      abstentionPrecision: { value: null, n: 0 },
      citationPrecision: { value: null, n: 0 },
    });
  });
});

it('comparePaired takes the pairs that both have', () => {
  const base = [
    { id: 'a', measures: { f1: 0.5, em: null } },
    { id: 'b', measures: { f1: 0, em: 1 } },
    { id: 'c', measures: { f1: 1, em: 1 } },
  ];
  const other = [
    { id: 'b', measures: { f1: 1, em: null } },
    { id: 'a', measures: { f1: 0.5, em: 1 } },
  ];
  expect(comparePaired(base, other, 1)).toMatchObject({ f1: { mean: 0.5, n: 2 }, em: { mean: 0, n: 0 } });
});
