import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { MillraceError } from '../errors.ts';
import type { HandedSource } from '../spec/mill.ts';
import { linesOfFile } from './lines-of-file.ts';
import type { Judgements } from './ranking.ts';

/** A query with at least one relevant document. */
export interface JudgedQuery {
  readonly id: string;
  readonly text: string;
  readonly judgements: Judgements;
}

/** A retrieval data set in the layout of BEIR, its corpus still on disk. */
export interface BeirFolder {
  /** Last part of the path. */
  readonly name: string;
  readonly path: string;
  readonly split: string;
  /** In the order of the file of queries. */
  readonly queries: readonly JudgedQuery[];
  /** Queries of the file that no document is relevant to: they do not count. */
  readonly unjudgedQueries: number;
  /** Queries that are judged and that the file lacks. */
  readonly missingQueries: number;
  /** The documents as sources to ingest: id, title and text; those without text, which nothing can find, left out. Read anew at each call. */
  corpus(): AsyncIterable<HandedSource>;
}

const document = z.object({ _id: z.string().min(1), title: z.string().nullish(), text: z.string() });
const query = z.object({ _id: z.string().min(1), text: z.string() });

/**
 * Reads `queries.jsonl[.gz]` and `qrels.tsv` or `qrels/<split>.tsv`; `corpus.jsonl[.gz]` when it is asked for.
 * @throws MillraceError E_SOURCE_MISSING (folder or file), E_INPUT_INVALID (a line without its fields, no judged query)
 */
export async function readBeirFolder(folder: string, options: { readonly split?: string } = {}): Promise<BeirFolder> {
  const path = resolve(folder);
  const split = options.split ?? 'test';
  if (!/^[\w.-]+$/.test(split)) throw new MillraceError('E_INPUT_INVALID', `"${split}" is no name of a split.`);
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true;
  if (!isFolder) throw new MillraceError('E_SOURCE_MISSING', `The folder ${path} does not exist.`);
  const corpusFile = await fileAmong(path, ['corpus.jsonl', 'corpus.jsonl.gz']);
  const queryFile = await fileAmong(path, ['queries.jsonl', 'queries.jsonl.gz']);
  const judgementFile = await fileAmong(path, [
    join('qrels', `${split}.tsv`),
    join('qrels', `${split}.tsv.gz`),
    // A folder with one file of judgements has one split, the one that is measured by default.
    ...(split === 'test' ? ['qrels.tsv', 'qrels.tsv.gz'] : []),
  ]);
  const judgements = await readJudgements(judgementFile);
  const queries: JudgedQuery[] = [];
  const seen = new Set<string>();
  for await (const { line, text } of linesOfFile(queryFile)) {
    const one = parseLine(query, queryFile, line, text);
    if (seen.has(one._id)) throw new MillraceError('E_INPUT_INVALID', `Line ${line} of ${queryFile} repeats the id "${one._id}".`);
    seen.add(one._id);
    const own = judgements.get(one._id);
    if (own !== undefined && [...own.values()].some((grade) => grade > 0)) queries.push({ id: one._id, text: one.text, judgements: own });
  }
  if (queries.length === 0)
    throw new MillraceError('E_INPUT_INVALID', `No query of ${queryFile} has a relevant document in ${judgementFile}.`);
  return {
    name: basename(path),
    path,
    split,
    queries,
    unjudgedQueries: seen.size - queries.length,
    missingQueries: [...judgements.keys()].filter((id) => !seen.has(id)).length,
    corpus: () => readCorpus(corpusFile),
  };
}

async function* readCorpus(file: string): AsyncGenerator<HandedSource> {
  for await (const { line, text } of linesOfFile(file)) {
    const one = parseLine(document, file, line, text);
    const title = one.title?.trim() ?? '';
    // The title is indexed as such and stands before the text, as in a document of its own.
    const whole = [title, one.text].filter((part) => part !== '').join('\n\n');
    if (whole.trim() === '') continue;
    yield { id: one._id, text: whole, contentType: 'text/plain', ...(title === '' ? {} : { title: title.slice(0, 2_000).toWellFormed() }) };
  }
}

async function fileAmong(folder: string, names: readonly string[]): Promise<string> {
  for (const name of names) {
    const path = join(folder, name);
    if ((await stat(path).catch(() => undefined))?.isFile() === true) return path;
  }
  throw new MillraceError(
    'E_SOURCE_MISSING',
    `The folder ${folder} holds no ${names.filter((name) => !name.endsWith('.gz')).join(' and no ')}.`,
    {
      remedy: 'Give a folder in the layout of BEIR: corpus.jsonl, queries.jsonl and qrels/<split>.tsv or qrels.tsv.',
    },
  );
}

/** Lines of `query document grade`, or of TREC's `query 0 document grade`, with or without a header. */
async function readJudgements(file: string): Promise<Map<string, Map<string, number>>> {
  const judgements = new Map<string, Map<string, number>>();
  for await (const { line, text } of linesOfFile(file)) {
    const cells = cellsOf(text.trim());
    const [queryId, documentId] = cells.length === 4 ? [cells[0], cells[2]] : cells;
    const grade = Number(cells.at(-1));
    if (line === 1 && Number.isNaN(grade)) continue;
    if (cells.length < 3 || cells.length > 4 || queryId === undefined || documentId === undefined || !Number.isFinite(grade)) {
      throw new MillraceError('E_INPUT_INVALID', `Line ${line} of ${file} is not "query-id, corpus-id, score".`);
    }
    const own = judgements.get(queryId) ?? new Map<string, number>();
    judgements.set(queryId, own.set(documentId, grade));
  }
  return judgements;
}

/** Between tabs an id may hold spaces. */
function cellsOf(text: string): string[] {
  const cells = text.split('\t').map((cell) => cell.trim());
  return cells.length > 2 ? cells : text.split(/\s+/);
}

function parseLine<Schema extends z.ZodType>(schema: Schema, file: string, line: number, text: string): z.infer<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new MillraceError('E_INPUT_INVALID', `Line ${line} of ${file} is not JSON.`, { cause: error });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new MillraceError(
    'E_INPUT_INVALID',
    `Line ${line} of ${file} is not valid at "${issue?.path.join('.') ?? ''}": ${issue?.message ?? ''}.`,
  );
}
