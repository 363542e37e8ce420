import { describe, expect, it } from 'vitest';
import { answerTokens, exactMatch, tokenF1 } from './answer-text.ts';

describe('answerTokens', () => {
  it.each([
    ['The Denver Broncos!', 'en', ['denver', 'broncos']],
    ["It's an “apple” a day.", 'en', ['its', 'apple', 'day']],
    ['Das Wetter und der Sänger', 'de', ['wetter', 'und', 'sänger']],
    ['The theatre of the Andes', 'en', ['theatre', 'of', 'andes']],
    ['丹佛野马队，2015年 AFC', 'zh', ['丹', '佛', '野', '马', '队', '2015', '年', 'afc']],
    ['It costs $1,250.50 [2].', 'en', ['it', 'costs', '125050']],
    ['[1]', 'en', []],
  ])('%s (%s)', (text, language, tokens) => {
    expect(answerTokens(text, language)).toEqual(tokens);
  });
});

describe('exactMatch and tokenF1', () => {
  it('take the expected answer that fits best', () => {
    expect(exactMatch('the Panthers.', ['Broncos', 'Panthers'])).toBe(1);
    expect(exactMatch('Panthers defense', ['Broncos', 'Panthers'])).toBe(0);
    // Given 4 words, wanted 2, common 2: precision 1/2, recall 1.
    expect(tokenF1('Carolina Panthers defense unit', ['Carolina Panthers', 'Denver'])).toBeCloseTo((2 * 0.5) / 1.5, 10);
  });

  it('count a word as often as both have it', () => {
    // Given x x y, wanted x z x x: two x are common; precision 2/3, recall 2/4.
    expect(tokenF1('x x y', ['x z x x'])).toBeCloseTo((2 * (2 / 3) * 0.5) / (2 / 3 + 0.5), 10);
  });

  it('compare characters where words have no spaces', () => {
    // 308 is one word, 分 a character: 3 of 4 given, all 3 wanted.
    expect(tokenF1('共308分钟', ['308分钟'], 'zh')).toBeCloseTo((2 * 0.75) / 1.75, 10);
    expect(exactMatch('308 分钟。', ['308分钟'], 'zh')).toBe(1);
  });

  it('are 0 for nothing in common, and 1 for two empty texts only', () => {
    expect([tokenF1('', ['x']), tokenF1('y', ['x']), tokenF1('x', []), exactMatch('x', [])]).toEqual([0, 0, 0, 0]);
    expect(tokenF1('the', ['an'])).toBe(1);
  });
});
