import { MillraceError } from '../../errors.ts';
import type { RunItem } from '../../spec/store.ts';
import type { TableColumn, TableDefinition, TableRow } from '../../spec/tables.ts';
import { hashOf } from '../../util/hash.ts';
import type { QueryParts } from '../parts.ts';
import { queryDefaults } from '../resolve-pipeline.ts';
import type { JournalItem, RunJournal } from '../run/journal.ts';
import type { RunCounts } from '../run/progress.ts';
import { type BatchCall, type BatchLimits, runBatch, type RunSummaryBody } from '../run/run-batch.ts';
import { answerCell, type CellSettings } from './answer-cell.ts';
import { createRowReader, documentBudget } from './row-reader.ts';
import { type CellInput, cellKey, settledCell } from './settled-cell.ts';
import { bareCellPrompt, tablePromptVersion } from './table-prompt.ts';
import { valueReader, type ValueReader } from './value-type.ts';

export const tableDefaults = { concurrency: 16 } as const;

/** Items appended in one transaction. */
const batchSize = 256;

export interface PreparedTable {
  readonly settings: CellSettings;
  /** How each column is read; undefined where the question could not be read. */
  readonly readers: readonly (ValueReader | undefined)[];
  /** What decides the values besides questions and documents. */
  readonly hash: string;
  /** Longest document that is read whole. */
  readonly documentTokens: number;
}

/**
 * Loads the models and reads the questions, so that a wrong schema or a missing model fails the table and not each of its cells.
 * @throws MillraceError E_SCHEMA_UNSUPPORTED, E_INPUT_INVALID, E_MODEL_NOT_INSTALLED
 */
export async function prepareTable(
  parts: QueryParts,
  columns: readonly TableColumn[],
  options: TableDefinition['options'],
  signal: AbortSignal,
): Promise<PreparedTable> {
  const readers = columns.map((column) => (column.unreadable === undefined ? valueReader(column) : undefined));
  const collection = options.collection ?? queryDefaults.collection;
  const mode = options.mode ?? 'hybrid';
  const embedder = mode === 'text' ? undefined : await parts.embedder(collection);
  const generator = await parts.generator(() => undefined);
  const contextTokens = options.contextTokens ?? queryDefaults.contextTokens;
  const roomTokens = await roomForDocument(generator, columns, readers, options.maxTokens, signal);
  const documentTokens = documentBudget({ asked: options.documentTokens, questions: columns.length, contextTokens, roomTokens });
  const { maxTokens, temperature = 0, seed = 0, timeouts } = options;
  return {
    readers,
    documentTokens,
    settings: {
      generator,
      rows: createRowReader(parts.store, generator, documentTokens),
      collection,
      mode,
      contextTokens,
      maxTokens,
      temperature,
      seed,
      timeouts,
    },
    hash: hashOf({
      version: tablePromptVersion,
      generator: generator.model.hash,
      embedder: embedder?.model.hash,
      mode,
      contextTokens,
      documentTokens: options.documentTokens,
      maxTokens,
      temperature,
      seed,
    }),
  };
}

/** What one sequence holds beside the longest question and its answer. */
async function roomForDocument(
  generator: CellSettings['generator'],
  columns: readonly TableColumn[],
  readers: readonly (ValueReader | undefined)[],
  maxTokens: number | undefined,
  signal: AbortSignal,
): Promise<number> {
  let most = 0;
  for (const [index, reader] of readers.entries()) {
    if (reader === undefined) continue;
    const { tokens } = await generator.tokenizer.tokenizePrompt(bareCellPrompt(columns[index]?.question ?? '', reader.form), signal);
    most = Math.max(most, tokens.length + (maxTokens ?? reader.maxTokens));
  }
  return generator.model.maxSequenceTokens - most;
}

export interface TableRun {
  readonly columns: readonly TableColumn[];
  readonly rows: readonly TableRow[];
  readonly table: PreparedTable;
  readonly journal: RunJournal;
  /** `found` of it are in the journal already. */
  readonly before: RunCounts;
  readonly limits: BatchLimits;
}

/** Every question for every document, row after row: the cells of a document run next to each other, and its tokens are computed once. */
export function fillTable(parts: QueryParts, run: TableRun, call: BatchCall): Promise<RunSummaryBody> {
  const { columns, table, journal, before, limits } = run;
  return runBatch(
    parts.clock,
    {
      journal,
      before,
      limits,
      concurrency: tableDefaults.concurrency,
      source: (onFound) => cellItems(run, onFound),
      execute(item, bounds) {
        const input = item.input as CellInput;
        const column = columns[input.column];
        if (column === undefined) throw new MillraceError('E_INTERNAL', `The table has no column ${input.column}.`);
        const reader = table.readers[input.column];
        if (reader === undefined) throw MillraceError.fromJSON(column.unreadable as Parameters<typeof MillraceError.fromJSON>[0]);
        return answerCell(parts, table.settings, { row: input, column, reader }, bounds);
      },
      tell(item: RunItem) {
        const cell = settledCell(item, columns);
        return { event: { type: 'cell-settled', cell }, outcome: { status: cell.status, abstained: cell.empty, usage: cell.usage } };
      },
    },
    call,
  );
}

/** The cells that are not in the journal yet. How many there are is known from the start. */
async function* cellItems(
  { columns, rows, table, before }: TableRun,
  onFound: (found: number, all: boolean) => Promise<void>,
): AsyncIterable<readonly JournalItem[]> {
  const total = rows.length * columns.length;
  await onFound(total, true);
  for (let number = before.found; number < total; number += batchSize) {
    const length = Math.min(batchSize, total - number);
    yield Array.from({ length }, (_, offset) => cellItem(columns, rows, number + offset, table.hash));
  }
}

function cellItem(columns: readonly TableColumn[], rows: readonly TableRow[], number: number, pipelineHash: string): JournalItem {
  const row = Math.floor(number / columns.length);
  const column = number % columns.length;
  return renewedItem(columns, { ...rows[row]!, row, column }, number, pipelineHash);
}

/** The item of a cell whose row is as given. */
export function renewedItem(columns: readonly TableColumn[], input: CellInput, number: number, pipelineHash: string): JournalItem {
  return { number, key: cellKey(columns[input.column]!, input.textSha256, input.source, pipelineHash), input };
}
