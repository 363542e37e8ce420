import { type FileHandle, open, rename, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { MillraceError, toMillraceError } from '../errors.ts';
import type { SettledQuestion } from '../spec/runs.ts';
import { sourceName } from './terminal.ts';

/** The file of a run's answers: a projection of its record, under another name until it is whole. */
export interface AnswerFile {
  append(item: SettledQuestion): Promise<void>;
  /** Writes the file anew from the items, in their order, and gives it its name. */
  finish(items: AsyncIterable<SettledQuestion>): Promise<void>;
  /** Leaves what there is under the name `<path>.partial`. */
  close(): Promise<void>;
}

/**
 * @throws MillraceError E_OUTPUT_EXISTS without `force`, E_INPUT_INVALID for another kind of file
 */
export async function createAnswerFile(path: string, options: { readonly force: boolean }): Promise<AnswerFile> {
  const format = formats[extname(path).toLowerCase()];
  if (format === undefined) {
    throw new MillraceError('E_INPUT_INVALID', `Answers cannot be written to ${path}: its ending names no known format.`, {
      remedy: `Give a file that ends in ${Object.keys(formats).join(' or ')}.`,
    });
  }
  if (!options.force && (await stat(path).catch(() => undefined)) !== undefined) {
    throw new MillraceError('E_OUTPUT_EXISTS', `The file ${path} exists already.`);
  }
  const partial = `${path}.partial`;
  let handle = await begin();

  async function begin(): Promise<FileHandle> {
    try {
      const opened = await open(partial, 'w');
      await opened.writeFile(format!.head);
      return opened;
    } catch (error) {
      throw toMillraceError(error, 'E_INPUT_INVALID', `${partial} cannot be written`);
    }
  }

  const write = (item: SettledQuestion): Promise<void> =>
    handle.writeFile(format.line(item)).catch((error: unknown) => {
      throw toMillraceError(error, 'E_STORE_FAILED', `Writing to ${partial} failed`);
    });

  return {
    append: write,
    async finish(items) {
      await handle.close();
      handle = await begin();
      for await (const item of items) await write(item);
      await handle.sync();
      await handle.close();
      await rename(partial, path);
    },
    close: () => handle.close().catch(() => undefined),
  };
}

interface Format {
  readonly head: string;
  line(item: SettledQuestion): string;
}

const columns = [
  'index',
  'id',
  'question',
  'status',
  'answer',
  'abstained',
  'citations',
  'error',
  'attempts',
  'startedAt',
  'endedAt',
  'totalMs',
] as const;

const formats: Readonly<Record<string, Format>> = {
  '.jsonl': { head: '', line: (item) => `${JSON.stringify(item)}\n` },
  '.csv': { head: `${columns.join(',')}\r\n`, line: (item) => `${columns.map((name) => cell(valueOf(item, name))).join(',')}\r\n` },
};

function valueOf(item: SettledQuestion, column: (typeof columns)[number]): string {
  if (column === 'citations')
    return item.citations.map(({ source, page, quote }) => `${sourceName(source)}, page ${page}: "${quote}"`).join('\n');
  if (column === 'error') return item.error === null ? '' : `${item.error.code}: ${item.error.message}`;
  if (column === 'totalMs') return item.timings === null ? '' : item.timings.totalMs.toFixed(0);
  return String(item[column] ?? '');
}

/** RFC 4180. What a spreadsheet would take for a formula gets an apostrophe before it, which makes it text. */
export function cell(value: string): string {
  const inert = /^[\s]*[=+\-@\t\r]/u.test(value) && !/^-?\d+(\.\d+)?$/u.test(value) ? `'${value}` : value;
  return /[",\r\n]/u.test(inert) || inert !== inert.trim() ? `"${inert.replaceAll('"', '""')}"` : inert;
}
