import type { Mill } from '../spec/mill.ts';
import type { RunEvent } from '../spec/runs.ts';
import type { RunRecord } from '../spec/store.ts';
import { createAnswerFile } from './answer-file.ts';
import { formatOf, type LineFile, openPartial, requireFree, requireWritable } from './output-file.ts';
import { createCellFile, csvPieces, type TablePieces, workbookPieces } from './table-file.ts';

/** The file of a run: a projection of its record. It is left as it is until the run has begun. */
export interface RunOutput {
  /** The run has begun; what an earlier life of it settled comes first. */
  begin(mill: Mill, run: string, resumed: boolean): Promise<void>;
  /** What settles, where the format can hold it before the end. */
  append(event: RunEvent): Promise<void>;
  /** Writes the file anew from the record, in the order of the input, and gives it its name. */
  finish(mill: Mill, run: string): Promise<void>;
  /** Leaves what there is of an interrupted run, under the name of a partial file. */
  leave(mill: Mill, run: string): Promise<void>;
  close(): Promise<void>;
}

export interface RunOutputOptions {
  readonly force: boolean;
  /** Of a table as CSV: quote, place and support of each value beside it. */
  readonly details?: boolean;
}

/** @throws MillraceError E_OUTPUT_EXISTS without `force`, E_INPUT_INVALID for another kind of file */
export async function createRunOutput(kind: RunRecord['kind'], path: string, options: RunOutputOptions): Promise<RunOutput> {
  if (kind !== 'table') {
    const itemIn = (event: RunEvent) => (event.type === 'item-settled' ? event.item : undefined);
    return lineOutput(await createAnswerFile(path, options), itemIn, (mill, run) => mill.runs.items(run));
  }
  const create = formatOf(
    path,
    {
      '.csv': () => tableOutput(path, options.force, (mill, run) => csvPieces(mill, run, options.details === true)),
      '.xlsx': () => tableOutput(path, options.force, workbookPieces),
      '.jsonl': async () => {
        const cellIn = (event: RunEvent) => (event.type === 'cell-settled' ? event.cell : undefined);
        return lineOutput(await createCellFile(path, options), cellIn, (mill, run) => mill.runs.cells(run));
      },
    },
    'The table',
  );
  return create();
}

function lineOutput<Item>(
  file: LineFile<Item>,
  itemIn: (event: RunEvent) => Item | undefined,
  itemsOf: (mill: Mill, run: string) => AsyncIterable<Item>,
): RunOutput {
  return {
    async begin(mill, run, resumed) {
      await file.begin();
      if (resumed) for await (const item of itemsOf(mill, run)) await file.append(item);
    },
    async append(event) {
      const item = itemIn(event);
      if (item !== undefined) await file.append(item);
    },
    finish: (mill, run) => file.finish(itemsOf(mill, run)),
    leave: () => Promise.resolve(),
    close: () => file.close(),
  };
}

/** Rows and columns are made of the whole record, so that nothing is written before the run ends. */
async function tableOutput(path: string, force: boolean, pieces: TablePieces): Promise<RunOutput> {
  await requireFree(path, force);
  await requireWritable(path);

  async function write(mill: Mill, run: string) {
    const file = await openPartial(path);
    try {
      for await (const piece of pieces(mill, await mill.runs.show(run))) await file.write(piece);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  return {
    begin: () => Promise.resolve(),
    append: () => Promise.resolve(),
    finish: async (mill, run) => (await write(mill, run)).complete(),
    leave: async (mill, run) => (await write(mill, run)).close(),
    close: () => Promise.resolve(),
  };
}
