import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChunkOptions, ChunkSpan, TextSpan } from '../spec/chunk.ts';
import type { ParsedBlock } from '../spec/parser.ts';
import { createPacker, lookAheadSpans, packChunks } from './pack.ts';
import { segment } from './segment.ts';
import { refineSpans } from './split-oversized.ts';

type Document = { readonly text: string; readonly blocks: ParsedBlock[] };
type Piece = readonly [kind: ParsedBlock['kind'], text: string, level?: number];

function documentOf(...pieces: readonly Piece[]): Document {
  let text = '';
  const blocks: ParsedBlock[] = [];
  for (const [kind, content, level] of pieces) {
    if (text !== '') text += '\n\n';
    const start = text.length;
    text += content;
    const headerEnd = start + content.indexOf('\n');
    blocks.push({
      kind,
      start,
      end: text.length,
      ...(level === undefined ? {} : { level }),
      ...(kind === 'table' && headerEnd > start ? { header: { start, end: headerEnd } } : {}),
    });
  }
  return { text, blocks };
}

/** Words, so that sums are easy to see. */
function countWords(text: string, spans: readonly { start: number; end: number }[]): Uint32Array {
  return Uint32Array.from(spans, ({ start, end }) => text.slice(start, end).match(/\S+/g)?.length ?? 0);
}

function pack(document: Document, options: Partial<ChunkOptions> = {}) {
  const spans = segment(document.text, document.blocks);
  const limits = { targetTokens: 20, maxTokens: 25, overlapTokens: 0, ...options };
  return packChunks(document, spans, countWords(document.text, spans), limits).map((chunk) => ({
    ...chunk,
    text: document.text.slice(chunk.start, chunk.end),
  }));
}

function sentence(words: number, name = 'word'): string {
  return `${Array.from({ length: words }, (_, index) => `${name}${index}`).join(' ')}.`.replace(/^./, (first) => first.toUpperCase());
}

