import { expect, it } from 'vitest';
import type { Answer } from '../spec/answers.ts';
import { givenOf } from './given-answer.ts';

const text = 'Before it. The ferry carries 48 passengers. After it.';
const hit = { document: 'd', start: 11, end: 43, text: text.slice(11, 43) };

it.each([
  ['the whole hit', { start: 11, end: 43, quote: text.slice(11, 43) }, true],
  ['what was read around it, too', { start: 0, end: 43, quote: text.slice(0, 43) }, true],
  ['another text', { start: 11, end: 43, quote: text.slice(11, 43).replace('48', '49') }, false],
  ['a text of another length', { start: 11, end: 43, quote: text.slice(11, 40) }, false],
  ['a place that no hit reaches', { start: 44, end: 53, quote: 'After it.' }, null],
])('a quote of %s', (_, citation, verbatim) => {
  const answer = { answer: '48', citations: [{ ...citation, document: 'd' }], hits: [hit], timings: {}, usage: {} };
  expect(givenOf(answer as unknown as Answer).citations[0]?.verbatim).toBe(verbatim);
});
