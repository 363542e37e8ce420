import { MillraceError, toMillraceError } from '../../errors.ts';
import { type TableColumn, type TableQuestion, tableQuestion } from '../../spec/tables.ts';
import { valueReader } from './value-type.ts';

/** The questions as columns. One that cannot be asked becomes a column whose cells fail with the reason: no other is disturbed. Pure. */
export function tableColumns(questions: readonly TableQuestion[]): TableColumn[] {
  const ids = new Set<string>();
  return questions.map((question, index) => {
    const parsed = tableQuestion.safeParse(question);
    if (!parsed.success) return unreadable({ question: '' }, `Question ${index + 1} is not valid: ${parsed.error.issues[0]?.message}.`);
    const column: TableColumn = typeof parsed.data === 'string' ? { question: parsed.data } : parsed.data;
    if (column.unreadable !== undefined) return column;
    const problem = problemOf(column, ids);
    if (column.id !== undefined) ids.add(column.id);
    return problem === undefined ? column : unreadable(column, `Question ${index + 1} ${problem}`);
  });
}

function problemOf(column: TableColumn, ids: ReadonlySet<string>): string | undefined {
  if (!/[\p{L}\p{N}]/u.test(column.question)) return 'is empty.';
  if (column.id !== undefined && ids.has(column.id)) return `repeats the id "${column.id.slice(0, 100)}" of an earlier one.`;
  if (column.unit !== undefined && column.type !== 'number') return 'has a unit, but its type is not "number".';
  if (column.schema !== undefined && column.type !== 'json') return 'has a schema, but its type is not "json".';
  try {
    valueReader(column);
    return undefined;
  } catch (error) {
    return `cannot be asked: ${toMillraceError(error).message}`;
  }
}

function unreadable(column: TableColumn, message: string): TableColumn {
  return { ...column, unreadable: new MillraceError('E_INPUT_INVALID', message).toJSON() };
}
