import { expect, it } from 'vitest';
import { greatest } from './greatest.ts';

it('tells the greatest of more values than a call takes', () => {
  expect(greatest(Array.from({ length: 1_000_000 }, (_, index) => index))).toBe(999_999);
  expect(greatest([])).toBe(Number.NEGATIVE_INFINITY);
  expect(greatest([], 0)).toBe(0);
  expect(greatest([-5, -7], -6)).toBe(-5);
});
