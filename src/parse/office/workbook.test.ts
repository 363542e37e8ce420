import { describe, expect, it } from 'vitest';
import { readBlocks } from '../fixtures/read-blocks.ts';
import { writeWorkbook } from '../fixtures/write-office.ts';
import { writeZip } from '../fixtures/write-zip.ts';

const fares = [
  ['Fares of 2031', null, null],
  [],
  ['Stop', 'Fare', 'Since'],
  ['Weir', 12.5, new Date(Date.UTC(2031, 2, 14))],
  ['Mill', 1_000, null],
];

describe('workbooks', () => {
  it.each(['xlsx', 'xlsb', 'biff8', 'ods'] as const)('reads %s: sheets as pages, tables with their header', async (type) => {
    const document = await readBlocks(
      writeWorkbook(
        {
          Fares: fares,
          Empty: [],
          Staff: [
            ['Name', 'Post'],
            ['A. Person', 'guard'],
          ],
        },
        type,
      ),
      'file',
    );
    expect(document.lines.map((line) => line.replace(/\d+\/\d+\/\d+|\d{4}-\d\d-\d\d/, 'DATE').replace(/ DATE\S*/, ' DATE'))).toEqual([
      'heading1: Fares',
      'paragraph: Fares of 2031',
      'table: Stop | Fare | Since\nWeir | 12.5 | DATE\nMill | 1000 |',
      'heading1: Staff',
      'table: Name | Post\nA. Person | guard',
    ]);
    expect(document.pages.map(({ label }) => label)).toEqual(['Fares', 'Empty', 'Staff']);
    expect(document.header).toBe('Stop | Fare | Since');
  });

  it('reads properties', async () => {
    expect(await readBlocks(writeWorkbook({ A: [['x', 'y']] }), 'a.xlsx')).toMatchObject({ title: 'The title', author: 'P. Erson' });
  });

  it('reads the properties of OpenDocument', async () => {
    const office = 'xmlns:office="o" xmlns:table="t" xmlns:text="x" xmlns:dc="d" xmlns:meta="m"';
    const cell = (text: string) => `<table:table-cell office:value-type="string"><text:p>${text}</text:p></table:table-cell>`;
    const row = (...cells: string[]) => `<table:table-row>${cells.map(cell).join('')}</table:table-row>`;
    const sheet = `<table:table table:name="Fares">${row('Stop', 'Fare')}${row('Weir', 'one')}</table:table>`;
    const ods = writeZip({
      mimetype: 'application/vnd.oasis.opendocument.spreadsheet',
      'content.xml': `<office:document-content ${office}><office:body><office:spreadsheet>${sheet}</office:spreadsheet></office:body></office:document-content>`,
      'styles.xml': `<office:document-styles ${office}/>`,
      'META-INF/manifest.xml': '<manifest:manifest xmlns:manifest="mf"/>',
      'meta.xml': `<office:document-meta ${office}><office:meta><dc:title>The plan</dc:title><meta:initial-creator>P. Erson</meta:initial-creator><meta:creation-date>2031-03-14T09:30:00.123456789</meta:creation-date><dc:date>2031-03-15T10:00:00</dc:date></office:meta></office:document-meta>`,
    });
    expect(await readBlocks(ods, 'file')).toMatchObject({
      contentType: 'application/vnd.oasis.opendocument.spreadsheet',
      lines: ['heading1: Fares', 'table: Stop | Fare\nWeir | one'],
      title: 'The plan',
      author: 'P. Erson',
      createdAt: Date.UTC(2031, 2, 14, 9, 30, 0, 123),
      modifiedAt: Date.UTC(2031, 2, 15, 10),
    });
  });

  it('gives names of objects no power', async () => {
    const { text } = await readBlocks(
      writeWorkbook({
        __proto__x: [
          ['__proto__', 'constructor'],
          ['polluted', 'yes'],
        ],
      }),
      'a.xlsx',
    );
    expect(text).toContain('__proto__ | constructor\npolluted | yes');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it.each([
    ['no cells', writeWorkbook({ A: [] }), 'E_DOCUMENT_EMPTY'],
    ['no parts', writeZip({ 'xl/workbook.xml': '<workbook/>' }), 'E_DOCUMENT_DAMAGED'],
    [
      'a sheet that unpacks without end',
      writeZip({ 'xl/workbook.xml': 'x', 'xl/worksheets/sheet1.xml': Buffer.alloc(30 * 1024 * 1024) }),
      'E_DOCUMENT_TOO_LARGE',
    ],
  ])('refuses one with %s', async (_what, bytes, code) => {
    await expect(readBlocks(bytes, 'a.xlsx')).rejects.toMatchObject({ code });
  });
});
