import { expect, it } from 'vitest';
import { mapInTurns } from './in-turns.ts';

it('maps in order, and lets others run in between', async () => {
  const seen: string[] = [];
  setImmediate(() => seen.push('other'));
  const mapped = await mapInTurns(
    [1, 2, 3, 4, 5],
    (value, index) => {
      seen.push(String(index));
      return value * 2;
    },
    2,
  );
  expect(mapped).toEqual([2, 4, 6, 8, 10]);
  expect(seen).toEqual(['0', '1', 'other', '2', '3', '4']);
});

it('takes no turn for few', async () => {
  const seen: string[] = [];
  const mapping = mapInTurns([1, 2], () => seen.push('own'));
  seen.push('caller');
  await mapping;
  expect(seen).toEqual(['own', 'own', 'caller']);
});
