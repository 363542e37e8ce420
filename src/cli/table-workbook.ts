import type { CellObject, WorkSheet } from '@e965/xlsx';
import { MillraceError } from '../errors.ts';
import type { SettledCell, TableColumn } from '../spec/tables.ts';
import { cellText, headOf, type TableFileRow } from './table-rows.ts';
import { shorten, sourceName, visible } from './terminal.ts';

/** A workbook is made in memory. */
const mostCells = 200_000;
/** Excel holds 32,767 characters in a cell. */
const mostCharacters = 32_000;

/**
 * A workbook with the sheet "Table", a row for each document and a column for each question, whose cells have their quotes as notes, and
 * the sheet "Cells" with quote, place and support of each value. Texts are texts: nothing in it is a formula.
 */
export async function writeWorkbook(columns: readonly TableColumn[], rows: AsyncIterable<TableFileRow>): Promise<Uint8Array> {
  const { utils, write } = await import('@e965/xlsx');
  const table: CellObject[][] = [['source', 'title', ...columns.map(headOf)].map(text)];
  const cells: CellObject[][] = [['source', 'question', 'status', 'value', 'support', 'page', 'quote', 'error'].map(text)];
  for await (const row of rows) {
    table.push([
      text(sourceName(row.uri)),
      text(row.title ?? ''),
      ...row.cells.map((cell) => (cell === undefined ? text('') : valueCell(cell))),
    ]);
    for (const [column, cell] of row.cells.entries()) if (cell !== undefined) cells.push(detailCells(cell, columns[column]));
    if (cells.length <= mostCells) continue;
    throw new MillraceError('E_INPUT_INVALID', `A table of more than ${mostCells} cells does not go into a workbook.`, {
      remedy: 'Write it as .csv or .jsonl: millrace runs export <id> --out table.csv.',
    });
  }
  const book = utils.book_new();
  utils.book_append_sheet(book, sheetOf(table), 'Table');
  utils.book_append_sheet(book, sheetOf(cells), 'Cells');
  return new Uint8Array(write(book, { type: 'array', bookType: 'xlsx', compression: true }) as ArrayBuffer);

  function sheetOf(lines: readonly (readonly CellObject[])[]): WorkSheet {
    const sheet = utils.aoa_to_sheet(lines as CellObject[][]);
    sheet['!cols'] = (lines[0] ?? []).map(() => ({ wch: 28 }));
    return sheet;
  }
}

function valueCell(cell: SettledCell): CellObject {
  const { value, type } = cell;
  const made =
    type === 'number' && value !== null
      ? numberCell(value as { readonly number: number; readonly unit: string | null })
      : text(cellText(cell));
  const [citation] = cell.citations;
  if (citation === undefined) return made;
  const note = `"${citation.quote}"\n${sourceName(citation.source)}, page ${citation.pageLabel ?? citation.page}`;
  return { ...made, c: Object.assign([{ a: 'millrace', t: clean(note) }], { hidden: true }) };
}

/** The unit is shown by the format, so that the value can be calculated with. */
function numberCell({ number, unit }: { readonly number: number; readonly unit: string | null }): CellObject {
  return { t: 'n', v: number, ...(unit === null ? {} : { z: `General" ${clean(unit).replaceAll(/["\\]/gu, '')}"` }) };
}

function detailCells(cell: SettledCell, column: TableColumn | undefined): CellObject[] {
  const [citation] = cell.citations;
  return [
    text(sourceName(cell.uri)),
    text(column === undefined ? cell.question : headOf(column)),
    text(cell.status),
    text(cell.status === 'done' ? cellText(cell) : ''),
    cell.support === null ? text('') : { t: 'n', v: cell.support },
    citation === undefined ? text('') : { t: 'n', v: citation.page },
    text(cell.citations.map(({ quote }) => quote).join('\n')),
    text(cell.error === null ? '' : `${cell.error.code}: ${cell.error.message}`),
  ];
}

function text(value: string): CellObject {
  return { t: 's', v: clean(value) };
}

function clean(value: string): string {
  return shorten(visible(value), mostCharacters);
}
