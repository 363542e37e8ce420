import { expect, it } from 'vitest';
import { f1, referenceText, shingleOverlap, wordRecall } from './score.ts';

it('counts the words of a reference that a text holds, each as often as there', () => {
  expect(wordRecall('The mill, the weir', 'the MILL by the river')).toBe(0.75);
  expect(wordRecall('水車小屋', '水車')).toBe(0.5);
  expect(wordRecall('', 'anything')).toBe(1);
  expect(referenceText('<!-- image --> [a](https://x.org/y) b\\_c <br> d&amp;e').split(/\s+/).filter(Boolean)).toEqual([
    '[a]',
    'b_c',
    'd',
    'e',
  ]);
});

it('measures main text by runs of four words, each page with the same weight', () => {
  const whole = shingleOverlap('one two three four five', 'one two three four five');
  expect(f1([whole])).toEqual({ precision: 1, recall: 1, f1: 1 });
  const half = shingleOverlap('one two three four five', 'one two three four');
  expect(half).toEqual({ both: 0.5, onlyText: 0, onlyReference: 0.5 });
  expect(f1([whole, half])).toMatchObject({ precision: 1, recall: 0.75 });
  expect(f1([])).toEqual({ precision: 0, recall: 0, f1: 0 });
});