describe('packChunks', () => {
  it('keeps a short document whole, with the path empty where the chunk starts with its heading', () => {
    const chunks = pack(documentOf(['heading', 'Leave', 1], ['paragraph', 'Everyone has 25 days.']));
    expect(chunks).toEqual([{ start: 0, end: 28, headingPath: [], tokens: 5, text: 'Leave\n\nEveryone has 25 days.' }]);
  });

  it('starts a chunk at each heading and gives later chunks of the section its path', () => {
    const body = (name: string) => Array.from({ length: 4 }, () => sentence(9, name)).join(' ');
    const chunks = pack(
      documentOf(
        ['heading', 'Handbook', 1],
        ['paragraph', body('a')],
        ['heading', 'Leave', 2],
        ['paragraph', body('b')],
        ['heading', 'Pay', 2],
        ['paragraph', body('c')],
      ),
    );
    expect(chunks.map(({ headingPath, text }) => [headingPath, text.split(/\s/)[0]])).toEqual([
      [[], 'Handbook'],
      [['Handbook'], 'A0'],
      [['Handbook'], 'Leave'],
      [['Handbook', 'Leave'], 'B0'],
      [['Handbook'], 'Pay'],
      [['Handbook', 'Pay'], 'C0'],
    ]);
  });

  it('joins a heading without text of its own to the section below it, and small sections of one parent', () => {
    const document = documentOf(
      ['heading', 'Handbook', 1],
      ['heading', 'Coffee', 2],
      ['paragraph', 'It is free.'],
      ['heading', 'Tea', 2],
      ['paragraph', 'It is green.'],
      ['heading', 'Annex', 1],
      ['paragraph', 'See below.'],
    );
    expect(pack(document).map(({ text }) => text)).toEqual([
      'Handbook\n\nCoffee\n\nIt is free.\n\nTea\n\nIt is green.\n\nAnnex\n\nSee below.',
    ]);
    const apart = documentOf(['heading', 'Coffee', 2], ['paragraph', 'It is free.'], ['heading', 'Drinks', 1], ['paragraph', 'See below.']);
    expect(pack(apart).map(({ text }) => text)).toEqual(['Coffee\n\nIt is free.', 'Drinks\n\nSee below.']);
  });

  it('cuts a long section evenly instead of leaving a small rest', () => {
    const chunks = pack(documentOf(['paragraph', Array.from({ length: 11 }, () => sentence(4)).join(' ')]));
    expect(chunks.map(({ tokens }) => tokens)).toEqual([16, 16, 12]);
  });

  it('never separates a heading from what follows it', () => {
    const long = Array.from({ length: 6 }, () => sentence(6)).join(' ');
    for (const chunk of pack(
      documentOf(['heading', 'One', 1], ['heading', 'Two', 2], ['paragraph', long], ['heading', 'Three', 2], ['paragraph', long]),
    )) {
      expect(chunk.text).toMatch(/\.$/);
    }
  });

  it('cuts a table between rows and says which header the rest belongs to', () => {
    const rows = Array.from({ length: 12 }, (_, index) => `item ${index} | ${index} EUR`);
    const document = documentOf(['paragraph', 'Prices.'], ['table', `Article | Price\n${rows.join('\n')}`]);
    const chunks = pack(document);
    expect(chunks.length).toBeGreaterThan(2);
    expect(chunks[0]?.tableHeader).toBeUndefined();
    for (const chunk of chunks.slice(1)) {
      expect(document.text.slice(chunk.tableHeader?.start, chunk.tableHeader?.end)).toBe('Article | Price');
      expect(chunk.text).toMatch(/^item \d+ \| \d+ EUR/);
      expect(chunk.text).toMatch(/EUR$/);
    }
  });

  it('repeats the last sentence where the options ask for it, not across headings', () => {
    const body = Array.from({ length: 6 }, (_, index) => sentence(8, `s${index}w`)).join(' ');
    const chunks = pack(documentOf(['heading', 'A', 1], ['paragraph', body], ['heading', 'B', 1], ['paragraph', body]), {
      overlapTokens: 8,
    });
    const starts = chunks.map(({ text }) => text.split(/\s/)[0]);
    expect(starts[0]).toBe('A');
    expect(starts).toContain('B');
    const second = chunks[1];
    expect(second?.start).toBeLessThan(chunks[0]?.end ?? 0);
    expect(second?.headingPath).toEqual(['A']);
  });

  it('cuts a span above the limit, and packs the parts tighter after a new count', () => {
    const text = 'x'.repeat(1000);
    const document: Document = { text, blocks: [{ kind: 'code', start: 0, end: 1000 }] };
    const spans = [{ start: 0, end: 1000, block: 0 }];
    const options = { targetTokens: 200, maxTokens: 240, overlapTokens: 0 };
    const conservative = packChunks(document, spans, Uint32Array.of(500), options);
    expect(conservative.every(({ tokens }) => tokens <= 240)).toBe(true);
    const refined = refineSpans(text, spans, Uint32Array.of(500), 240);
    expect(refined.changed).toEqual([0, 1, 2]);
    const counted = Uint32Array.from(refined.spans, ({ start, end }) => (end - start) / 2);
    expect(packChunks(document, refined.spans, counted, options).length).toBeLessThan(conservative.length);
  });

  it('refuses counts that do not belong to the spans', () => {
    expect(() =>
      packChunks(documentOf(['paragraph', 'A b.']), [{ start: 0, end: 4, block: 0 }], new Uint32Array(0), {
        targetTokens: 9,
        maxTokens: 9,
        overlapTokens: 0,
      }),
    ).toThrow('1 spans but 0 token counts');
  });

  const word = fc.oneof(
    fc.constantFrom(
      'the',
      'Committee',
      'Dr.',
      'pays',
      '25',
      'e.g.',
      'end.',
      'Why?',
      'x'.repeat(300),
      '\u{1F600}\u{1F601}',
      '表は次の通り。',
      '|',
      '\n',
    ),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).map((text) => text.replace(/\s/g, '') || 'a'),
  );
  const piece: fc.Arbitrary<Piece> = fc
    .tuple(
      fc.constantFrom<ParsedBlock['kind']>('heading', 'paragraph', 'list-item', 'table', 'code', 'quote'),
      fc.array(word, { minLength: 1, maxLength: 60 }).map((words) => words.join(' ').trim() || 'b'),
      fc.integer({ min: 1, max: 4 }),
    )
    .map(([kind, text, level]) => (kind === 'heading' ? [kind, text.replace(/\n/g, ' '), level] : [kind, text]));

  it('covers all text, in order, within the limit, whatever the document and the tokenizer', () => {
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 12 }),
        fc.integer({ min: 8, max: 60 }),
        fc.integer({ min: 0, max: 20 }),
        fc.double({ min: 0.1, max: 1, noNaN: true }),
        (pieces, maxTokens, overlapTokens, tokensPerByte) => {
          const document = documentOf(...pieces);
          const { text } = document;
          const spans = segment(text, document.blocks);
          const counts = Uint32Array.from(spans, ({ start, end }) => Math.ceil(Buffer.byteLength(text.slice(start, end)) * tokensPerByte));
          const chunks = packChunks(document, spans, counts, { targetTokens: Math.ceil(maxTokens * 0.8), maxTokens, overlapTokens });
          let covered = 0;
          let previousStart = -1;
          for (const { start, end, tokens } of chunks) {
            expect(start).toBeGreaterThan(previousStart);
            expect(end).toBeGreaterThan(start);
            expect(tokens).toBeLessThanOrEqual(maxTokens);
            expect(text.slice(start, end).isWellFormed()).toBe(true);
            expect(text.slice(start, end)).toBe(text.slice(start, end).trim());
            if (start > covered) expect(text.slice(covered, start).trim()).toBe('');
            expect(end).toBeGreaterThan(covered);
            covered = end;
            previousStart = start;
          }
          expect(text.slice(covered).trim()).toBe('');
        },
      ),
      { numRuns: 300 },
    );
  });

  it('packs a document of more spans than one step takes, headings in all of them, as each part of it', () => {
    const sections = 30_000;
    const long = documentOf(
      ...Array.from({ length: sections }, (_, number): Piece[] => [
        ['heading', `H${number}`, 1],
        ['paragraph', `p ${number}`],
      ]).flat(),
    );
    const spans = segment(long.text, long.blocks);
    const chunks = packChunks(
      long,
      spans,
      Uint32Array.from(spans, () => 3),
      { targetTokens: 6, maxTokens: 8, overlapTokens: 0 },
    );
    expect(chunks).toHaveLength(sections);
    for (const number of [0, 9_999, 10_000, 20_001, sections - 1]) {
      const { start, end, headingPath } = chunks[number] ?? { start: 0, end: 0, headingPath: [] };
      expect(long.text.slice(start, end).trim()).toBe(`H${number}\n\np ${number}`);
      expect(headingPath).toEqual([]);
    }
  });

  it('makes the same chunks of a document however it comes, and holds little of it', () => {
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 12 }),
        fc.integer({ min: 8, max: 60 }),
        fc.integer({ min: 0, max: 20 }),
        fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 8 }),
        (pieces, maxTokens, overlapTokens, portions) => {
          const document = documentOf(...pieces);
          const spans = segment(document.text, document.blocks);
          const counts = countWords(document.text, spans);
          const options = { targetTokens: Math.ceil(maxTokens * 0.8), maxTokens, overlapTokens };
          expect(packIn(document, spans, counts, options, portions)).toEqual(packChunks(document, spans, counts, options));
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each([
    ['one paragraph', (): Piece[] => [['paragraph', Array.from({ length: 20_000 }, (_, at) => `Word ${at}.`).join(' ')]]],
    ['headings alone', (): Piece[] => Array.from({ length: 20_000 }, (_, at) => ['heading', `H${at}`, 2])],
    [
      'small sections under one',
      (): Piece[] => [
        ['heading', 'All', 1],
        ...Array.from({ length: 10_000 }, (_, at): Piece[] => [
          ['heading', `H${at}`, 2],
          ['paragraph', `p ${at}`],
        ]).flat(),
      ],
    ],
  ])('packs a long document of %s by looking ahead so far only', (_what, pieces) => {
    const document = documentOf(...pieces());
    const spans = segment(document.text, document.blocks);
    const counts = countWords(document.text, spans);
    const options = { targetTokens: 20, maxTokens: 25, overlapTokens: 2 };
    const whole = packChunks(document, spans, counts, options);
    expect(packIn(document, spans, counts, options, [1, 700, 13])).toEqual(whole);
    expect(whole.length).toBeGreaterThan(500);
    expect(whole.at(-1)?.end).toBe(document.text.length);
  });
});

