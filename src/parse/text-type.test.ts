import { expect, it } from 'vitest';
import { textTypeByContent } from './text-type.ts';

it('tells HTML behind comments', () => {
  expect(textTypeByContent('<!-- a --><!-- b -- c -->\n<html><p>x', false)).toBe('text/html');
  expect(textTypeByContent('<?xml version="1.0"?>\n<!-- a --><!DOCTYPE html><p>x', false)).toBe('text/html');
  expect(textTypeByContent('<!-- a <html> -->x', false)).toBe('text/plain');
});

it('takes no time that doubles with every comment', () => {
  // 2 to the 400th ways to divide them, none of which fits.
  expect(textTypeByContent(`${'<!--a-->'.repeat(400)}<p>x`, false)).toBe('text/plain');
  expect(textTypeByContent('<!--'.repeat(1_000), false)).toBe('text/plain');
});
