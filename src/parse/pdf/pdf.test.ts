import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { ParsedDocument } from '../../spec/parser.ts';
import { column, type PdfOptions, type PdfPage, writePdf } from '../fixtures/write-pdf.ts';
import { createFormatParsers } from '../formats.ts';
import { parseDocument } from '../parse-document.ts';
import { pdfTime } from './pdf.ts';

const parsers = createFormatParsers();

function read(pages: readonly PdfPage[], options?: PdfOptions): Promise<ParsedDocument> {
  return parseDocument({ bytes: writePdf(pages, options), name: 'file.pdf' }, parsers);
}

function blocks(document: ParsedDocument): string[] {
  return document.blocks.map(({ kind, level, start, end }) => `${kind}${level ?? ''}: ${document.text.slice(start, end)}`);
}

describe('pdf', () => {
  it('keeps the order of the letters that one glyph of a right-to-left script stands for', async () => {
    const options = { ligatures: { A: 'حَبيبي', B: 'الله', C: 'لا' } };
    for (const [shown, text] of Object.entries(options.ligatures)) {
      expect((await read([{ texts: [{ x: 72, y: 700, text: shown }] }], options)).text).toBe(text);
    }
  });

  it('reads pages with labels, properties and word boxes that hold their words', async () => {
    const document = await read(
      [{ texts: column(72, 770, ['First line of the page,', 'second line of it.']) }, { texts: column(72, 770, ['Another page.']) }],
      {
        info: { Title: 'Price list', Author: 'A. Person', CreationDate: "D:20260102030405+01'00'" },
        romanLabels: true,
      },
    );
    expect(document).toMatchObject({
      contentType: 'application/pdf',
      parser: 'pdf',
      text: 'First line of the page, second line of it.\n\nAnother page.',
      title: 'Price list',
      author: 'A. Person',
      createdAt: Date.UTC(2026, 0, 2, 2, 4, 5),
      warnings: [],
    });
    expect(document.pages.map(({ number, label, start, end }) => ({ number, label, start, end }))).toEqual([
      { number: 1, label: 'i', start: 0, end: 42 },
      { number: 2, label: 'ii', start: 44, end: 57 },
    ]);
    const [page] = document.pages;
    const boxes = page?.boxes ?? new Uint32Array();
    expect(boxes.length).toBe(6 * 9);
    const [start, end, left, top, right, bottom] = boxes;
    expect(document.text.slice(start, end)).toBe('First');
    expect(left).toBe(Math.floor((72 / 595) * 4096));
    expect(right).toBeGreaterThan(left ?? 0);
    // The baseline, 72 points below the top of the page, lies inside the box.
    expect(top).toBeLessThan(((842 - 770) / 842) * 4096);
    expect(bottom).toBeGreaterThan(((842 - 770) / 842) * 4096);
  });

  it('reads two columns one after another, below a title across both', async () => {
    const left = Array.from({ length: 8 }, (_, index) => `left column text number ${index} goes on`);
    const right = Array.from({ length: 8 }, (_, index) => `Right column text number ${index} goes on`);
    const title = { x: 120, y: 800, size: 18, text: 'A title that stands across both columns' };
    // Written row by row, as some programs do.
    const rows = left.flatMap((text, index) => [
      ...column(50, 760 - index * 12, [text]),
      ...column(310, 760 - index * 12, [right[index] ?? '']),
    ]);
    const document = await read([{ texts: [title, ...rows] }]);
    expect(blocks(document)).toEqual([
      'heading1: A title that stands across both columns',
      `paragraph: ${left.join(' ')}`,
      `paragraph: ${right.join(' ')}`,
    ]);
  });

  it('finds the columns beside a small table inside one of them', async () => {
    const left = Array.from({ length: 6 }, (_, index) => `Left text number ${index} which fills its column`);
    const right = Array.from({ length: 12 }, (_, index) => `Right text number ${index} which fills its column`);
    const cells = Array.from({ length: 6 }, (_, row) =>
      ['a', 'b', 'c', 'd'].map((name, cell) => ({ x: 50 + cell * 55, y: 688 - row * 12, text: name + row })),
    );
    const document = await read([{ texts: [...column(50, 760, left), ...cells.flat(), ...column(310, 760, right)] }]);
    expect(blocks(document)).toEqual([
      `paragraph: ${left.join(' ')}`,
      `table: ${[0, 1, 2, 3, 4, 5].map((row) => `a${row} | b${row} | c${row} | d${row}`).join('\n')}`,
      `paragraph: ${right.join(' ')}`,
    ]);
  });

  it('keeps the rows of a table together', async () => {
    const cells = [
      ['Article', 'Price', 'Stock'],
      ['Chair', '49 EUR', '12'],
      ['Table', '199 EUR', '3'],
    ];
    const texts = cells.flatMap((row, line) => row.map((text, cell) => ({ x: 72 + cell * 150, y: 700 - line * 14, text })));
    const document = await read([{ texts: [...column(72, 760, ['Our prices are below.']), ...texts] }]);
    expect(blocks(document)).toEqual([
      'paragraph: Our prices are below.',
      'table: Article | Price | Stock\nChair | 49 EUR | 12\nTable | 199 EUR | 3',
    ]);
    const { header } = document.blocks[1] ?? {};
    expect(document.text.slice(header?.start, header?.end)).toBe('Article | Price | Stock');
  });

  it('joins words hyphenated at line ends, and keeps the hyphen of a word that has one elsewhere', async () => {
    const document = await read([
      { texts: column(72, 770, ['The committee discussed the infor-', 'mation about a well-', 'known case; a well-known case is best.']) },
    ]);
    expect(document.text).toBe('The committee discussed the information about a well-known case; a well-known case is best.');
    const words = wordsOf(document);
    expect(words).toContain('infor');
    expect(words).toContain('mation');
  });

  it('finds headings by size and by weight', async () => {
    const document = await read([
      {
        texts: [
          { x: 72, y: 780, size: 20, text: 'Handbook' },
          { x: 72, y: 740, size: 14, text: '1 Leave' },
          ...column(72, 720, ['Everyone has twenty-five days of leave in each year,', 'and two more after ten years of service here.']),
          { x: 72, y: 680, bold: true, text: 'Carrying over' },
          ...column(72, 666, ['Five days may be carried over into the next year.']),
        ],
      },
    ]);
    expect(blocks(document).map((block) => block.slice(0, 24))).toEqual([
      'heading1: Handbook',
      'heading2: 1 Leave',
      'paragraph: Everyone has ',
      'heading3: Carrying over',
      'paragraph: Five days may',
    ]);
  });

  it('separates paragraphs and list items', async () => {
    const document = await read([
      {
        texts: [
          ...column(72, 770, ['One paragraph of', 'two lines.']),
          ...column(72, 730, ['Another paragraph', 'follows it.', '1. first item', '2. second item']),
        ],
      },
    ]);
    expect(blocks(document)).toEqual([
      'paragraph: One paragraph of two lines.',
      'paragraph: Another paragraph follows it.',
      'list-item: 1. first item',
      'list-item: 2. second item',
    ]);
  });

  it('makes one block of a paragraph that goes on over a page, below the running header', async () => {
    const header = { x: 72, y: 810, size: 9, text: 'Rules of the society' };
    const document = await read([
      { texts: [header, ...column(72, 740, ['The first page ends in the middle', 'of a sentence about the'])] },
      { texts: [header, ...column(72, 740, ['weir and its keeper.', 'It ends here.']), ...column(72, 600, ['Another paragraph ends.'])] },
      { texts: [header, ...column(72, 740, ['in lower case but after a full stop.'])] },
    ]);
    expect(blocks(document)).toEqual([
      'paragraph: The first page ends in the middle of a sentence about the\n\nweir and its keeper. It ends here.',
      'paragraph: Another paragraph ends.',
      'paragraph: in lower case but after a full stop.',
    ]);
    expect(document.pages.map(({ start, end }) => document.text.slice(start, end).split(' ')[0])).toEqual(['The', 'weir', 'in']);
  });

  it.each([90, 180, 270] as const)('reads a page shown rotated by %d degrees in the order it is seen', async (rotate) => {
    const mediaBox = [100, 50, 695, 892] as const;
    const angle = rotate;
    const radians = (rotate * Math.PI) / 180;
    // Two lines below each other for a reader of the rotated page.
    const texts = ['above', 'below'].map((text, line) => ({
      x: 400 + Math.sin(radians) * 14 * line,
      y: 500 - Math.cos(radians) * 14 * line,
      text,
      angle,
    }));
    const document = await read([{ texts, rotate, mediaBox }]);
    expect(document.text).toBe('above below');
    const [page] = document.pages;
    expect(page?.width).toBeCloseTo(rotate === 180 ? 595 : 842);
    const [, , left = 0, top = 0, right = 0, bottom = 0] = page?.boxes ?? [];
    expect(right - left).toBeGreaterThan(bottom - top);
  });

  it('puts rotated text at the side of an upright page last', async () => {
    const document = await read([
      { texts: [{ x: 20, y: 300, text: 'stamped at the side', angle: 90 }, ...column(72, 770, ['The text of the page.'])] },
    ]);
    expect(document.text).toBe('The text of the page.\n\nstamped at the side');
  });

  it('says how many pages have no text layer, and refuses a file in which none has', async () => {
    const document = await read([{ texts: column(72, 700, ['Some text.']) }, { texts: [] }, { texts: [] }]);
    expect(document.warnings).toEqual(['2 of 3 pages have no text layer.']);
    await expect(read([{ texts: [] }])).rejects.toMatchObject({
      code: 'E_DOCUMENT_EMPTY',
      message: expect.stringContaining('no text layer') as string,
    });
  });

  it('refuses encrypted, cut and invented files by name', async () => {
    const encrypted = readFileSync(new URL('../fixtures/encrypted.pdf', import.meta.url));
    await expect(parseDocument({ bytes: encrypted, name: 'secret.pdf' }, parsers)).rejects.toMatchObject({
      code: 'E_DOCUMENT_ENCRYPTED',
      message: 'secret.pdf is a PDF that opens only with a password.',
    });
    const whole = writePdf([{ texts: column(72, 770, ['Text.']) }]);
    await expect(parseDocument({ bytes: whole.subarray(0, 60), name: 'cut.pdf' }, parsers)).rejects.toMatchObject({
      code: 'E_DOCUMENT_DAMAGED',
    });
    const invented = Buffer.from('%PDF-1.7 nothing else');
    await expect(parseDocument({ bytes: invented, name: 'a.pdf' }, parsers)).rejects.toMatchObject({ code: 'E_DOCUMENT_DAMAGED' });
    // The same reader goes on after all of these.
    await expect(parseDocument({ bytes: whole, name: 'b.pdf' }, parsers)).resolves.toMatchObject({ text: 'Text.' });
  });

  it('reads dates with and without a zone', () => {
    expect(pdfTime('D:20240131093000Z')).toBe(Date.UTC(2024, 0, 31, 9, 30));
    expect(pdfTime("D:20240131093000-05'30'")).toBe(Date.UTC(2024, 0, 31, 15, 0));
    expect(pdfTime('D:2024')).toBe(Date.UTC(2024, 0, 1));
    expect(pdfTime('yesterday')).toBeUndefined();
  });
});

function wordsOf(document: ParsedDocument): string[] {
  return document.pages.flatMap(({ boxes = new Uint32Array() }) =>
    Array.from({ length: boxes.length / 6 }, (_, word) => document.text.slice(boxes[word * 6], boxes[word * 6 + 1])),
  );
}