/** Packs spans in portions of these sizes, over and over; nothing but what a packer may look at can be read. */
function packIn(document: Document, spans: readonly TextSpan[], counts: Uint32Array, options: ChunkOptions, portions: readonly number[]) {
  let pushed = 0;
  let chunked = 0;
  const packer = createPacker(
    {
      slice(start, end) {
        expect(start).toBeGreaterThanOrEqual(packer.neededFrom);
        return document.text.slice(start, end);
      },
      block: (index) => document.blocks[index],
    },
    options,
  );
  const chunks: ChunkSpan[] = [];
  for (let turn = 0; pushed < spans.length; turn += 1) {
    const end = pushed + (portions[turn % portions.length] ?? 0) + (turn % 7 === 0 ? 1 : 0);
    const found = packer.push(spans.slice(pushed, end), counts.subarray(pushed, end));
    pushed = Math.min(end, spans.length);
    for (const chunk of found) {
      chunks.push(chunk);
      while (chunked < spans.length && (spans[chunked]?.start ?? 0) < chunk.end) chunked += 1;
    }
    // Spans of one section at most, and of the one behind it that may join it.
    expect(pushed - chunked).toBeLessThanOrEqual(2 * lookAheadSpans + 700);
  }
  return [...chunks, ...packer.end()];
}
