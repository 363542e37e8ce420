import { expect, it } from 'vitest';
import { spanNumbers } from '../spec/parsed-numbers.ts';
import type { ParsedBlock, ParsedDocument } from '../spec/parser.ts';
import { sha256, sha256InSteps } from '../util/hash.ts';
import { decodeDocument, encodeDocument } from './wire.ts';

const blocks = 12_000;
const unitsPerBlock = 20;

/** More blocks, and spans, than are looked at in one turn. */
function longDocument() {
  const text = `ab${'\n'.repeat(unitsPerBlock - 2)}`.repeat(blocks);
  // One for each unit of the text.
  const spans = Uint32Array.from({ length: text.length * spanNumbers }, (_, index) => {
    const span = Math.floor(index / spanNumbers);
    return index % spanNumbers === 2 ? Math.floor(span / unitsPerBlock) + 1 : span + (index % spanNumbers);
  });
  return {
    contentType: 'text/plain',
    parser: 'plain-text',
    parserVersion: 1,
    text,
    pages: [{ number: 1, start: 0, end: text.length }],
    blocks: Array.from({ length: blocks }, (_, number): ParsedBlock => {
      return { kind: 'paragraph', start: number * unitsPerBlock, end: number * unitsPerBlock + 2 };
    }),
    spans,
    warnings: [],
  } satisfies ParsedDocument;
}

function payloadOf(document: ParsedDocument) {
  const { header, payload } = encodeDocument(document);
  return { header, payload: Buffer.concat(payload) };
}

it('brings a long document over as it is', async () => {
  const { spans, ...document } = longDocument();
  const { header, payload } = payloadOf({ ...document, spans });
  const { spans: broughtSpans = new Uint32Array(), ...brought } = await decodeDocument(header, payload);
  expect(brought).toEqual(document);
  expect(Buffer.from(broughtSpans.buffer).equals(Buffer.from(spans.buffer))).toBe(true);
});

it('refuses blocks and spans that are out of order, also far behind', async () => {
  const document = longDocument();
  document.blocks[11_000] = { kind: 'paragraph', start: 0, end: 2 };
  const badBlocks = payloadOf(document);
  await expect(decodeDocument(badBlocks.header, badBlocks.payload)).rejects.toThrow('Blocks overlap');

  const other = longDocument();
  other.spans[220_000 * spanNumbers] = 0;
  const badSpans = payloadOf(other);
  await expect(decodeDocument(badSpans.header, badSpans.payload)).rejects.toThrow('Spans overlap');
});

it('gives a text of more than one turn in pieces, and every range of it as it was', async () => {
  const text = `x${'🦀'.repeat(2 * 1024 * 1024)} end${'y'.repeat(5 * 1024 * 1024)}`;
  const { header, payload } = payloadOf({
    ...longDocument(),
    blocks: [],
    spans: new Uint32Array(),
    pages: [{ number: 1, start: 0, end: text.length }],
    text,
  });
  const { text: brought } = await decodeDocument(header, payload);
  expect(typeof brought).toBe('object');
  expect(brought.length).toBe(text.length);
  expect(brought.slice() === text).toBe(true);
  const border = 4 * 1024 * 1024;
  expect(brought.slice(border - 10, border + 10)).toBe(text.slice(border - 10, border + 10));
  expect(await sha256InSteps(brought)).toBe(sha256(text));
});
