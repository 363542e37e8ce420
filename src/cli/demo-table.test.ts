import { expect, it } from 'vitest';
import type { Citation } from '../spec/answers.ts';
import { describeMeanwhile } from './demo-table.ts';

const cited: Citation = {
  number: 2,
  document: 'd',
  source: 'file:///docs/fares.html',
  title: null,
  page: 1,
  pageLabel: null,
  pageKind: null,
  start: 0,
  end: 22,
  quote: 'Bicycle | 7.50',
};

it('shows the question in the middle of the table with its citation, like any other', () => {
  const answer = { answer: '7.50 [2]', citations: [cited], unsupported: [], timings: { totalMs: 4_900 } };
  expect(describeMeanwhile('What does a bicycle cost?', answer)).toBe(
    'In the middle of it a question: What does a bicycle cost?\n7.50 [2]\n[2] /docs/fares.html: "Bicycle | 7.50"\n(4.9 s in all)\n',
  );
  expect(describeMeanwhile('Why?', { ...answer, citations: [], timings: { firstTokenMs: 800, totalMs: 4_900 } })).toBe(
    'In the middle of it a question: Why?\n7.50 [2]\n(first token after 0.8 s, 4.9 s in all)\n',
  );
});
