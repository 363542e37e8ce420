import { utils, read as readWorkbook, type CellObject } from '@e965/xlsx';
import { parse } from 'csv-parse/sync';
import { expect, it } from 'vitest';
import type { Mill } from '../spec/mill.ts';
import type { Place } from '../spec/page-kind.ts';
import type { RunRecord } from '../spec/store.ts';
import type { SettledCell } from '../spec/tables.ts';
import { csvPieces, workbookPieces } from './table-file.ts';

const places: readonly Place[] = [
  { pageKind: 'sheet', page: 2, pageLabel: 'Fares' },
  { pageKind: 'page', page: 4, pageLabel: 'iv' },
  { pageKind: null, page: 1, pageLabel: null },
];
const cells = places.map((place, row) => {
  const citation = { ...place, number: 1, document: 'd', source: `source ${row}`, title: null, start: 0, end: 1, quote: 'x' };
  const cell = { row, column: 0, uri: `source ${row}`, title: null, type: 'text', status: 'done', value: 'x', support: 1, error: null };
  return { ...cell, stale: false, citations: [citation] } as unknown as SettledCell;
});
const run = { id: 'run', definition: { columns: [{ id: 'price', question: 'Price?' }], rows: cells } } as unknown as RunRecord;
const mill = {
  runs: {
    async *cells() {
      yield* await Promise.resolve(cells);
    },
  },
} as unknown as Pick<Mill, 'runs'>;

it('says in the CSV where each value stands', async () => {
  let text = '';
  for await (const piece of csvPieces(mill, run, true)) text += piece;
  const rows = parse<Record<string, string>>(text, { columns: true });
  expect(rows.map((row) => row['price: place'])).toEqual(['sheet Fares', 'page iv', '']);
});

it('says in the workbook where each value stands, in notes and beside it', async () => {
  const pieces: Uint8Array[] = [];
  for await (const piece of workbookPieces(mill, run)) pieces.push(piece);
  const book = readWorkbook(Buffer.concat(pieces));
  const table = book.Sheets['Table'] as Record<string, CellObject>;
  expect(['C2', 'C3', 'C4'].map((name) => table[name]?.c?.[0]?.t)).toEqual([
    '"x"\nsource 0, sheet Fares',
    '"x"\nsource 1, page iv',
    '"x"\nsource 2',
  ]);
  const details = utils.sheet_to_json<Record<string, unknown>>(book.Sheets['Cells']!, { defval: '' });
  expect(details.map(({ place }) => place)).toEqual(['sheet Fares', 'page iv', '']);
});
