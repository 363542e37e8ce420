import { expect, it } from 'vitest';
import { commitLines } from '../../testing/store-conformance.ts';
import { createHeldPortions, isLong, portionsOf, withoutPortions } from './portions.ts';

const operation = commitLines('long', Array.from({ length: 60_000 }, (_, line) => `line ${line} with a 🦀 in it`).join('\n'));
if (!isLong(operation)) throw new Error('It is long.');

it('puts a document together as it was, and forgets its portions', () => {
  const held = createHeldPortions();
  const portions = [...portionsOf(operation.document)];
  expect(portions.length).toBeGreaterThan(60);
  for (const portion of portions) held.add(1, portion);
  const shortened = structuredClone(withoutPortions(operation));
  expect(JSON.stringify(shortened).length).toBeLessThan(2_000);
  const { operation: whole, pieces } = held.complete(shortened, 1);
  const { text, ...rest } = operation.document;
  expect(whole).toEqual({ ...operation, document: { ...rest, text: '' } });
  expect(pieces?.slice(0, pieces.length)).toBe(text);
  expect(() => held.complete(shortened, 1)).toThrow(RangeError);
});

it('keeps two documents apart, and forgets the one that is given up', () => {
  const held = createHeldPortions();
  held.add(1, { text: 'one ' });
  held.add(2, { text: 'two' });
  held.add(1, { text: 'and on' });
  held.forget(2);
  expect(held.complete(withoutPortions(operation), 1)).toMatchObject({
    operation: { document: { chunks: [] } },
    pieces: { length: 10, pieces: [{ text: 'one ' }, { start: 4, text: 'and on' }] },
  });
  expect(() => held.complete(withoutPortions(operation), 2)).toThrow(RangeError);
});

it('leaves what is short as it is', () => {
  const short = commitLines('short', 'a line');
  expect(isLong(short)).toBe(false);
  expect(createHeldPortions().complete(short, undefined)).toEqual({ operation: short, pieces: undefined });
});
