import type { ErrorData } from '../../spec/failure.ts';
import type { RunItem } from '../../spec/store.ts';

export const itemColumns = 'run, number, key, input, state, status, attempt, fence, result, error, started_at, ended_at';

type ItemRow = Omit<RunItem, 'input' | 'result' | 'error' | 'startedAt' | 'endedAt'> & {
  readonly input: string;
  readonly result: string | null;
  readonly error: string | null;
  readonly started_at: number | null;
  readonly ended_at: number | null;
};

/** A row of `itemColumns`. */
export function itemOf(value: unknown): RunItem {
  const { started_at: startedAt, ended_at: endedAt, ...row } = value as ItemRow;
  return {
    ...row,
    input: JSON.parse(row.input) as unknown,
    result: row.result === null ? null : (JSON.parse(row.result) as unknown),
    error: row.error === null ? null : (JSON.parse(row.error) as ErrorData),
    startedAt,
    endedAt,
  };
}
