import type { RunItem } from '../../spec/store.ts';
import type { SettledCell, TableColumn, TableRow } from '../../spec/tables.ts';
import { hashOf } from '../../util/hash.ts';
import type { StoredCell } from './answer-cell.ts';

/** What is stored of a cell before it is answered: its row as it was when the cell was put into the run. */
export interface CellInput extends TableRow {
  readonly row: number;
  readonly column: number;
}

export function cellKey(column: TableColumn, textSha256: string | null, source: string, pipelineHash: string): string {
  const { question, id, type, unit, schema } = column;
  return hashOf({ question, id, type, unit, schema, document: textSha256 ?? { missing: source }, pipeline: pipelineHash });
}

const nothing: Omit<StoredCell, 'read' | 'timings' | 'usage' | 'model' | 'text'> &
  Record<'read' | 'timings' | 'usage' | 'model' | 'text', null> &
  Pick<SettledCell, 'stale'> = {
  value: null,
  empty: false,
  text: null,
  citations: [],
  support: null,
  meanLogProbability: null,
  read: null,
  timings: null,
  usage: null,
  model: null,
  stale: false,
};

/** An item of a table that is settled, as it is told. */
export function settledCell(item: RunItem, columns: readonly TableColumn[]): SettledCell {
  const { row, column, source, uri, title, document } = item.input as CellInput;
  const asked = columns[column];
  return {
    index: item.number,
    row,
    column,
    source,
    uri,
    title,
    document,
    id: asked?.id ?? null,
    question: asked?.question ?? '',
    type: asked?.type ?? 'text',
    status: item.status ?? 'failed',
    ...nothing,
    ...(item.status === 'done' ? (item.result as StoredCell | null) : null),
    citations: item.status === 'done' ? [...((item.result as StoredCell | null)?.citations ?? [])] : [],
    error: item.error,
    attempts: item.attempt,
    startedAt: item.startedAt === null ? null : new Date(item.startedAt).toISOString(),
    endedAt: new Date(item.endedAt ?? 0).toISOString(),
  };
}
