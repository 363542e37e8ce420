import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { MillraceError } from '../../errors.ts';
import type { Mill, MillStream } from '../../spec/mill.ts';
import type { RunEvent, RunSummary } from '../../spec/runs.ts';
import type { RunRecord } from '../../spec/store.ts';
import { systemClock } from '../../util/clock.ts';
import { durationOption } from '../duration-option.ts';
import { runInJson } from '../iso-times.ts';
import { numberOption } from '../number-option.ts';
import { readQuestions, requireQuestionFile } from '../question-file.ts';
import { requireDocuments } from '../require-documents.ts';
import { createRunOutput, type RunOutput } from '../run-output.ts';
import { requireSameOptions } from '../same-options.ts';
import type { Given, Session } from '../session.ts';
import { tellEstimate } from '../show-estimate.ts';
import { describeCell, describeItem, showRun } from '../show-run.ts';
import { type Terminal, visible } from '../terminal.ts';

type Options = Given['options'];

/** What the command line writes into a run's label: enough to find it and to go on with it. */
interface Label {
  readonly file?: string;
  readonly out?: string;
  /** Of a table, as JSON: which documents it is about. */
  readonly documents?: string;
}

/** The options that every command with a run at work takes. */
export function withRunOptions(command: Command, items: 'questions' | 'cells' | 'items' = 'items', concurrency?: number): Command {
  const byDefault = concurrency === undefined ? '' : ` (default ${concurrency})`;
  return command
    .option('--concurrency <count>', `${items} in work at the same time${byDefault}`, numberOption({ least: 1, most: 1_000 }))
    .option('--ordered', 'tell them in the order of the input')
    .option('--question-timeout <seconds>', 'give up a single one after this time', numberOption({ least: 0.001, most: 1e6, whole: false }))
    .option('--max-time <time>', 'stop cleanly after this time, such as 45s, 30m or 8h; the run can be resumed', durationOption);
}

/** The options of commands that tell beforehand what they would take. */
export function withEstimate(command: Command): Command {
  return command
    .option('--estimate', 'only tell what it would take, from a short sample')
    .option('--no-estimate', 'start at once, without telling beforehand what it takes');
}

/** `ask --file`: starts a run, or goes on with the interrupted one of the same files. */
export async function askFile(
  terminal: Terminal,
  session: Session,
  options: Options,
  asked: Parameters<Mill['askMany']>[1],
): Promise<number> {
  const file = resolve(terminal.workingDirectory, options.file ?? '');
  const out = options.out === undefined ? undefined : resolve(terminal.workingDirectory, options.out);
  await requireQuestionFile(file);
  const estimating = (mill: Mill) =>
    tellEstimate(terminal, options, 'questions', (leastItems) =>
      mill.estimate.askMany(readQuestions(file), { ...asked, ...concurrencyOf(options), leastItems, signal: terminal.signal }),
    );
  if (options.estimate === true) {
    const looked = await session.open('read');
    await requireDocuments(looked);
    await estimating(looked);
    return 0;
  }
  const mill = await session.open('change');
  await requireDocuments(mill);
  const output = out === undefined ? undefined : await createRunOutput('ask-many', out, { force: options.force === true });
  try {
    const label: Label = { file, ...(out === undefined ? {} : { out }) };
    const before = options.force === true ? undefined : await interruptedRun(mill, 'ask-many', label);
    if (before === undefined) await estimating(mill);
    else requireSameOptions(before, { ...questionDefaultsOf(session), ...asked });
    const stream =
      before === undefined
        ? mill.askMany(readQuestions(file), { ...asked, ...limitsOf(options), label: { ...label }, signal: terminal.signal })
        : mill.runs.resume(before.id, { ...limitsOf(options), questions: readQuestions(file), signal: terminal.signal });
    return await follow(terminal, session, options, mill, stream, output);
  } finally {
    await output?.close();
  }
}

