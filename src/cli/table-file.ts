import type { Mill } from '../spec/mill.ts';
import { placeOf } from '../spec/page-kind.ts';
import type { RunRecord } from '../spec/store.ts';
import type { SettledCell, TableDefinition } from '../spec/tables.ts';
import { csvLine } from './csv.ts';
import { createLineFile, type LineFile } from './output-file.ts';
import { cellText, headOf, tableRows } from './table-rows.ts';
import { sourceName } from './terminal.ts';

/** A table as a file, in pieces: a row for each document and a column for each question. */
export type TablePieces = (mill: Pick<Mill, 'runs'>, run: RunRecord) => AsyncIterable<string | Uint8Array>;

/** A line of JSON for each cell. */
export function createCellFile(path: string, options: { readonly force: boolean }): Promise<LineFile<SettledCell>> {
  return createLineFile(path, { head: '', line: (cell) => `${JSON.stringify(cell)}\n` }, options);
}

/** The library is loaded when a workbook is written. */
export async function* workbookPieces(mill: Pick<Mill, 'runs'>, run: RunRecord): AsyncIterable<Uint8Array> {
  const { writeWorkbook } = await import('./table-workbook.ts');
  yield await writeWorkbook((run.definition as TableDefinition).columns, tableRows(mill, run));
}

/**
 * The last column names those whose values are stale.
 * @param details quote, place and support of each value beside it
 */
export async function* csvPieces(mill: Pick<Mill, 'runs'>, run: RunRecord, details: boolean): AsyncIterable<string> {
  const { columns } = run.definition as TableDefinition;
  const heads = columns.map(headOf).flatMap((head) => (details ? [head, `${head}: quote`, `${head}: place`, `${head}: support`] : [head]));
  yield csvLine(['source', 'title', ...heads, 'stale']);
  for await (const { uri, title, cells } of tableRows(mill, run)) {
    const values = cells.flatMap((cell) => {
      const [citation] = cell?.citations ?? [];
      const text = cell === undefined ? '' : cellText(cell);
      return details ? [text, citation?.quote ?? '', citation === undefined ? '' : placeOf(citation), String(cell?.support ?? '')] : [text];
    });
    const stale = columns.filter((_, column) => cells[column]?.stale === true).map(headOf);
    yield csvLine([sourceName(uri), title ?? '', ...values, stale.join('; ')]);
  }
}
