import { describe, expect, it } from 'vitest';
import { holdsNumber, numbersFound, numbersOf } from './number-text.ts';

describe('numbersOf', () => {
  it.each([
    ['$82,959 million', [[82_959, 82.959]]],
    ['1,250.50 and 1.250,50', [[1_250.5], [1_250.5]]],
    ['1,234,567', [[1_234_567]]],
    ["1'150 CHF, 41 600 kr", [[1_150], [41_600]]],
    ['3.5 % of 2031', [[3.5], [2_031]]],
    ['in 2030 120 carriages', [[2_030], [120]]],
    ['１２ Uhr [3]', [[12]]],
    ['none', []],
  ])('%s', (text, values) => {
    expect(numbersOf(text)).toEqual(values);
  });
});

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
});
