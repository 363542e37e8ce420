import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { CellObject } from '@e965/xlsx';
import { MillraceError } from '../errors.ts';
import type { SettledCell, TableColumn } from '../spec/tables.ts';
import { placeOf } from '../spec/page-kind.ts';
import { describePlace } from './describe-place.ts';
import { sinceThen } from './show-run.ts';
import { cellText, headOf, type TableFileRow } from './table-rows.ts';
import { entryUrl } from '../util/entry.ts';
import { shorten, sourceName, visible } from './terminal.ts';
import type { WorkbookMessage } from './workbook-thread.ts';

/** A workbook is made in memory. */
const mostCells = 200_000;
/** Excel holds 32,767 characters in a cell. */
const mostCharacters = 32_000;
/** Cells of one message to the thread that makes the workbook. */
const portionCells = 500;

/**
 * A workbook with the sheet "Table", a row for each document and a column for each question, whose cells have their quotes as notes, and
 * the sheet "Cells" with quote, place and support of each value. Texts are texts: nothing in it is a formula. Made in a thread of its own.
 */
export async function writeWorkbook(columns: readonly TableColumn[], rows: AsyncIterable<TableFileRow>): Promise<Uint8Array> {
  const worker = new Worker(entryUrl('workbook'), { execArgv: [] });
  const send = (message: WorkbookMessage): void => worker.postMessage(message);
  const made = once(worker, 'message') as Promise<[Uint8Array]>;
  // Reported below, or of no interest when the rows fail first.
  made.catch(() => undefined);
  let table: CellObject[][] = [['source', 'title', ...columns.map(headOf)].map(text)];
  let cells: CellObject[][] = [['source', 'question', 'status', 'value', 'support', 'place', 'quote', 'error', 'stale'].map(text)];
  let count = 0;

  function sendLines(): void {
    send({ type: 'lines', sheet: 'Table', lines: table });
    send({ type: 'lines', sheet: 'Cells', lines: cells });
    table = [];
    cells = [];
  }

  try {
    for await (const row of rows) {
      table.push([
        text(sourceName(row.uri)),
        text(row.title ?? ''),
        ...row.cells.map((cell) => (cell === undefined ? text('') : valueCell(cell))),
      ]);
      for (const [column, cell] of row.cells.entries()) if (cell !== undefined) cells.push(detailCells(cell, columns[column]));
      count += row.cells.length;
      if (count > mostCells) {
        throw new MillraceError('E_INPUT_INVALID', `A table of more than ${mostCells} cells does not go into a workbook.`, {
          remedy: 'Write it as .csv or .jsonl: millrace runs export <id> --out table.csv.',
        });
      }
      if (cells.length >= portionCells) sendLines();
    }
    sendLines();
    send({ type: 'finish' });
    const [bytes] = await made;
    return bytes;
  } finally {
    await worker.terminate();
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
  const note = `"${citation.quote}"\n${describePlace(citation)}${sinceThen(citation)}`;
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
    text(citation === undefined ? '' : placeOf(citation)),
    text(cell.citations.map(({ quote }) => quote).join('\n')),
    text(cell.error === null ? '' : `${cell.error.code}: ${cell.error.message}`),
    text(cell.stale ? 'stale: the document has changed' : ''),
  ];
}

function text(value: string): CellObject {
  return { t: 's', v: clean(value) };
}

function clean(value: string): string {
  return shorten(visible(value), mostCharacters);
}
