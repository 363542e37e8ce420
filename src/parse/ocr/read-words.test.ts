import { expect, it } from 'vitest';
import { composeDocument } from '../pdf/compose-document.ts';
import { toPageWords, wordsOfTable } from './read-words.ts';

const table = [
  '1\t1\t0\t0\t0\t0\t0\t0\t600\t400\t-1\t',
  '4\t1\t1\t1\t1\t0\t10\t20\t300\t20\t-1\t',
  '5\t1\t1\t1\t1\t1\t10\t20\t80\t20\t96.5\tThe',
  '5\t1\t1\t1\t1\t2\t100\t20\t90\t20\t91.0\tferry',
  '5\t1\t1\t1\t1\t3\t200\t20\t10\t20\t12.0\t|',
  '5\t1\t1\t1\t2\t1\t10\t50\t100\t20\t88.0\tleaves.',
  '',
].join('\n');

it('makes lines and boxes of the words that OCR read, without those it is not sure of', () => {
  const read = wordsOfTable(table);
  expect(read.words.map(({ text }) => text)).toEqual(['The', 'ferry', 'leaves.']);
  const { text, pages, blocks } = composeDocument([toPageWords(read, 0.5)], () => undefined);
  expect(text).toBe('The ferry leaves.');
  expect(blocks).toEqual([{ kind: 'paragraph', start: 0, end: text.length }]);
  const [page] = pages;
  expect([page?.width, page?.height]).toEqual([300, 200]);
  // Start, end, then the box in 4096ths of the page.
  expect([...(page?.boxes ?? [])].slice(0, 6)).toEqual([0, 3, 68, 204, 615, 410]);
});

it('takes an empty or strange table for no words', () => {
  expect(wordsOfTable('')).toEqual({ words: [], width: 0, height: 0 });
  expect(wordsOfTable('nonsense\n5\tx').words).toEqual([]);
});
