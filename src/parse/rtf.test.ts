import { describe, expect, it } from 'vitest';
import { readBlocks } from './fixtures/read-blocks.ts';

const rtf = (body: string): string =>
  `{\\rtf1\\ansi\\ansicpg1252\\deff0{\\fonttbl{\\f0\\fcharset0 Arial;}{\\f1\\fcharset204 Arial Cyr;}}{\\colortbl;\\red0\\green0\\blue0;}` +
  `{\\info{\\title The title}{\\author P. Erson}{\\creatim\\yr2031\\mo3\\dy14\\hr9\\min30}}${body}}`;

describe('rtf', () => {
  it('reads paragraphs, headings, characters of all kinds and properties', async () => {
    const document = await readBlocks(
      rtf(
        "\\pard\\outlinelevel0 A heading\\par\\pard Caf\\'e9 \\u8364?\\uc2\\u8364??: \\ldblquote so\\rdblquote\\emdash\\~x\\{\\}\\\\\\par{\\f1 \\'cf\\'f0}\\par{\\*\\unknown gone}{\\pict 00ff}\\v hidden\\v0\\par",
      ),
      'file',
    );
    expect(document.contentType).toBe('application/rtf');
    expect(document.lines.slice(0, 3)).toEqual(['heading1: A heading', 'paragraph: Café €€: “so”—\u00a0x{}\\', 'paragraph: Пр']);
    expect(document.text).not.toMatch(/gone|00ff/);
    expect(document).toMatchObject({ title: 'The title', author: 'P. Erson', createdAt: Date.UTC(2031, 2, 14, 9, 30) });
  });

  it('reads tables, notes, comments, lists and pages', async () => {
    const row = (...cells: string[]): string => `\\trowd\\intbl ${cells.map((cell) => `${cell}\\cell `).join('')}\\row`;
    const document = await readBlocks(
      rtf(
        `A claim{\\footnote\\pard The source.}.\\par ${row('Stop', 'Fare')}${row('Weir', '1.00')}\\pard After{\\*\\annotation Really?}.\\par \\bullet\\tab point\\par\\page Second page.\\par`,
      ),
      'a.rtf',
    );
    expect(document.lines).toEqual([
      'paragraph: A claim.',
      'paragraph: The source.',
      'table: Stop | Fare\nWeir | 1.00',
      'paragraph: After.',
      'paragraph: Comment: Really?',
      'list-item: - point',
      'paragraph: Second page.',
    ]);
    expect(document.header).toBe('Stop | Fare');
    expect(document.pages).toHaveLength(2);
  });

  it('refuses an empty one, reads a damaged one, survives nesting and lengths that lie', async () => {
    await expect(readBlocks(rtf(''), 'a.rtf')).rejects.toMatchObject({ code: 'E_DOCUMENT_EMPTY' });
    expect((await readBlocks('{\\rtf1 Half a', 'a.rtf')).text).toBe('Half a');
    expect((await readBlocks(`{\\rtf1 ${'{'.repeat(200_000)}Deep.`, 'a.rtf')).text).toBe('Deep.');
    expect((await readBlocks('{\\rtf1 Before.\\par{\\pict\\bin99999999999 x}', 'a.rtf')).text).toBe('Before.');
  });
});
