import { expect, it } from 'vitest';
import type { ParsedBlock } from '../../spec/parser.ts';
import { commitLines } from '../../testing/store-conformance.ts';
import { createBlocksJson, createHeldPortions, isLong, portionsOf, withoutPortions } from './portions.ts';

const operation = commitLines('long', Array.from({ length: 60_000 }, (_, line) => `line ${line} with a 🦀 in it`).join('\n'));
if (!isLong(operation)) throw new Error('It is long.');

it('cuts a document so that its portions put it together again', () => {
  const held = createHeldPortions();
  const portions = [...portionsOf(operation.document)];
  expect(portions.length).toBeGreaterThan(60);
  for (const portion of portions) held.add(1, portion);
  expect(JSON.stringify(withoutPortions(operation, 1)).length).toBeLessThan(2_000);
  const { textLength, pages, chunks, portions: read } = held.read(1);
  const { document } = operation;
  expect({ textLength, pages, chunks }).toEqual({ textLength: document.text.length, pages: 1, chunks: 60_000 });
  const all = [...read()];
  expect(all.map(({ text = '' }) => text).join('')).toBe(document.text);
  expect(all.flatMap((portion) => portion.chunks ?? [])).toEqual(document.chunks);
  expect(all.flatMap((portion) => portion.pages ?? [])).toEqual(document.pages);
  expect(all.flatMap((portion) => portion.blocks ?? [])).toEqual(document.blocks);
  held.forget(1);
  expect(() => held.read(1)).toThrow(RangeError);
});

it('keeps two documents apart, and gives none that is given up to its end', () => {
  let unwanted = 0;
  const held = createHeldPortions({ isGivenUp: (document) => document === unwanted });
  held.add(1, { text: 'one ' });
  held.add(2, { text: 'two' });
  held.add(1, { text: 'and on' });
  held.forget(2);
  expect(() => held.read(2)).toThrow(RangeError);
  const portions = held.read(1).portions();
  expect(portions.next().value).toEqual({ text: 'one ' });
  unwanted = 1;
  expect(() => portions.next()).toThrow(expect.objectContaining({ code: 'E_CANCELLED' }));
});

it('leaves what is short, and what is staged already, as it is', () => {
  expect(isLong(commitLines('short', 'a line'))).toBe(false);
  expect(isLong(withoutPortions(operation, 1))).toBe(false);
  expect(isLong({ ...operation, staged: 1 })).toBe(false);
});

it('makes one list of blocks of those that came in portions', () => {
  const blocks: ParsedBlock[] = [
    { kind: 'heading', start: 0, end: 4, level: 1 },
    { kind: 'table', start: 6, end: 90, header: { start: 6, end: 9 } },
    { kind: 'paragraph', start: 92, end: 99 },
  ];
  const [heading, table, paragraph] = blocks as [ParsedBlock, ParsedBlock, ParsedBlock];
  const json = createBlocksJson();
  expect(json.end()).toBe('[]');
  json.add([heading, { ...table, end: 40 }]);
  json.add([{ ...table, end: 80 }]);
  json.add([]);
  json.add([table, paragraph]);
  expect(json.end()).toBe(JSON.stringify(blocks));
  const few = createBlocksJson(JSON.stringify([heading]).length);
  few.add([heading, { ...table, end: 40 }]);
  few.add([table]);
  expect(few.end()).toBe(JSON.stringify([heading, table]));
  few.add([paragraph]);
  expect(few.end()).toBe('[]');
});
