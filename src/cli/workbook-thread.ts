import { parentPort } from 'node:worker_threads';
import type { CellObject, WorkSheet } from '@e965/xlsx';
import { utils, write } from '@e965/xlsx';
import { MillraceError } from '../errors.ts';

/** What the thread is given: lines of its sheets, in portions; then it is asked for the workbook. */
export type WorkbookMessage =
  | { readonly type: 'lines'; readonly sheet: string; readonly lines: readonly (readonly CellObject[])[] }
  | { readonly type: 'finish' };

/** Makes one workbook, answers with its bytes and ends. */
function main(): void {
  const port = parentPort;
  if (port === null) throw new MillraceError('E_INTERNAL', 'A workbook is made only in a worker thread.');
  const sheets = new Map<string, CellObject[][]>();
  port.on('message', (message: WorkbookMessage) => {
    if (message.type === 'lines') {
      const lines = sheets.get(message.sheet) ?? [];
      sheets.set(message.sheet, lines);
      for (const line of message.lines) lines.push([...line]);
      return;
    }
    const book = utils.book_new();
    for (const [name, lines] of sheets) utils.book_append_sheet(book, sheetOf(lines), name);
    const bytes = new Uint8Array(write(book, { type: 'array', bookType: 'xlsx', compression: true }) as ArrayBuffer);
    port.postMessage(bytes, [bytes.buffer]);
    port.close();
  });
}

function sheetOf(lines: CellObject[][]): WorkSheet {
  const sheet = utils.aoa_to_sheet(lines);
  sheet['!cols'] = (lines[0] ?? []).map(() => ({ wch: 28 }));
  return sheet;
}

main();
