import { readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { parse as parseCsv } from 'csv-parse';
import { parse as parseYaml } from 'yaml';
import { MillraceError } from '../errors.ts';
import { separatorOf } from '../util/separator-of.ts';
import { linesOfFile } from './lines-of-file.ts';
import { type JudgedQuestion, readEntry } from './question-entry.ts';
import { isSquad, squadEntries } from './squad.ts';

type Entries = AsyncIterable<{ readonly where: string; readonly value: unknown }>;

const readers: Readonly<Record<string, (path: string) => Entries>> = {
  '.jsonl': jsonLines,
  '.ndjson': jsonLines,
  '.csv': (path) => separated(path),
  '.tsv': (path) => separated(path, '\t'),
  '.yaml': list,
  '.yml': list,
  '.json': list,
};

/**
 * Questions with what is known of their answers: JSONL, CSV or TSV with a header, YAML or JSON with a list, alone or under `questions`,
 * JSON in the form of SQuAD.
 *
 * @param unknown as for `readEntry`
 * @throws MillraceError E_SOURCE_MISSING, E_INPUT_INVALID (kind of file, an entry, nothing in it, a question or id twice)
 */
export async function readJudgedQuestions(path: string, unknown: 'refuse' | 'allow'): Promise<JudgedQuestion[]> {
  const read = readers[extname(path).toLowerCase()];
  if (read === undefined) {
    throw new MillraceError('E_INPUT_INVALID', `The file ${path} is no list of questions by its name.`, {
      remedy: `Give a file that ends in ${Object.keys(readers).join(', ')}.`,
    });
  }
  const questions: JudgedQuestion[] = [];
  const seen = new Map<string, string>();
  for await (const { where, value } of read(path)) {
    const one = readEntry(value, where, unknown);
    // Of a data set the same question may be asked of two documents; in a list of checks it is a mistake.
    for (const key of [`id ${one.id}`, ...(unknown === 'refuse' ? [`question ${one.question}`] : [])]) {
      const before = seen.get(key);
      if (before !== undefined) {
        throw new MillraceError('E_INPUT_INVALID', `${where} repeats the ${key.slice(0, 120)} of ${before}.`);
      }
      seen.set(key, where);
    }
    questions.push(one);
  }
  if (questions.length === 0) throw new MillraceError('E_INPUT_INVALID', `The file ${path} holds no question.`);
  return questions;
}

async function* jsonLines(path: string): Entries {
  for await (const { line, text } of linesOfFile(path)) {
    const where = `Line ${line} of ${basename(path)}`;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw new MillraceError('E_INPUT_INVALID', `${where} is not JSON.`, { cause: error });
    }
    yield { where, value };
  }
}

async function* separated(path: string, delimiter?: string): Entries {
  const text = await textOf(path);
  const parser = parseCsv(text, {
    delimiter: delimiter ?? separatorOf(text),
    columns: (names: string[]) => names.map((one) => one.trim().toLowerCase()),
    skip_empty_lines: true,
    relax_quotes: true,
    info: true,
  });
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: Record<string, string>; info: { lines: number } }>) {
      yield {
        where: `Line ${info.lines} of ${basename(path)}`,
        value: Object.fromEntries(Object.entries(record).flatMap(([key, cell]) => cellValue(key, cell))),
      };
    }
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    throw new MillraceError('E_INPUT_INVALID', `The file ${path} cannot be read: ${(error as Error).message}.`, { cause: error });
  }
}

/** Cells hold text; what an entry has as a number, a truth value or a list is read as such. An empty cell is no value. */
function cellValue(key: string, cell: string): (readonly [string, unknown])[] {
  const text = cell.trim();
  if (text === '') return [];
  if (['page', 'number'].includes(key) && Number.isFinite(Number(text))) return [[key, Number(text)]];
  if (['answerable', 'unanswerable'].includes(key) && /^(?:true|false)$/i.test(text)) return [[key, text.toLowerCase() === 'true']];
  if (text.startsWith('[') && text.endsWith(']')) {
    try {
      return [[key, JSON.parse(text)]];
    } catch {
      // Text that only looks like a list.
    }
  }
  return [[key, text]];
}

/** A YAML or JSON list, or a data set in the form of SQuAD. */
async function* list(path: string): Entries {
  let held: unknown;
  try {
    const text = await textOf(path);
    held = extname(path).toLowerCase() === '.json' ? JSON.parse(text) : parseYaml(text, { maxAliasCount: 100 });
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    const [problem = ''] = (error as Error).message.split('\n');
    throw new MillraceError('E_INPUT_INVALID', `The file ${path} cannot be read: ${problem.replace(/[.:]$/u, '')}.`, { cause: error });
  }
  if (isSquad(held)) {
    yield* squadEntries(held, basename(path));
    return;
  }
  const entries: unknown = typeof held === 'object' && held !== null && 'questions' in held ? held.questions : (held ?? []);
  if (!Array.isArray(entries)) throw new MillraceError('E_INPUT_INVALID', `The file ${path} holds no list of questions.`);
  for (const [index, value] of entries.entries()) yield { where: `Entry ${index + 1} of ${basename(path)}`, value };
}

async function textOf(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).replace(/^\uFEFF/u, '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new MillraceError('E_SOURCE_MISSING', `The file ${path} does not exist.`);
    throw new MillraceError('E_INPUT_INVALID', `The file ${path} cannot be read: ${(error as Error).message}.`, { cause: error });
  }
}
