import { MillraceError } from '../errors.ts';
import { type TableColumn, type TableQuestion, valueTypes } from '../spec/tables.ts';
import { nearestNames } from '../util/nearest-names.ts';
import { type QuestionRow, questionRows } from './question-file.ts';

/** Columns of one table. */
const mostQuestions = 1_000;

/**
 * The questions of a table, from the same files as those of a batch, with the columns `type`, `unit` and `schema` (JSON) beside `question`
 * and `id`. A row that cannot be read, or names a type that is not known, becomes a column that fails with its line.
 *
 * @throws MillraceError E_SOURCE_MISSING, E_INPUT_INVALID (another kind of file, no column `question`, no or too many questions)
 */
export async function readTableQuestions(path: string): Promise<TableQuestion[]> {
  const questions: TableQuestion[] = [];
  for await (const row of questionRows(path)) {
    questions.push(columnOf(path, row));
    if (questions.length > mostQuestions)
      throw new MillraceError('E_INPUT_INVALID', `The file ${path} has more than ${mostQuestions} questions.`);
  }
  if (questions.length > 0) return questions;
  throw new MillraceError('E_INPUT_INVALID', `The file ${path} has no question.`);
}

function columnOf(path: string, { line, question, id, problem, fields }: QuestionRow): TableColumn {
  const base = { question, ...(id === undefined ? {} : { id }) };
  const found = problem === undefined ? valueOf(fields) : { problem };
  if (!('problem' in found)) return { ...base, ...found };
  const error = new MillraceError('E_INPUT_INVALID', `Line ${line} of ${path} ${found.problem}.`, { details: { line } });
  return { ...base, unreadable: error.toJSON() };
}

function valueOf(fields: QuestionRow['fields']): Pick<TableColumn, 'type' | 'unit' | 'schema'> | { readonly problem: string } {
  const unit = textOf(fields['unit']);
  const given = textOf(fields['type'])?.toLowerCase();
  const written = fields['schema'] === '' ? undefined : fields['schema'];
  const type = given ?? (written === undefined ? undefined : 'json');
  const known = valueTypes.find((name) => name === type);
  if (type !== undefined && known === undefined) {
    const [nearest] = nearestNames(type, valueTypes);
    const names = valueTypes.join(', ');
    const hint = nearest === undefined ? `there are ${names}` : `the nearest of ${names} is "${nearest}"`;
    return { problem: `has the type "${type.slice(0, 100)}", which is not known; ${hint}` };
  }
  const schema = typeof written === 'string' ? parsed(written) : written;
  if (schema === notJson) return { problem: 'has a schema that is not JSON' };
  return {
    ...(known === undefined ? {} : { type: known }),
    ...(unit === undefined ? {} : { unit }),
    ...(schema === undefined ? {} : { schema }),
  };
}

const notJson = Symbol('not JSON');

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return notJson;
  }
}

function textOf(value: unknown): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const text = String(value).trim();
  return text === '' ? undefined : text;
}
