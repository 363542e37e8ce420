import { describe, expect, it } from 'vitest';
import { standAlone } from './follow-up.ts';

const before = 'What does the family ticket to Kestrel Saddle cost?';

describe('standAlone', () => {
  it.each(['And for groups?', 'When is it valid?', 'Why?', 'Wann gilt er?', 'what about children', 'Is that all?'])(
    'asks "%s" with the question before',
    (question) => {
      expect(standAlone(question, before)).toBe(`${before} ${question}`);
      expect(standAlone(question, undefined)).toBe(question);
    },
  );

  it.each([
    'At what gust speed does traffic stop?',
    'Which word stops every movement?',
    'What is the fee that is due in March?',
    'Is there a deposit for the keys?',
    'Who leads the IT team?',
    'E-mail of the landlord in Kestrel?',
    '年利率是多少？',
  ])('asks "%s" by itself', (question) => {
    expect(standAlone(question, before)).toBe(question);
  });
});
