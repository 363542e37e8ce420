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
