import { basename, extname, resolve } from 'node:path';
import type { Command } from 'commander';
import { MillraceError } from '../../errors.ts';
import { type ComparedQuestion, createComparison, type Pipeline, type PipelineComparison } from '../../index.ts';
import type { Mill } from '../../spec/mill.ts';
import type { RunRecord } from '../../spec/store.ts';
import { systemClock } from '../../util/clock.ts';
import { alignColumns } from '../../util/align-columns.ts';
import { canonicalJson } from '../../util/hash.ts';
import { createComparisonFile } from '../comparison-file.ts';
import { readPipelineFile } from '../pipeline-file.ts';
import { readQuestions } from '../question-file.ts';
import { groupByIndex } from '../group-by-index.ts';
import { requireSameOptions } from '../same-options.ts';
import { requireDocuments } from '../require-documents.ts';
import type { Given, Session } from '../session.ts';
import { showRun } from '../show-run.ts';
import { formatDuration, type Terminal, visible } from '../terminal.ts';
import { limitsOf, questionDefaultsOf, sayHowToGoOn, settledIn, withRunOptions } from './runs.ts';

export function addCompare(program: Command, session: Session): void {
  withRunOptions(
    session.command(
      program,
      'compare <pipelines...>',
      'Ask the questions of a file through several pipelines and put the answers side by side.',
      'millrace compare words.yaml hybrid.yaml --questions questions.csv --out comparison.csv',
    ),
  )
    .requiredOption('--questions <file>', '.csv or .tsv with a column "question", .jsonl, or .txt with one a line')
    .option('--out <file>', 'where the answers go, .jsonl or .csv; the same command again goes on after an interruption')
    .option('--force', 'start anew and replace the file')
    .option('--no-cache', 'share nothing between the pipelines, so that their times can be compared')
    .action(session.run((terminal, { paths, options }) => compare(terminal, session, paths, options)));
}

async function compare(terminal: Terminal, session: Session, files: readonly string[], options: Given['options']): Promise<number> {
  const pipelines = await Promise.all(files.map((file) => readPipeline(file, terminal.workingDirectory)));
  const names = pipelines.map(({ name = '' }) => name);
  const questions = resolve(terminal.workingDirectory, options.questions ?? '');
  const out = options.out === undefined ? undefined : resolve(terminal.workingDirectory, options.out);
  const mill = await session.open('change');
  await requireDocuments(mill);
  const file = out === undefined ? undefined : await createComparisonFile(out, names, { force: options.force === true });
  const label = { command: 'compare', file: questions, pipelines: files.join('\n'), ...(out === undefined ? {} : { comparison: out }) };
  const before = options.force === true ? undefined : (await mill.runs.list()).findLast((run) => isOpen(run, label));
  const asked = { collection: options.collection, ...(options.cache === false ? { cache: false } : {}) };
  if (before !== undefined) {
    requireSamePipelines(before, pipelines);
    requireSameOptions(before, { ...questionDefaultsOf(session), ...asked });
  }
  const { signal } = terminal;
  const limits = limitsOf(options);
  const stream =
    before === undefined
      ? mill.parallelRun(pipelines, readQuestions(questions), { ...limits, ...asked, label, signal })
      : mill.runs.resume(before.id, { ...limits, questions: readQuestions(questions), signal });

  const show = showRun(terminal, systemClock, { quiet: options.quiet || options.json, answers: false });
  let run: string | null = null;
  let settled = 0;
  session.keeps(() => settledIn(run, settled));
  for await (const event of stream) {
    run = event.runId;
    if (event.type === 'run-start') settled = event.settled;
    else if (event.type === 'item-settled') settled += 1;
    show(event);
    if (event.type === 'run-failed' && run !== null) sayHowToGoOn(terminal, run);
  }
  try {
    const summary = await stream.result();
    const comparison = createComparison(names);
    const rows = run === null ? none() : comparedRows(mill, run, comparison.add);
    if (file !== undefined && summary.state === 'done') await file.finish(rows);
    else
      for await (const row of rows)
        if (file === undefined) terminal.out(options.json ? `${JSON.stringify(row)}\n` : describeRow(row, names));
    const figures = comparison.summary();
    terminal.out(options.json ? `${JSON.stringify({ run, state: summary.state, ...figures })}\n` : describeFigures(figures));
    return summary.state === 'interrupted' || summary.failed + summary.expired > 0 ? 3 : 0;
  } finally {
    await file?.close();
  }
}

/** A pipeline without a name is called as its file. */
async function readPipeline(path: string, workingDirectory: string): Promise<Pipeline> {
  return { name: basename(path, extname(path)), ...(await readPipelineFile(path, workingDirectory)) };
}

function isOpen(run: RunRecord, label: Readonly<Record<string, string>>): boolean {
  const definition = run.definition as { label?: unknown } | null;
  return run.kind === 'parallel-run' && run.state === 'interrupted' && canonicalJson(definition?.label ?? {}) === canonicalJson(label);
}

function requireSamePipelines(run: RunRecord, pipelines: readonly Pipeline[]): void {
  const before = (run.definition as { pipelines?: unknown }).pipelines;
  if (canonicalJson(before) === canonicalJson(pipelines)) return;
  throw new MillraceError('E_RUN_CHANGED', `The run ${run.id} of these files was begun with pipelines that were different.`, {
    remedy: 'Put the pipelines back as they were to go on, or start anew with --force.',
  });
}

async function* comparedRows(mill: Mill, run: string, add: ReturnType<typeof createComparison>['add']): AsyncIterable<ComparedQuestion> {
  for await (const items of groupByIndex(mill.runs.items(run))) yield add(items);
}

async function* none(): AsyncIterable<never> {}

function describeRow({ index, id, question, agree, answers }: ComparedQuestion, names: readonly string[]): string {
  const width = Math.max(...names.map((name) => name.length));
  const said = names.map((name) => {
    const item = answers[name];
    const text =
      item === null || item === undefined
        ? 'not asked yet'
        : item.status === 'done'
          ? item.answer
          : `${item.status}: ${item.error?.message}`;
    const took = item?.timings === null || item?.timings === undefined ? '' : `  (${formatDuration(item.timings.totalMs)})`;
    return `  ${visible(name).padEnd(width)}  ${visible((text ?? '').replaceAll(/\s+/g, ' '))}${took}\n`;
  });
  const verdict = agree === null ? '' : agree ? '  all agree' : '  they differ';
  return `Question ${index + 1}${id === null ? '' : ` (${visible(id)})`}: ${visible(question)}${verdict}\n${said.join('')}\n`;
}

function describeFigures({ questions, pipelines, agreement }: PipelineComparison): string {
  const head = ['pipeline', 'done', 'failed', 'abstained', 'median', 'p95', 'computed', 'reused', 'written'];
  const rows = pipelines.map((one) => [
    visible(one.name),
    String(one.done),
    String(one.failed + one.expired),
    String(one.abstained),
    formatDuration(one.medianMs),
    formatDuration(one.p95Ms),
    String(one.computedTokens),
    String(one.reusedTokens),
    String(one.writtenTokens),
  ]);
  const pairs = agreement.map(
    ({ pipelines: [one, other], questions: both, equal, overlap }) =>
      `${visible(one)} and ${visible(other)}: ${(equal * 100).toFixed(0)} % equal, ${(overlap * 100).toFixed(0)} % of their words in common (n = ${both})\n`,
  );
  return `${questions} questions; computed, reused and written are tokens\n${alignColumns([head, ...rows])}\n${pairs.join('')}`;
}
