import type { Estimate } from '../../spec/estimates.ts';
import type { TableColumn, TableRow } from '../../spec/tables.ts';
import { evenly } from '../../util/evenly.ts';
import type { QueryParts } from '../parts.ts';
import { answerCell } from '../table/answer-cell.ts';
import { type PreparedTable, tableDefaults } from '../table/fill-table.ts';
import { bareCellPrompt, cellPrompt } from '../table/table-prompt.ts';
import { type EstimateCall, generationTime, ratesOf, type SampledAnswer } from './generation-time.ts';

/** Rows whose documents are read and counted. */
const countedRows = 24;
/** Cells that are answered: the second one finds the document of the first computed. */
const answeredCells = 2;
/** Of an item in the record, besides what was answered. */
const itemBytes = 600;

/** Counts the documents of some rows, answers two cells, and tells what the table would take. */
export async function estimateTable(
  parts: QueryParts,
  table: { readonly columns: readonly TableColumn[]; readonly rows: readonly TableRow[]; readonly prepared: PreparedTable },
  call: EstimateCall,
): Promise<Estimate> {
  const { columns, rows, prepared } = table;
  const { settings, readers } = prepared;
  const asked = columns.flatMap((column, index) => (readers[index] === undefined ? [] : [{ column, reader: readers[index] }]));
  const readable = rows.filter(({ document }) => document !== null);
  const { tokenizer } = settings.generator;

  const tokensOf = async (prompt: Parameters<typeof tokenizer.tokenizePrompt>[0]) =>
    (await tokenizer.tokenizePrompt(prompt, call.signal)).tokens.length;
  // The rules before the question are computed once for all.
  const questionTokens = await meanOf(asked.slice(0, countedRows), async ({ column, reader }) => {
    const { tokens, partEnds } = await tokenizer.tokenizePrompt(bareCellPrompt(column.question, reader.form), call.signal);
    return tokens.length - (partEnds[0] ?? 0);
  });

  const items = rows.length * columns.length;
  const counted = items < call.leastItems ? [] : evenly(readable, countedRows);
  let wholeTokens = 0;
  let wholeRows = 0;
  for (const row of counted) {
    const document = await settings.rows.read(row);
    if (document.type !== 'whole') continue;
    wholeRows += 1;
    wholeTokens += await tokensOf(cellPrompt('', '', { passages: [document.passage] }).prompt);
  }
  const sample: SampledAnswer[] = [];
  for (const { column, reader } of counted[0] === undefined ? [] : asked.slice(0, answeredCells)) {
    const cell = await answerCell(parts, settings, { row: counted[0]!, column, reader }, call).catch(() => undefined);
    call.signal.throwIfAborted();
    if (cell !== undefined) sample.push({ usage: cell.usage, timings: cell.timings, storedBytes: JSON.stringify(cell).length });
  }

  const scale = counted.length === 0 ? 0 : readable.length / counted.length;
  const cells = readable.length * asked.length;
  const longRows = readable.length - wholeRows * scale;
  const documents = wholeTokens * scale;
  const promptTokens = documents + longRows * asked.length * settings.contextTokens + cells * questionTokens;
  const rates = ratesOf(sample);
  return {
    items,
    unchanged: 0,
    sampled: sample.length,
    newTokens: Math.round(promptTokens + cells * rates.outputTokens),
    reusedTokens: Math.round(documents * Math.max(0, asked.length - 1)),
    ...generationTime(rates, { items: cells, promptTokens, concurrency: call.concurrency ?? tableDefaults.concurrency }),
    diskBytes: Math.round(items * itemBytes + cells * rates.storedBytes),
  };
}

async function meanOf<Item>(items: readonly Item[], of: (item: Item) => Promise<number>): Promise<number> {
  if (items.length === 0) return 0;
  const values = await Promise.all(items.map(of));
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
