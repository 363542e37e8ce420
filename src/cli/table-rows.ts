import type { Mill } from '../spec/mill.ts';
import type { RunRecord } from '../spec/store.ts';
import type { SettledCell, TableColumn, TableDefinition } from '../spec/tables.ts';

export interface TableFileRow {
  readonly uri: string;
  readonly title: string | null;
  /** One for each column; undefined where it has not settled yet. */
  readonly cells: readonly (SettledCell | undefined)[];
}

/** The rows of a table, those without a settled cell included. */
export async function* tableRows(mill: Pick<Mill, 'runs'>, run: RunRecord): AsyncIterable<TableFileRow> {
  const { columns, rows } = run.definition as TableDefinition;
  let number = 0;
  let cells: (SettledCell | undefined)[] = [];
  const rowAt = (index: number, held: readonly (SettledCell | undefined)[]): TableFileRow => {
    // A cell that was done again may know the source under another title.
    const known = held.find((cell) => cell !== undefined) ?? rows[index];
    return { uri: known?.uri ?? '', title: known?.title ?? null, cells: columns.map((_, column) => held[column]) };
  };
  for await (const cell of mill.runs.cells(run.id)) {
    for (; number < cell.row; number += 1) {
      yield rowAt(number, cells);
      cells = [];
    }
    cells[cell.column] = cell;
  }
  for (; number < rows.length; number += 1) {
    yield rowAt(number, cells);
    cells = [];
  }
}

export function headOf(column: TableColumn): string {
  return column.id ?? column.question;
}

/** A value in words; what failed says why. */
export function cellText(cell: SettledCell): string {
  const { status, value, type, error } = cell;
  if (status !== 'done') return `error[${error?.code ?? status}]: ${error?.message ?? status}`;
  if (value === null) return '';
  if (type === 'yes/no') return value === true ? 'yes' : 'no';
  if (type === 'number') {
    const { number, unit } = value as { readonly number: number; readonly unit: string | null };
    return unit === null ? String(number) : `${number} ${unit}`;
  }
  if (type === 'list') return (value as readonly string[]).join('; ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
