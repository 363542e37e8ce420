import { describe, expect, it } from 'vitest';
import { holdsNumber, numbersFound } from './number-text.ts';

describe('numbersFound', () => {
  it('counts each distinct number of the expected text once', () => {
    expect(numbersFound('It was 82,959 and 117154.', 'From $82,959 to 117,154, then 94,836; again 94,836')).toBeCloseTo(2 / 3, 10);
    expect(numbersFound('none', 'no number')).toBeNull();
    expect(numbersFound('', '5')).toBe(0);
  });
});

it('holdsNumber compares values', () => {
  expect(holdsNumber('It costs 1,150.00 crowns.', 1_150)).toBe(true);
  expect(holdsNumber('It fell by 3.5 %.', -3.5)).toBe(true);
  expect(holdsNumber('It costs 1,1500.', 1_150)).toBe(false);
  // Where none is asked for, a sign says nothing.
  expect(holdsNumber('a change of -3.5 %', 3.5)).toBe(true);
});

it.each([
  '-5',
  '−5',
  'It was -5 °C.',
  'It was − 5 °C',
  'minus 5',
  'Minus five degrees',
  'a result of –$5',
  '-EUR 5',
  '$-5',
  '(5)',
  'Net income: ($5.00)',
  '| (5 %) |',
  'five degrees below zero',
  '5 °C below freezing',
  'a negative 5',
  'Profit fell sharply by almost 5 %',
  'a loss of $5',
  'down 5 %',
  'from 5 to -5',
])('holdsNumber finds what is below zero: %s', (text) => {
  expect(holdsNumber(text, -5)).toBe(true);
});

it.each(['5', 'It was 5 °C.', '3-5', '3–5', 'type A-5', 'within five (5) days', 'at 5: -6', '- 5', 'fell to 5', '(see 5)', '-50', 'v1.-5'])(
  'holdsNumber takes nothing else for it: %s',
  (text) => {
    expect(holdsNumber(text, -5)).toBe(false);
  },
);
