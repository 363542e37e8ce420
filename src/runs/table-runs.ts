import { MillraceError } from '../errors.ts';
import { estimateTable } from '../query/estimate/estimate-table.ts';
import type { Estimate, EstimateOptions } from '../spec/estimates.ts';
import { noCounts } from '../query/run/progress.ts';
import { chooseRows, currentRow, mostCells } from '../query/table/choose-rows.ts';
import { fillTable, prepareTable, renewedItem } from '../query/table/fill-table.ts';
import { type CellInput, settledCell } from '../query/table/settled-cell.ts';
import { tableColumns } from '../query/table/table-columns.ts';
import { queryDefaults } from '../query/resolve-pipeline.ts';
import { canonicalJson } from '../util/hash.ts';
import type { RunId } from '../spec/identifiers.ts';
import type { BatchQuestion, RetryChoice } from '../spec/runs.ts';
import type { RunItem, RunRecord } from '../spec/store.ts';
import type { SettledCell, TableColumn, TableDefinition, TableOptions, TableQuestion, TableRow } from '../spec/tables.ts';
import { definedOnly, otherModel } from './question-runs.ts';
import { markCitations } from './stale-items.ts';
import type { RunAtWork, RunKind, RunRecords } from './run-records.ts';

/** Runs of kind `table`. All of their cells are known when they begin, and stand in their definition. */
export function createTableRuns(
  records: RunRecords,
  defaults: { readonly contextTokens?: number; readonly maxTokens?: number },
  workingDirectory: string,
) {
  const { query, store } = records;
  /** Rows as they are now, each read once. */
  function rowsNow(options: TableDefinition['options']): (row: TableRow) => Promise<TableRow> {
    const known = new Map<string, Promise<TableRow>>();
    const scope = { ...options, collection: options.collection ?? queryDefaults.collection };
    return (row) => {
      const found = known.get(row.source) ?? currentRow(store, scope, row, workingDirectory);
      known.set(row.source, found);
      return found;
    };
  }
  const outcomeIn = (columns: readonly TableColumn[]) => (item: RunItem) => {
    const { status, empty, usage } = settledCell(item, columns);
    return { status, abstained: empty, usage };
  };

  /** The table of a run, made ready as it was when it began. */
  async function unchanged(run: RunRecord, signal: AbortSignal) {
    const { columns, options, pipelineHash } = definitionOf(run);
    const table = await prepareTable(query, columns, options, signal);
    if (table.hash !== pipelineHash) throw otherModel(run.id);
    return table;
  }

  /** Rows and columns of a new table. */
  async function decide(questions: readonly TableQuestion[], asked: TableDefinition['options'], signal: AbortSignal) {
    const options = { ...defaults, ...asked };
    const collection = options.collection ?? queryDefaults.collection;
    const columns = tableColumns(questions);
    if (columns.length === 0) throw new MillraceError('E_INPUT_INVALID', 'The table has no question.');
    const rows = await chooseRows(store, { ...options, collection }, workingDirectory);
    if (rows.length * columns.length > mostCells) {
      const size = `${rows.length} documents and ${columns.length} questions`;
      throw new MillraceError('E_INPUT_INVALID', `A table of ${size} has more than ${mostCells} cells.`, {
        remedy: 'Make several tables of it.',
      });
    }
    return { options, columns, rows, table: await prepareTable(query, columns, options, signal) };
  }

  const kind: RunKind = {
    async resume(run, questions, limits, signal): Promise<RunAtWork> {
      const { columns, rows } = definitionOf(run);
      if (questions !== undefined) await requireSame(columns, questions);
      const table = await unchanged(run, signal);
      const before = await records.count(run, outcomeIn(columns));
      const journal = await records.goOn(run.id);
      return { journal, before, work: (call) => fillTable(query, { columns, rows, table, journal, before, limits }, call) };
    },
    async reopen(run, which, signal) {
      const { columns, options } = definitionOf(run);
      const { hash } = await unchanged(run, signal);
      const now = rowsNow(options);
      for await (const page of records.settledPages(run.id)) {
        const renewed = [];
        for (const item of page) {
          const input = item.input as CellInput;
          const row = await now(input);
          if (isWanted(item, row, which))
            renewed.push(renewedItem(columns, { ...row, row: input.row, column: input.column }, item.number, hash));
        }
        signal.throwIfAborted();
        if (renewed.length > 0) await store.commit([{ type: 'renewRunItems', run: run.id, items: renewed }]);
      }
    },
  };

  return {
    kind,
    async start(questions: readonly TableQuestion[], given: Omit<TableOptions, 'signal'>, signal: AbortSignal): Promise<RunAtWork> {
      const { concurrency, ordered, questionTimeoutMs, maxTimeMs, label = {}, ...asked } = given;
      const { options, columns, rows, table } = await decide(questions, asked, signal);
      const definition: TableDefinition = { options, pipelineHash: table.hash, label, columns, rows };
      const journal = await records.create('table', definition);
      const limits = definedOnly({ concurrency, ordered, questionTimeoutMs, maxTimeMs });
      return {
        journal,
        before: noCounts,
        work: (call) => fillTable(query, { columns, rows, table, journal, before: noCounts, limits }, call),
      };
    },
    async estimate(questions: readonly TableQuestion[], given: TableOptions & EstimateOptions, signal: AbortSignal): Promise<Estimate> {
      const { concurrency, leastItems = 0, ordered: _o, questionTimeoutMs: _q, maxTimeMs: _m, label: _l, ...asked } = given;
      const { columns, rows, table } = await decide(questions, asked, signal);
      return estimateTable(query, { columns, rows, prepared: table }, { signal, concurrency, leastItems });
    },
    async *cells(id: RunId, run: RunRecord): AsyncIterable<SettledCell> {
      const { columns, options } = definitionOf(run);
      const now = rowsNow(options);
      for await (const page of records.settledPages(id)) {
        const cells = [];
        for (const item of page) {
          const row = item.status === 'done' ? await now(item.input as CellInput) : undefined;
          cells.push({ ...settledCell(item, columns), stale: row !== undefined && isWanted(item, row, 'stale') });
        }
        yield* await markCitations(store, cells);
      }
    },
  };
}

function definitionOf(run: RunRecord): TableDefinition {
  return run.definition as TableDefinition;
}

/** Stale is a cell whose document has another text by now, whatever else changed in the collection. */
function isWanted(item: RunItem, now: TableRow, which: RetryChoice): boolean {
  if (which === 'failed') return item.status === 'failed' || item.status === 'expired';
  if (item.status !== 'done') return false;
  if (which === 'stale') return (item.input as CellInput).textSha256 !== now.textSha256;
  return (item.result as { readonly empty?: boolean } | null)?.empty === true;
}

/** @throws MillraceError E_RUN_CHANGED with the first question that differs */
async function requireSame(
  columns: readonly TableColumn[],
  questions: Iterable<BatchQuestion> | AsyncIterable<BatchQuestion>,
): Promise<void> {
  const given: TableQuestion[] = [];
  for await (const question of questions) given.push(question);
  const now = tableColumns(given);
  const length = Math.max(now.length, columns.length);
  const index = Array.from({ length }, (_, place) => place).find((place) => !isSame(now[place], columns[place]));
  if (index === undefined) return;
  throw new MillraceError(
    'E_RUN_CHANGED',
    `The questions are not those that the table began with: at question ${index + 1} it is another one, or none.`,
    { details: { index } },
  );
}

function isSame(a: TableColumn | undefined, b: TableColumn | undefined): boolean {
  return a !== undefined && b !== undefined && canonicalJson(a) === canonicalJson(b);
}
