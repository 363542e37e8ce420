import { describe, expect, it } from 'vitest';
import type { ParsedDocument } from '../../spec/parser.ts';
import { column, type PdfPage, type PdfText, writePdf } from '../fixtures/write-pdf.ts';
import { createFormatParsers } from '../formats.ts';
import { parseDocument } from '../parse-document.ts';

const parsers = createFormatParsers();

function read(pages: readonly PdfPage[]): Promise<ParsedDocument> {
  return parseDocument({ bytes: writePdf(pages), name: 'file.pdf' }, parsers);
}

function header(text: string, y = 810): PdfText {
  return { x: 72, y, size: 9, text };
}

function body(page: number): PdfText[] {
  const words = ['apple', 'birch', 'cedar', 'daisy', 'elder', 'fern', 'grass', 'hazel', 'iris', 'juniper', 'kale', 'lily'];
  return column(72, 740, [
    `The text about the ${words[page % words.length] ?? ''} begins here.`,
    `It ends with the ${words[(page + 3) % 12] ?? ''}.`,
  ]);
}

function pages(count: number, running: (page: number) => readonly PdfText[]): PdfPage[] {
  return Array.from({ length: count }, (_, page) => ({ texts: [...running(page), ...body(page)] }));
}

describe('running headers and footers', () => {
  it('are left out of text, blocks and boxes, and every offset fits', async () => {
    const document = await read(
      pages(4, (page) => [
        header('Rules of the Weir Society'),
        { ...header(`Edition ${2020 + page}`), x: 430 },
        header('Approved by the board', 799),
        { x: 280, y: 30, size: 9, text: `Page ${page + 1} of 4` },
      ]),
    );
    expect(document.text).not.toMatch(/Weir Society|Edition|board|Page/);
    expect(document.pages).toHaveLength(4);
    for (const [index, { start, end, boxes = new Uint32Array() }] of document.pages.entries()) {
      const text = document.text.slice(start, end);
      expect(text).toBe(
        body(index)
          .map((line) => line.text)
          .join(' '),
      );
      const words = Array.from({ length: boxes.length / 6 }, (_, word) => document.text.slice(boxes[word * 6], boxes[word * 6 + 1]));
      expect(words).toEqual(text.split(' '));
    }
    for (const { start, end } of document.blocks) expect(document.text.slice(start, end).trim()).toBe(document.text.slice(start, end));
    expect(document.blocks.map(({ kind }) => kind)).toEqual(Array.from({ length: 4 }, () => 'paragraph'));
  });

  it('are found where left and right pages differ, and page numbers in roman figures', async () => {
    const roman = ['i', 'ii', 'iii', 'iv', 'v', 'vi', 'vii', 'viii'];
    const document = await read(
      pages(8, (page) => [
        page % 2 === 0 ? header('The Weir') : { ...header('A. Person'), x: 430 },
        { x: 290, y: 110, size: 10, text: roman[page] ?? '' },
      ]),
    );
    expect(document.text).not.toMatch(/The Weir|Person|\bvi+\b/);
  });

  it('are found where each chapter has its own', async () => {
    const document = await read(pages(18, (page) => [header(page < 6 ? 'First chapter' : page < 12 ? 'Second chapter' : 'Third chapter')]));
    expect(document.text).not.toContain('chapter');
  });

  it('stay in a document of two pages, on few of its pages, and at different heights', async () => {
    expect((await read(pages(2, () => [header('Rules')]))).text).toContain('Rules');
    const few = await read(pages(9, (page) => (page < 2 ? [header('Rules')] : [])));
    expect(few.text.match(/Rules/g)).toHaveLength(2);
    const wandering = await read(pages(6, (page) => [header('Rules', 820 - 10 * page)]));
    expect(wandering.text.match(/Rules/g)).toHaveLength(6);
  });

  it('stay where nothing else stands on the page', async () => {
    const document = await read([...pages(5, () => [header('Rules')]), { texts: [header('Rules')] }]);
    expect(document.text.match(/Rules/g)).toHaveLength(1);
    expect(document.text.endsWith('Rules')).toBe(true);
    const numbers = await read(Array.from({ length: 4 }, (_, page) => ({ texts: [header(`Page ${page + 1}`)] })));
    expect(numbers.text).toBe('Page 1\n\nPage 2\n\nPage 3\n\nPage 4');
  });

  it('are not the header row of a table that goes on over pages', async () => {
    const rows = (page: number): PdfText[] =>
      Array.from({ length: 6 }, (_, row) =>
        ['Chair', 'Table', 'Lamp'].map((name, cell) => ({ x: 72 + cell * 150, y: 776 - row * 14, text: `${name}${page}${row}` })),
      ).flat();
    const tableHeader = ['Article', 'Price', 'Stock'].map((text, cell) => ({ x: 72 + cell * 150, y: 790, text }));
    const document = await read(
      Array.from({ length: 4 }, (_, page) => ({ texts: [header('Price list', 820), ...tableHeader, ...rows(page)] })),
    );
    expect(document.text).not.toContain('Price list');
    expect(document.text.match(/Article \| Price \| Stock/g)).toHaveLength(4);
  });

  it('are not the large title that slides share', async () => {
    const document = await read(pages(4, () => [{ x: 72, y: 800, size: 24, text: 'Results' }]));
    expect(document.text.match(/Results/g)).toHaveLength(4);
  });
});
