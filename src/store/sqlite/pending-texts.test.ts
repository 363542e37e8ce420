import { expect, it } from 'vitest';
import { createPendingTexts, type IndexedText } from './pending-texts.ts';

function createBench() {
  const inserted: number[] = [];
  const texts = createPendingTexts(([id]) => inserted.push(id));
  const row = (id: number, units = 1): IndexedText => [id, 'x'.repeat(units), '', ''];
  return { texts, inserted, row };
}

it('inserts at once outside a transaction, and at its end inside one', () => {
  const { texts, inserted, row } = createBench();
  texts.add(row(1));
  expect(inserted).toEqual([1]);
  texts.defer();
  texts.add(row(2));
  texts.add(row(3));
  expect(inserted).toEqual([1]);
  texts.flush();
  expect(inserted).toEqual([1, 2, 3]);
  texts.add(row(4));
  expect(inserted).toEqual([1, 2, 3, 4]);
});

it('forgets what a savepoint added, and brings back what it withdrew, when it is undone', () => {
  const { texts, inserted, row } = createBench();
  texts.defer();
  texts.add(row(1));
  texts.add(row(2));
  const mark = texts.mark();
  texts.add(row(3));
  expect([...texts.withdraw([1, 3, 9])]).toEqual([1, 3]);
  texts.add(row(4));
  texts.restore(mark);
  texts.add(row(5));
  texts.flush();
  expect(inserted).toEqual([1, 2, 5]);
});

it('leaves out what was withdrawn, and everything that is discarded', () => {
  const { texts, inserted, row } = createBench();
  texts.defer();
  texts.add(row(1));
  texts.add(row(2));
  expect(texts.withdraw([2]).has(2)).toBe(true);
  expect(texts.withdraw([2]).size).toBe(0);
  texts.flush();
  texts.defer();
  texts.add(row(3));
  texts.discard();
  texts.flush();
  expect(inserted).toEqual([1]);
});

it('holds no more than a few megabytes, but inserts nothing of an earlier savepoint inside a later one', () => {
  const { texts, inserted, row } = createBench();
  const large = 5 * 1024 * 1024;
  texts.defer();
  texts.mark();
  texts.add(row(1, large));
  texts.add(row(2, large));
  expect(inserted).toEqual([1, 2]);
  texts.add(row(3));
  texts.mark();
  texts.add(row(4, large));
  texts.add(row(5, large));
  expect(inserted).toEqual([1, 2]);
  texts.flush();
  expect(inserted).toEqual([1, 2, 3, 4, 5]);
});
