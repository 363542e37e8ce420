import iconv from 'iconv-lite';
import { describe, expect, it } from 'vitest';
import type { FormatParser, ParsedDocument } from '../spec/parser.ts';
import { writePdf } from './fixtures/write-pdf.ts';
import { createFormatParsers } from './formats.ts';
import { parseDocument } from './parse-document.ts';

const parsers = createFormatParsers();

function read(content: string | Uint8Array, name = 'note.txt', contentType?: string): Promise<ParsedDocument> {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return parseDocument({ bytes, name, ...(contentType === undefined ? {} : { contentType }) }, parsers);
}

const zip = Buffer.concat([Buffer.from('PK\u0003\u0004\u0014\0\0\0\0\0', 'latin1'), Buffer.alloc(200)]);
const png = Buffer.concat([Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), Buffer.alloc(200)]);
const random = Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 197 + ((index * index) % 251)) % 256));

describe('parseDocument', () => {
  it.each([
    ['no bytes', '', 'E_DOCUMENT_EMPTY', 'note.txt holds no bytes.'],
    ['white space', ' \n\t \n', 'E_DOCUMENT_EMPTY', 'note.txt holds no text.'],
    ['invisible characters', '\u200b\u00ad\ufeff', 'E_DOCUMENT_EMPTY', 'note.txt holds no text.'],
    ['an image', png, 'E_DOCUMENT_UNSUPPORTED', 'note.txt is an image. Its text can only be read by OCR, which is not installed.'],
    ['a damaged archive', zip, 'E_DOCUMENT_DAMAGED', 'note.txt is not a complete ZIP archive: it holds no readable entry.'],
    ['unknown bytes', random, 'E_DOCUMENT_UNSUPPORTED', 'note.txt holds binary data of an unknown type, not text.'],
    [
      'PostScript',
      '%!PS-Adobe-3.0',
      'E_DOCUMENT_UNSUPPORTED',
      'note.txt looks like a PostScript document (application/postscript), which millrace cannot read.',
    ],
  ])('refuses %s', async (_what, content, code, message) => {
    await expect(read(content)).rejects.toMatchObject({ code, message });
  });

  it('takes members only from a format that says it is a container', async () => {
    const content = { text: 'a', pages: [{ number: 1, start: 0, end: 1 }], blocks: [], warnings: [], members: [] };
    const box: FormatParser = {
      name: 'box',
      version: 1,
      contentTypes: ['text/plain'],
      isText: true,
      parse: () => Promise.resolve(content),
    };
    const request = { bytes: Buffer.from('text'), name: 'a.txt' };
    await expect(parseDocument(request, [box])).rejects.toThrow('does not say isContainer');
    expect((await parseDocument(request, [{ ...box, isContainer: true }])).members).toEqual([]);
  });

  it('refuses a PDF without bytes and reads a PDF that is named .txt', async () => {
    await expect(read('', 'scan.pdf')).rejects.toMatchObject({ code: 'E_DOCUMENT_EMPTY' });
    const pdf = writePdf([{ texts: [{ x: 72, y: 700, text: 'Inside.' }] }]);
    await expect(read(pdf)).resolves.toMatchObject({ contentType: 'application/pdf', text: 'Inside.' });
  });

  it('tells kinds of text by the given type, then the name, then the content', async () => {
    const html = '<!doctype html><p>One</p>';
    expect((await read(html, 'page.html')).contentType).toBe('text/html');
    expect((await read(html, 'page')).contentType).toBe('text/html');
    expect((await read(html, 'page.txt')).contentType).toBe('text/plain');
    expect((await read('# One', 'README.md')).contentType).toBe('text/markdown');
    expect((await read('# One', 'README')).contentType).toBe('text/plain');
    expect((await read('# One', 'x.txt', 'text/markdown; charset=utf-8')).contentType).toBe('text/markdown');
  });

  it('does not take text for a picture or a program because of its first letters', async () => {
    for (const start of ['BMW builds cars.', 'MZ is a town.', 'ID3 is an algorithm.', 'A PDF begins with %PDF-1.7 they say.']) {
      expect((await read(start)).text).toBe(start);
    }
  });
});

describe('charsets', () => {
  const sentence = 'Die Größe der Straße beträgt fünf Meter, sagte der Bürgermeister über die Brücke.';
  const russian = 'Быстрая лиса прыгает через ленивую собаку, и это хорошо известно всем жителям города.';
  const japanese = 'これは日本語の文章です。文字コードの判定を試すために、少し長めに書いてあります。よろしくお願いします。';
  it.each([
    ['UTF-8', Buffer.from(sentence), sentence],
    ['UTF-8 with a mark', Buffer.from(`\ufeff${sentence}`), sentence],
    ['UTF-16LE with a mark', iconv.encode(sentence, 'utf-16le', { addBOM: true }), sentence],
    ['UTF-16BE with a mark', iconv.encode(sentence, 'utf-16be', { addBOM: true }), sentence],
    ['UTF-16LE without a mark', iconv.encode(sentence, 'utf-16le'), sentence],
    ['UTF-16BE without a mark', iconv.encode(sentence, 'utf-16be'), sentence],
    ['UTF-32LE with a mark', iconv.encode(sentence, 'utf-32le', { addBOM: true }), sentence],
    ['windows-1252', iconv.encode(sentence, 'windows-1252'), sentence],
    ['windows-1251', iconv.encode(russian.repeat(3), 'windows-1251'), russian.repeat(3)],
    ['Shift_JIS', iconv.encode(japanese, 'shift_jis'), japanese],
  ])('reads %s', async (_name, bytes, expected) => {
    expect((await read(bytes)).text).toBe(expected);
  });

  it('believes the charset that a page declares, and the program', async () => {
    const page = iconv.encode('<html><head><meta charset="iso-8859-2"></head><body><p>Łódź</p></body></html>', 'iso-8859-2');
    expect((await read(page, 'p.html')).text).toBe('Łódź');
    expect((await read(iconv.encode('Łódź', 'iso-8859-2'), 'p.txt', 'text/plain; charset=iso-8859-2')).text).toBe('Łódź');
  });

  it('keeps a text with one broken byte', async () => {
    const bytes = Buffer.concat([Buffer.from(japanese), Buffer.of(0xff), Buffer.from(japanese)]);
    expect((await read(bytes)).text).toBe(`${japanese}\ufffd${japanese}`);
  });
});

describe('plain text', () => {
  it('keeps the text and finds its paragraphs', async () => {
    const document = await read('\n  First line\r\nsecond line\r\n \t\r\n\r\nThird.\n');
    expect(document.text).toBe('\n  First line\nsecond line\n \t\n\nThird.\n');
    expect(document.blocks.map(({ start, end }) => document.text.slice(start, end))).toEqual(['First line\nsecond line', 'Third.']);
    expect(document.pages).toEqual([{ number: 1, start: 0, end: document.text.length }]);
  });
});
