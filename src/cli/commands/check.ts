import { readFile, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { MillraceError, toMillraceError } from '../../errors.ts';
import {
  type CheckedBy,
  checkDocuments,
  type CheckResult,
  givenOf,
  type JudgedQuestion,
  junitReport,
  type Pipeline,
  readJudgedQuestions,
} from '../../index.ts';
import type { Mill } from '../../spec/mill.ts';
import { systemClock } from '../../util/clock.ts';
import { openEvaluation, ingestCorpus } from '../evaluation-corpus.ts';
import { numberOption } from '../number-option.ts';
import { requireReportPath, writeReportFile } from '../output-file.ts';
import { readPipelineFile } from '../pipeline-file.ts';
import type { Given, Session } from '../session.ts';
import { createStatusLine } from '../status-line.ts';
import { type Terminal, visible } from '../terminal.ts';
import { type Versions, versionsOf } from '../versions.ts';

type CheckCommandOptions = Given['options'] & {
  readonly documents: readonly string[];
  readonly pipeline?: string;
  readonly retrievalOnly?: boolean;
  readonly junit?: string;
  readonly baseline?: string;
  /** Have defaults. */
  readonly limit: number;
  readonly concurrency: number;
  readonly seed: number;
};

export function addCheck(program: Command, session: Session): void {
  session
    .command(
      program,
      'check <questions>',
      'Test documents: do they still answer these questions, with these texts and numbers, from these sources? Ends with 0 or 1.',
      'millrace check questions.yaml --documents docs --junit report.xml\n  millrace check questions.yaml --documents docs --json > baseline.json',
    )
    .requiredOption('--documents <paths...>', 'files and folders that are tested')
    .option('--retrieval-only', 'test that passages with what is expected are found; no generator')
    .option('--baseline <file>', 'what --json printed before: only failures that are new fail')
    .option('--junit <file>', 'results for continuous integration, .xml')
    .option('--pipeline <file>', 'how questions are answered, as YAML or JSON')
    .option('-n, --limit <count>', 'with --retrieval-only: passages looked at', numberOption({ least: 1, most: 1_000 }), 10)
    .addOption(new Option('--mode <mode>', 'how passages are found (default hybrid)').choices(['hybrid', 'text', 'vector']))
    .option('--seed <number>', 'of the generator', numberOption({ least: 0, most: 2 ** 31 - 1 }), 0)
    .option('--concurrency <count>', 'questions at the same time', numberOption({ least: 1, most: 1_000 }), 4)
    .action(session.run((terminal, { argument, options }) => check(terminal, session, argument, options as CheckCommandOptions)));
}

/** A path that is wrong must not look like a check that failed. */
async function check(...given: Parameters<typeof checkThem>): Promise<number> {
  try {
    return await checkThem(...given);
  } catch (thrown) {
    const error = toMillraceError(thrown);
    if (error.code !== 'E_SOURCE_MISSING') throw thrown;
    throw new MillraceError('E_USAGE', error.message, { remedy: error.remedy, cause: error });
  }
}

async function checkThem(terminal: Terminal, session: Session, argument: string, options: CheckCommandOptions): Promise<number> {
  const file = resolve(terminal.workingDirectory, argument);
  const questions = await readJudgedQuestions(file, 'refuse');
  for (const question of questions) requireExpectation(question);
  const pipeline = options.pipeline === undefined ? {} : await readPipelineFile(options.pipeline, terminal.workingDirectory);
  const knownFailures =
    options.baseline === undefined ? new Set<string>() : await readBaseline(terminal, options.baseline, options.retrievalOnly === true);
  await requireReportPath(terminal.workingDirectory, options.junit);
  const paths = options.documents.map((path) => resolve(terminal.workingDirectory, path));
  for (const path of paths) await requirePath(path);
  const { mill } = await openEvaluation(terminal, session, options, basename(file), ['check', ...paths]);
  const { documents, failed: unread } = await ingestCorpus(terminal, mill, paths, { ...options, embed: options.mode !== 'text' });
  if (documents === 0) throw new MillraceError('E_SOURCE_MISSING', `There is no document to read in ${options.documents.join(', ')}.`);
  const status = createStatusLine(terminal, systemClock, options.quiet || options.json);
  const results = await checkDocuments(questions, checkedBy(mill, options, pipeline), {
    concurrency: options.concurrency,
    signal: terminal.signal,
    now: systemClock.monotonic,
    knownFailures,
    onChecked: (_result, done, total) => status.show(`${done} of ${total} questions`),
  });
  status.clear();
  const account: Account = { file, documents, unread, options, results, versions: await versionsOf(mill) };
  if (options.json) terminal.out(`${JSON.stringify(objectOf(account))}\n`);
  else print(terminal, account);
  if (options.junit !== undefined) await writeJunit(terminal, options.junit, account);
  return results.some(isNewFailure) ? 1 : 0;
}

interface Account {
  readonly file: string;
  readonly documents: number;
  /** Files beside them that could not be read. */
  readonly unread: number;
  readonly options: CheckCommandOptions;
  readonly results: readonly CheckResult[];
  readonly versions: Versions;
}

/** A path that is wrong would let every question fail. Patterns are matched when they are read. */
async function requirePath(path: string): Promise<void> {
  if (/[*?{[]/.test(path) || (await stat(path).catch(() => undefined)) !== undefined) return;
  throw new MillraceError('E_SOURCE_MISSING', `There is no file or folder ${path}.`);
}

function requireExpectation(question: JudgedQuestion): void {
  const { id, expected, number, sources, unanswerable, context } = question;
  if (context !== null) {
    throw new MillraceError('E_INPUT_INVALID', `The question "${id.slice(0, 100)}" has a passage of its own.`, {
      remedy: 'Take "context" out to ask the documents, or use "millrace eval --questions", which asks it over that passage.',
    });
  }
  if (unanswerable || expected.length > 0 || number !== null || sources.length > 0) return;
  throw new MillraceError('E_INPUT_INVALID', `The question "${id.slice(0, 100)}" says nothing that can be checked.`, {
    remedy: 'Give it "expected" with a text, "number", "source", or "unanswerable: true".',
  });
}

function checkedBy(mill: Mill, options: CheckCommandOptions, pipeline: Pipeline): CheckedBy {
  const found = {
    collection: options.collection,
    pipeline,
    ...(options.mode === undefined ? {} : { mode: options.mode }),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  };
  if (options.retrievalOnly === true) {
    return {
      by: 'passages',
      find: async ({ question }, signal) => (await mill.search(question, { ...found, limit: options.limit, signal })).hits,
    };
  }
  // Greedy, whatever the pipeline says: the same documents give the same answer.
  const greedy = { temperature: 0, seed: options.seed, class: 'batch' } as const;
  return {
    by: 'answers',
    ask: async ({ question }, signal) => givenOf(await mill.ask(question, { ...found, ...greedy, signal }).result()),
  };
}

function isNewFailure({ status, known }: CheckResult): boolean {
  return status === 'failed' && !known;
}

function countsOf(results: readonly CheckResult[]) {
  return {
    questions: results.length,
    passed: results.filter(({ status }) => status === 'passed').length,
    failed: results.filter(isNewFailure).length,
    known: results.filter(({ known }) => known).length,
    skipped: results.filter(({ status }) => status === 'skipped').length,
  };
}

function objectOf({ file, documents, unread, options, results, versions }: Account) {
  return {
    ...countsOf(results),
    file,
    documents,
    unreadDocuments: unread,
    retrievalOnly: options.retrievalOnly === true,
    temperature: 0,
    seed: options.seed,
    versions,
    results,
  };
}

function print(terminal: Terminal, { options, results, versions, unread }: Account): void {
  const marks = { passed: 'ok     ', failed: 'FAILED ', skipped: 'skipped' } as const;
  for (const one of results) {
    if (options.quiet && !isNewFailure(one)) continue;
    terminal.out(`${one.known ? 'known  ' : marks[one.status]}  ${visible(one.question)}\n`);
    for (const problem of one.problems) terminal.out(`         ${visible(problem)}\n`);
    if (isNewFailure(one) && one.answer !== null) terminal.out(`         Answer: ${visible(one.answer)}\n`);
  }
  const { questions, passed, failed, known, skipped } = countsOf(results);
  const rest = [known > 0 ? `${known} known` : '', skipped > 0 ? `${skipped} skipped` : ''].filter((part) => part !== '');
  terminal.out(`${questions} questions: ${passed} passed, ${failed} failed${rest.length === 0 ? '' : `, ${rest.join(', ')}`}\n`);
  if (options.quiet) return;
  if (unread > 0) terminal.error(`${unread} documents could not be read.\n`);
  const generator =
    options.retrievalOnly === true ? '' : `, generator ${versions.generators.join(', ') || 'none'}, greedy, seed ${options.seed}`;
  terminal.error(`millrace ${versions.millrace}, embedder ${versions.embedder ?? 'none'}${generator}\n`);
}

async function writeJunit(terminal: Terminal, path: string, { file, options, results, versions }: Account): Promise<void> {
  const properties = {
    millrace: versions.millrace,
    node: versions.node,
    embedder: versions.embedder ?? 'none',
    generators: options.retrievalOnly === true ? 'none' : versions.generators.join(', '),
    seed: String(options.seed),
  };
  await writeReportFile(terminal.workingDirectory, path, junitReport(basename(file), results, properties));
}

const baseline = z.object({
  retrievalOnly: z.boolean(),
  results: z.array(z.object({ id: z.string(), status: z.enum(['passed', 'failed', 'skipped']) })),
});

/** Ids of the questions that failed when the baseline was made, in the same way: what fails as passages says nothing of answers. */
async function readBaseline(terminal: Terminal, path: string, retrievalOnly: boolean): Promise<Set<string>> {
  let value: unknown;
  try {
    value = JSON.parse((await readFile(resolve(terminal.workingDirectory, path), 'utf8')).replace(/^\uFEFF/u, ''));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new MillraceError('E_SOURCE_MISSING', `The baseline ${path} does not exist.`);
    throw new MillraceError('E_INPUT_INVALID', `The baseline ${path} is not what "millrace check --json" prints.`, { cause: error });
  }
  const parsed = baseline.safeParse(value);
  if (!parsed.success) throw new MillraceError('E_INPUT_INVALID', `The baseline ${path} is not what "millrace check --json" prints.`);
  if (parsed.data.retrievalOnly !== retrievalOnly) {
    const made = parsed.data.retrievalOnly ? 'with' : 'without';
    throw new MillraceError('E_INPUT_INVALID', `The baseline ${path} was made ${made} --retrieval-only.`, {
      remedy: `Make another one ${retrievalOnly ? 'with' : 'without'} it, or check ${made} it.`,
    });
  }
  return new Set(parsed.data.results.filter(({ status }) => status === 'failed').map(({ id }) => id));
}
