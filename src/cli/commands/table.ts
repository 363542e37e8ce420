import { resolve } from 'node:path';
import type { Command } from 'commander';
import { MillraceError, toMillraceError } from '../../errors.ts';
import type { Mill } from '../../spec/mill.ts';
import type { TableQuestion } from '../../spec/tables.ts';
import { systemClock } from '../../util/clock.ts';
import { filterOption } from '../filter-option.ts';
import { numberOption } from '../number-option.ts';
import { missingSources } from '../missing-sources.ts';
import { requireDocuments } from '../require-documents.ts';
import { createRunOutput } from '../run-output.ts';
import { requireSameOptions } from '../same-options.ts';
import type { Given, Session } from '../session.ts';
import { showIngest } from '../show-ingest.ts';
import { readTableQuestions } from '../table-questions.ts';
import { type Terminal, visible } from '../terminal.ts';
import { timeoutsOf, withTimeoutOptions } from '../timeout-options.ts';
import { tellEstimate } from '../show-estimate.ts';
import { concurrencyOf, follow, interruptedRun, limitsOf, questionDefaultsOf, withEstimate, withRunOptions } from './runs.ts';
import { modeOption } from './questions.ts';

type Options = Given['options'];

export function addTable(program: Command, session: Session): void {
  const command = withRunOptions(
    session.command(
      program,
      'table',
      'Answer every question for every document: a table with a row for each document and a column for each question.',
      'millrace table --questions q.csv --documents "reports/**/*.pdf" --out table.xlsx\n  millrace table --questions q.csv --estimate',
    ),
    'cells',
    16,
  );
  withTimeoutOptions(withEstimate(command), 'a cell')
    .requiredOption(
      '--questions <file>',
      '.csv or .tsv with the columns "question" and perhaps "id", "type", "unit", "schema"; .jsonl, or .txt',
    )
    .option(
      '--documents <name>',
      'path, folder or pattern; may be repeated. Files are ingested first (unchanged ones are not read). Default: the whole collection',
      (name: string, before: readonly string[] | undefined) => [...(before ?? []), name],
    )
    .option('--out <file>', 'where the table goes, .csv, .xlsx or .jsonl; the same command again goes on after an interruption')
    .option('--details', 'with .csv: columns for quote, place and support of each value')
    .option('--force', 'start anew and replace the file')
    .option('--no-ingest', 'take the documents as they are in the record')
    .option('--filter <key=value>', 'only documents with this metadata; may be repeated', filterOption)
    .addOption(modeOption())
    .option('--document-tokens <count>', 'longest document that is read whole', numberOption({ least: 0, most: 1_000_000 }))
    .action(session.run((terminal, { options }) => makeTable(terminal, session, options)));
}

async function makeTable(terminal: Terminal, session: Session, options: Options): Promise<number> {
  const file = resolve(terminal.workingDirectory, options.questions ?? '');
  const out = options.out === undefined ? undefined : resolve(terminal.workingDirectory, options.out);
  const questions = await readTableQuestions(file);
  if (!options.quiet && !options.json) sayProblems(terminal, questions);
  const estimating = (mill: Mill) =>
    tellEstimate(terminal, options, 'cells', (leastItems) =>
      mill.estimate.table(questions, { ...tableOptionsOf(options), ...concurrencyOf(options), leastItems, signal: terminal.signal }),
    );
  if (options.estimate === true) {
    await estimating(await session.open('read'));
    return 0;
  }
  const documents = options.ingest === false ? undefined : options.documents;
  if (documents !== undefined && !session.hasRecord()) {
    const missing = await missingSources(terminal, session, documents);
    if (missing !== undefined) throw missing;
  }
  const mill = await session.open(documents === undefined ? 'change' : 'write');
  if (documents === undefined) await requireDocuments(mill);
  const output =
    out === undefined
      ? undefined
      : await createRunOutput('table', out, { force: options.force === true, details: options.details === true });
  try {
    const label = { file, documents: JSON.stringify(options.documents ?? []), ...(out === undefined ? {} : { out }) };
    const before = options.force === true ? undefined : await interruptedRun(mill, 'table', label);
    if (before !== undefined) {
      requireSameOptions(before, { ...questionDefaultsOf(session), ...tableOptionsOf(options) });
      const stream = mill.runs.resume(before.id, { ...limitsOf(options), questions, signal: terminal.signal });
      return await follow(terminal, session, options, mill, stream, output);
    }
    const missing = documents === undefined ? undefined : await ingestNamed(terminal, mill, { ...options, documents });
    if (missing !== undefined) await requireRows(terminal, mill, questions, options, missing);
    await estimating(mill);
    const stream = mill.table(questions, { ...tableOptionsOf(options), ...limitsOf(options), label, signal: terminal.signal });
    return await follow(terminal, session, options, mill, stream, output);
  } finally {
    await output?.close();
  }
}

function tableOptionsOf(options: Options) {
  const timeouts = timeoutsOf(options);
  return {
    ...(timeouts === undefined ? {} : { timeouts }),
    collection: options.collection,
    ...(options.documents === undefined ? {} : { documents: [...options.documents] }),
    ...(options.filter === undefined ? {} : { filter: options.filter }),
    ...(options.mode === undefined ? {} : { mode: options.mode }),
    ...(options.documentTokens === undefined ? {} : { documentTokens: options.documentTokens }),
  };
}

/** No file fits the names: the record may still hold what does. Where it does not, it is the files that are missing. */
async function requireRows(
  terminal: Terminal,
  mill: Mill,
  questions: readonly TableQuestion[],
  options: Options,
  missing: MillraceError,
): Promise<void> {
  await mill.estimate
    .table(questions, { ...tableOptionsOf(options), leastItems: Number.MAX_SAFE_INTEGER, signal: terminal.signal })
    .catch((error: unknown) => {
      throw toMillraceError(error).code === 'E_SOURCE_MISSING' ? missing : error;
    });
}

/**
 * What cannot be read or is not there fails its row of the table, with the reason, and is not told twice. Gives what is wrong where nothing
 * is there.
 */
async function ingestNamed(terminal: Terminal, mill: Mill, options: Options): Promise<MillraceError | undefined> {
  const show = showIngest({ ...terminal, out: terminal.error }, systemClock, { quiet: true, verbose: options.verbose });
  const stream = mill.ingest(options.documents ?? [], { collection: options.collection, signal: terminal.signal });
  try {
    for await (const event of stream) if (!options.json && event.type !== 'document-failed' && event.type !== 'ingest-end') show(event);
    const { indexed, failed } = await stream.result();
    if (!options.quiet && !options.json && indexed > 0)
      terminal.error(`${indexed} documents read first${failed > 0 ? `, ${failed} failed` : ''}.\n`);
    return undefined;
  } catch (thrown) {
    const error = toMillraceError(thrown);
    if (error.code !== 'E_SOURCE_MISSING') throw thrown;
    return error;
  }
}

function sayProblems(terminal: Terminal, questions: readonly TableQuestion[]): void {
  for (const question of questions) {
    if (typeof question === 'string' || question.unreadable === undefined) continue;
    terminal.error(
      `The column fails: ${visible(MillraceError.fromJSON(question.unreadable as Parameters<typeof MillraceError.fromJSON>[0]).message)}\n`,
    );
  }
}
