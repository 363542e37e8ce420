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
});