export function addRuns(program: Command, session: Session): void {
  const runs = program.command('runs').description('List, show, resume and delete batches of questions.');

  session.command(runs, 'list', 'List the runs of the directory.', 'millrace runs list', { isDefault: true }).action(
    session.run(async (terminal, { options }) => {
      const mill = await session.open('read');
      const all = await mill.runs.list();
      for (const run of all) terminal.out(options.json ? `${JSON.stringify(runInJson(run))}\n` : `${describeRun(run)}\n`);
      if (all.length === 0 && !options.json) terminal.out('No runs.\n');
      return 0;
    }),
  );

  session
    .command(
      runs,
      'show <id>',
      'Show a run with its answers so far. The first characters of the id, eight or more, are enough where one run begins so.',
      'millrace runs show <id> --json',
    )
    .action(
      session.run(async (terminal, { argument, options }) => {
        const mill = await session.open('read');
        const id = await runIdOf(mill, argument);
        const run = await mill.runs.show(id);
        const stale = await mill.runs.stale(id);
        terminal.out(
          options.json ? `${JSON.stringify({ ...runInJson(run), stale })}\n` : `${describeRun(run)}${describeStale(run, stale)}\n\n`,
        );
        if (run.kind === 'table') {
          for await (const cell of mill.runs.cells(id)) terminal.out(options.json ? `${JSON.stringify(cell)}\n` : describeCell(cell));
          return 0;
        }
        for await (const item of mill.runs.items(id)) terminal.out(options.json ? `${JSON.stringify(item)}\n` : describeItem(item));
        return 0;
      }),
    );

  withRunOptions(session.command(runs, 'resume <id>', 'Go on with the open questions of a run.', 'millrace runs resume <id>')).action(
    session.run(async (terminal, { argument, options }) => {
      const mill = await session.open('change');
      const run = await mill.runs.show(argument);
      const { file } = labelOf(run);
      // A table knows its questions from the start.
      const isRead = run.kind === 'table' || (run.progress as { allFound?: boolean } | null)?.allFound === true;
      return onRecord(terminal, session, options, mill, run, (signal) =>
        mill.runs.resume(argument, {
          ...limitsOf(options),
          ...(isRead || file === undefined ? {} : { questions: readQuestions(file) }),
          signal,
        }),
      );
    }),
  );

  withRunOptions(session.command(runs, 'retry <id>', 'Ask questions of a run again.', 'millrace runs retry <id> --failed'))
    .addOption(new Option('--failed', 'those that failed or expired (default)').conflicts(['stale', 'empty']))
    .addOption(new Option('--stale', 'those that were answered before the collection changed').conflicts('empty'))
    .option('--empty', 'those whose answer was not in the documents')
    .action(
      session.run(async (terminal, { argument, options }) => {
        const mill = await session.open('change');
        const run = await mill.runs.show(argument);
        const which = options.stale === true ? 'stale' : options.empty === true ? 'empty' : 'failed';
        return onRecord(terminal, session, options, mill, run, (signal) =>
          mill.runs.retry(argument, which, { ...limitsOf(options), signal }),
        );
      }),
    );

  session
    .command(runs, 'export <id>', 'Write what a run has settled to a file.', 'millrace runs export <id> --out answers.csv')
    .requiredOption('--out <file>', 'where to: .jsonl, .csv, or .xlsx for a table')
    .option('--details', 'of a table as .csv: columns for quote, place and support of each value')
    .option('--force', 'replace the file')
    .action(
      session.run(async (terminal, { argument, options }) => {
        const mill = await session.open('read');
        const { kind } = await mill.runs.show(argument);
        const out = resolve(terminal.workingDirectory, options.out ?? '');
        const output = await createRunOutput(kind, out, { force: options.force === true, details: options.details === true });
        try {
          await output.finish(mill, argument);
        } finally {
          await output.close();
        }
        return 0;
      }),
    );

  session.command(runs, 'cancel <id>', 'End a run; its open questions are cancelled.', 'millrace runs cancel <id>').action(
    session.run(async (_terminal, { argument }) => {
      await (await session.open('change')).runs.cancel(argument);
      return 0;
    }),
  );

  session.command(runs, 'delete <id>', 'Delete a run and its answers from the record.', 'millrace runs delete <id>').action(
    session.run(async (_terminal, { argument }) => {
      await (await session.open('change')).runs.delete(argument);
      return 0;
    }),
  );
}

/** The id of the only run whose id begins so, from eight characters on; else what was given. */
async function runIdOf(mill: Mill, given: string): Promise<string> {
  if (given.length < 8) return given;
  const [only, ...others] = (await mill.runs.list()).filter(({ id }) => id.startsWith(given));
  return only === undefined || others.length > 0 ? given : only.id;
}

/** A run that is in the record goes on, and its file, if it has one, is written anew. */
async function onRecord(
  terminal: Terminal,
  session: Session,
  options: Options,
  mill: Mill,
  run: RunRecord,
  begin: (signal: AbortSignal) => MillStream<RunEvent, RunSummary>,
): Promise<number> {
  const { out } = labelOf(run);
  const output = out === undefined ? undefined : await createRunOutput(run.kind, out, { force: true });
  try {
    return await follow(terminal, session, options, mill, begin(terminal.signal), output);
  } finally {
    await output?.close();
  }
}

