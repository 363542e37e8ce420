import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { createInterface } from 'node:readline';
import { text as textOf } from 'node:stream/consumers';
import { parse } from 'csv-parse';
import { MillraceError } from '../errors.ts';
import type { BatchQuestion } from '../spec/runs.ts';
import { sha256 } from '../util/hash.ts';
import { separatorOf } from '../util/separator-of.ts';
import { createHashMemory, type HashMemory } from '../util/hash-memory.ts';

/** One row of a file of questions. */
export interface QuestionRow {
  readonly line: number;
  /** Empty where it could not be read. */
  readonly question: string;
  readonly id?: string;
  /** Why it cannot be asked, after "Line n of the file …". */
  readonly problem?: string;
  /** The other columns, or members of a JSON object. */
  readonly fields: Readonly<Record<string, unknown>>;
}

type Row =
  | { readonly line: number; readonly id?: string; readonly question: string; readonly fields: QuestionRow['fields'] }
  | { readonly line: number; readonly problem: string };

const readers: Readonly<Record<string, (path: string) => AsyncIterable<Row>>> = {
  '.csv': (path) => separatedRows(path),
  '.tsv': (path) => separatedRows(path, '\t'),
  '.jsonl': jsonRows,
  '.ndjson': jsonRows,
  '.txt': textRows,
};

/** Ids that are remembered to find the second use of one. */
const rememberedIds = 1_000_000;

/**
 * The questions of a file, read as a stream: CSV or TSV with a column `question` and perhaps `id` (or one column without a header), JSONL
 * of `{question, id?}` or strings, text with one question a line. A row that cannot be read becomes a question that fails with its line.
 *
 * @throws MillraceError E_SOURCE_MISSING, E_INPUT_INVALID (another kind of file, no column `question`)
 */
export async function* readQuestions(path: string): AsyncIterable<BatchQuestion> {
  for await (const { line, question, id, problem } of questionRows(path)) {
    if (problem === undefined) yield { question, ...(id === undefined ? {} : { id }) };
    else {
      const error = new MillraceError('E_INPUT_INVALID', `Line ${line} of ${path} ${problem}.`, { details: { line } });
      yield { question, unreadable: error.toJSON() };
    }
  }
}

/** The rows of a file of questions, as a stream. Throws as `readQuestions` does. */
export async function* questionRows(path: string): AsyncIterable<QuestionRow> {
  const rows = await requireQuestionFile(path);
  const seen = createHashMemory();
  for await (const row of rows(path)) yield checked(row, seen);
}

/**
 * How a file of questions is read, by its name.
 *
 * @throws MillraceError E_SOURCE_MISSING, E_INPUT_INVALID (another kind of file)
 */
export async function requireQuestionFile(path: string): Promise<(path: string) => AsyncIterable<Row>> {
  const rows = readers[extname(path).toLowerCase()];
  if (rows === undefined) {
    throw new MillraceError('E_INPUT_INVALID', `The file ${path} is no list of questions by its name.`, {
      remedy: `Give a file that ends in ${Object.keys(readers).join(', ')}.`,
    });
  }
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new MillraceError('E_SOURCE_MISSING', `The file ${path} does not exist.`);
  if (!found.isFile()) throw new MillraceError('E_INPUT_INVALID', `${path} is no file.`);
  return rows;
}

function checked(row: Row, seen: HashMemory): QuestionRow {
  if ('problem' in row) return { line: row.line, question: '', problem: row.problem, fields: {} };
  const problem = problemOf(row, seen);
  if (problem === undefined) return { ...row, question: row.question.trim() };
  return { line: row.line, question: row.question, problem, fields: {} };
}

function problemOf({ id, question }: Extract<Row, { question: string }>, seen: HashMemory): string | undefined {
  if (question.trim() === '') return 'holds no question';
  if (question.length > 200_000) return 'is longer than 200,000 characters';
  if (id === undefined) return undefined;
  const key = sha256(id);
  if (seen.has(key)) return `repeats the id "${id.slice(0, 100)}" of an earlier one`;
  if (seen.size < rememberedIds) seen.add(key);
  return undefined;
}

/** A header is not longer, in bytes. */
const longestHeader = 65_536;

async function headerOf(path: string): Promise<string> {
  return textOf(createReadStream(path, { end: longestHeader - 1 }));
}

async function* separatedRows(path: string, delimiter?: string): AsyncIterable<Row> {
  const separator = delimiter ?? separatorOf(await headerOf(path));
  const parser = createReadStream(path).pipe(
    parse({
      bom: true,
      delimiter: separator,
      info: true,
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
      max_record_size: 1_000_000,
    }),
  );
  let header: readonly string[] | undefined;
  let line = 1;
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      const begins = line;
      line = info.lines + 1;
      if (header === undefined) {
        const names = record.map((name) => name.trim().toLowerCase());
        header = names.includes('question') ? names : withoutHeader(path, record);
        if (names.includes('question')) continue;
      }
      yield rowOf(header, record, begins);
    }
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    yield { line, problem: `and what follows it cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function withoutHeader(path: string, record: readonly string[]): readonly string[] {
  if (record.length === 1) return ['question'];
  throw new MillraceError('E_INPUT_INVALID', `The first line of ${path} names no column "question".`, {
    remedy: 'Give the column with the questions the header "question", and the one with their ids, if there is one, "id".',
  });
}

function rowOf(header: readonly string[], record: readonly string[], line: number): Row {
  if (record.length !== header.length) return { line, problem: `has ${record.length} columns where the first line has ${header.length}` };
  const { question = '', id = '', ...fields } = Object.fromEntries(header.map((name, index) => [name, record[index] ?? '']));
  return { line, question, fields, ...(id.trim() === '' ? {} : { id: id.trim() }) };
}

async function* linesOf(path: string): AsyncIterable<{ readonly line: number; readonly text: string }> {
  let line = 0;
  for await (const text of createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY })) {
    line += 1;
    const bare = line === 1 ? text.replace(/^\uFEFF/u, '') : text;
    if (bare.trim() !== '') yield { line, text: bare };
  }
}

async function* textRows(path: string): AsyncIterable<Row> {
  for await (const { line, text } of linesOf(path)) yield { line, question: text, fields: {} };
}

async function* jsonRows(path: string): AsyncIterable<Row> {
  for await (const { line, text } of linesOf(path)) {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      yield { line, problem: 'is not JSON' };
      continue;
    }
    const { question, id, ...fields } = (typeof value === 'string' ? { question: value } : (value ?? {})) as Record<string, unknown>;
    if (typeof question !== 'string') yield { line, problem: 'has no text under "question"' };
    else if (id !== undefined && typeof id !== 'string' && typeof id !== 'number')
      yield { line, problem: 'has an id that is neither text nor number' };
    else yield { line, question, fields, ...(id === undefined ? {} : { id: String(id) }) };
  }
}
