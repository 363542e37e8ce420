import { describe, expect, it } from 'vitest';
import { standAlone } from './follow-up.ts';

const before = 'What does the family ticket to Kestrel Saddle cost?';

describe('standAlone', () => {
  it.each(['And for groups?', 'When is it valid?', 'Why?', 'Wann gilt er?', 'what about children'])(
    'asks "%s" with the question before',
    (question) => {
      expect(standAlone(question, before)).toBe(`${before} ${question}`);
      expect(standAlone(question, undefined)).toBe(question);
    },
  );

  it.each(['At what gust speed does traffic stop?', 'Which word stops every movement?', '年利率是多少？'])(
    'asks "%s" by itself',
    (question) => {
      expect(standAlone(question, before)).toBe(question);
    },
  );
});