/** Shows a run to its end and writes its file. */
export async function follow(
  terminal: Terminal,
  session: Session,
  options: Options,
  mill: Mill,
  stream: MillStream<RunEvent, RunSummary>,
  output: RunOutput | undefined,
): Promise<number> {
  const show = showRun(terminal, systemClock, { quiet: options.quiet, answers: output === undefined });
  let run: string | null = null;
  let settled = 0;
  session.keeps(() => settledIn(run, settled));
  for await (const event of stream) {
    run = event.runId;
    if (event.type === 'run-start' && run !== null) await output?.begin(mill, run, event.resumed);
    await output?.append(event);
    const isItem = event.type === 'item-settled' || event.type === 'cell-settled';
    if (event.type === 'run-start') settled = event.settled;
    else if (isItem) settled += 1;
    if (!options.json) show(event);
    else if (output === undefined || !isItem) terminal.out(`${JSON.stringify(event)}\n`);
    if (event.type === 'run-failed') {
      if (options.json) session.failureTold();
      // Why the run failed is what is told, whatever its file makes of it.
      if (run !== null) await output?.leave(mill, run).catch(() => undefined);
      if (run !== null) sayHowToGoOn(terminal, run);
    }
  }
  const summary = await stream.result();
  if (run !== null) await (summary.state === 'done' ? output?.finish(mill, run) : output?.leave(mill, run));
  return summary.state === 'interrupted' || summary.failed + summary.expired > 0 ? 3 : 0;
}

/** What a stopped command keeps of its run. */
export function settledIn(run: string | null, settled: number): string {
  const answers = settled === 1 ? '1 answer is' : `${settled} answers are`;
  return `${run === null ? 'Nothing was begun' : `${answers} on record in the run ${run}`}; repeat the command to go on.`;
}

/** A command that was stopped says so in its last line. */
export function sayHowToGoOn(terminal: Terminal, run: string): void {
  if (!terminal.signal.aborted) terminal.error(`The run is on record: millrace runs resume ${run}\n`);
}

export function concurrencyOf(options: Options) {
  return options.concurrency === undefined ? {} : { concurrency: options.concurrency };
}

export function limitsOf(options: Options) {
  return {
    ...concurrencyOf(options),
    ...(options.ordered === true ? { ordered: true } : {}),
    ...(options.questionTimeout === undefined ? {} : { questionTimeoutMs: options.questionTimeout * 1_000 }),
    ...(options.maxTime === undefined ? {} : { maxTimeMs: options.maxTime }),
  };
}

/** What the settings say of every question of the directory. */
export function questionDefaultsOf(session: Session) {
  const { contextTokens, maxTokens } = session.settings();
  return { contextTokens, maxTokens };
}

function labelOf(run: RunRecord): Label {
  return (run.definition as { label?: Label } | null)?.label ?? {};
}

function sameLabel(a: Label, b: Label): boolean {
  return a.file === b.file && a.out === b.out && a.documents === b.documents;
}

/** The last run of these files that did not come to its end. */
export async function interruptedRun(mill: Mill, kind: RunRecord['kind'], label: Label): Promise<RunRecord | undefined> {
  return (await mill.runs.list()).findLast((run) => run.kind === kind && run.state === 'interrupted' && sameLabel(labelOf(run), label));
}

function describeRun(run: RunRecord): string {
  const { pending, claimed, settled } = run.items;
  const { file, out } = labelOf(run);
  const from = file === undefined ? '' : `  ${visible(file)}${out === undefined ? '' : ` → ${visible(out)}`}`;
  return `${run.id}  ${run.state.padEnd(11)}  ${new Date(run.createdAt).toISOString()}  ${settled} of ${pending + claimed + settled} settled, ${run.outcomes.failed + run.outcomes.expired} failed${from}`;
}

function describeStale({ id }: RunRecord, stale: number): string {
  return stale === 0 ? '' : `\n${stale} stale: answer them again with "millrace runs retry ${id} --stale"`;
}

/** `ask` without a question and without a file. */
export function noQuestion(): MillraceError {
  return new MillraceError('E_USAGE', 'No question was given.', {
    remedy: 'Give a question, "-" to read one from standard input, or --file with many.',
  });
}
