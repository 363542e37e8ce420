import { readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { MillraceError, toMillraceError } from '../../errors.ts';
import type { Answer } from '../../spec/answers.ts';
import type { Mill } from '../../spec/mill.ts';
import type { Models } from '../../spec/model.ts';
import { systemClock } from '../../util/clock.ts';
import { showTable } from '../demo-table.ts';
import { type HowToRun, howToRun } from '../how-to-run.ts';
import type { Session } from '../session.ts';
import { showIngest } from '../show-ingest.ts';
import { showPull } from '../show-pull.ts';
import { formatBytes, formatDuration, type Terminal, visible } from '../terminal.ts';
import { describeCitations, describeHit } from './questions.ts';

const demoQuestion = z.object({
  id: z.string(),
  question: z.string(),
  answerable: z.boolean(),
  expected: z.array(z.string()),
  demo: z.boolean().optional(),
});
type DemoQuestion = z.infer<typeof demoQuestion>;

/** The generator of the demonstration where none is named: it comes from the hub and from a package index alike. */
const demoGenerator = 'qwen2.5-coder-1.5b';
const demoDirectory = join('.millrace', 'demo');

export function addDemo(program: Command, session: Session): void {
  session
    .command(
      program,
      'demo',
      'Ingest the example documents, answer questions about them, and fill a table that is killed half-way.',
      'millrace demo --small',
    )
    .option('--all', 'ask all twenty questions')
    .option('--small', 'fetch the embedder only and answer with verbatim quotes')
    .action(
      session.run(async (terminal, { options }) => {
        const folder = join(terminal.workingDirectory, 'examples');
        const questions = await readQuestions(join(folder, 'questions.jsonl'), options.all === true);
        const { embedder, model = demoGenerator } = session.settings();
        const how = howToRun(terminal.workingDirectory);
        const say = options.json ? () => undefined : terminal.out;
        const models = session.models();
        const wanted = options.small === true ? [embedder] : [embedder, model];
        await saySizes(terminal, models, wanted, how);

        await pull(models, terminal, embedder, options.quiet);
        // While it is fetched the documents are read and searched; what it ended with is looked at before the first question.
        const generator = wanted.includes(model) ? pull(models, terminal, model, options.quiet).then(ready, failure) : undefined;

        const directory = join(terminal.workingDirectory, demoDirectory);
        const mill = await session.open('write', { directory, model });
        const show = options.json ? () => undefined : showIngest(terminal, systemClock, options);
        const stream = mill.ingest([join(folder, 'documents')], { signal: terminal.signal });
        for await (const event of stream) show(event);
        await stream.result();
        const [first] = questions;
        if (first !== undefined && !options.json) await showHits(terminal, mill, first.question);

        const failed = await generator;
        terminal.signal.throwIfAborted();
        if (failed !== undefined) {
          terminal.error(
            `${model} could not be fetched: ${visible(failed.message)}\n${failed.remedy}\nAnswering with verbatim quotes instead.\n\n`,
          );
        }
        const quotesOnly = options.small === true || failed !== undefined;
        let right = 0;
        for (const one of questions) {
          const answer = await mill.ask(one.question, { signal: terminal.signal, quotesOnly }).result();
          const isRight = judge(one, answer);
          if (isRight) right += 1;
          if (options.json) terminal.out(`${JSON.stringify({ id: one.id, right: isRight, ...answer })}\n`);
          say(`Question: ${one.question}\n${visible(answer.answer)}\n${describeCitations(answer)}`);
          say(`${isRight ? 'right' : 'WRONG'}, ${formatDuration(answer.timings.totalMs)}\n\n`);
        }
        say(`${right} of ${questions.length} right, answered by ${quotesOnly ? 'verbatim quotes, without a generator' : model}.\n`);
        if (!quotesOnly && !options.json) {
          await mill.close();
          await showTable(terminal, { folder, directory, model, open: () => session.open('write', { directory, model }), say });
        }
        say(await adviceOf(models, quotesOnly ? undefined : model, how));
        say(`Ask on: ${how.millrace} ask "…"${quotesOnly ? ' --quotes' : ''} --directory ${demoDirectory}\n`);
        return failed === undefined ? 0 : 3;
      }),
    );
}

function ready(): undefined {
  return undefined;
}

function failure(thrown: unknown): MillraceError {
  return toMillraceError(thrown);
}

async function readQuestions(path: string, all: boolean): Promise<DemoQuestion[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new MillraceError('E_SOURCE_MISSING', `The example questions ${path} cannot be read.`, {
      cause: error,
      remedy: 'Run the demonstration in a clone of the repository.',
    });
  });
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => demoQuestion.parse(JSON.parse(line))).filter(({ demo }) => all || demo === true);
}

async function saySizes(terminal: Terminal, models: Models, wanted: readonly string[], how: HowToRun): Promise<void> {
  const missing = (await models.list()).filter(({ id, installed }) => wanted.includes(id) && !installed);
  if (missing.length === 0) return;
  const sizes = missing.map(({ id, downloadBytes }) => `${id} (${formatBytes(downloadBytes)})`);
  terminal.error(`To be fetched once, into ${models.home}: ${sizes.join(', ')}.\n`);
  if (missing.some(({ task }) => task === 'generator')) {
    terminal.error(`"${how.demo} --small" goes without a generator and answers with quotes.\n`);
  }
}

async function pull(models: Models, terminal: Terminal, name: string, quiet: boolean): Promise<void> {
  const listing = (await models.list()).find(({ id }) => id === name);
  // What is no entry of the catalogue is a file, or is fetched and told by the pull.
  if (listing?.installed === true) return;
  const show = showPull(terminal, systemClock, name, quiet);
  for await (const event of models.pull(name, { signal: terminal.signal })) show(event);
}

async function showHits(terminal: Terminal, mill: Mill, question: string): Promise<void> {
  const { hits } = await mill.search(question, { limit: 3, signal: terminal.signal });
  terminal.out(`\nSearch: ${question}\n`);
  for (const hit of hits) terminal.out(`${describeHit(hit)}\n  ${visible(hit.text.trim().replaceAll('\n', '\n  '))}\n`);
  terminal.out('\n');
}

/** An answer is right when it holds one of the expected texts, or abstains where the documents do not say. */
function judge(one: DemoQuestion, answer: Answer): boolean {
  if (!one.answerable) return answer.abstained;
  const folded = answer.answer.toLowerCase();
  return !answer.abstained && one.expected.some((text) => folded.includes(text.toLowerCase()));
}

/** A demonstration with a better model fetches it itself. */
async function adviceOf(models: Models, used: string | undefined, how: HowToRun): Promise<string> {
  const best = await models.recommend({ task: 'generator', memoryBytes: totalmem() / 2, allowDownload: true });
  if (best === undefined || best.id === used)
    return `This is the best generator of the catalogue for this machine; "${how.millrace} doctor" says why.\n`;
  const isThere = (await models.list()).some(({ id, installed }) => id === best.id && installed);
  return `For better answers: ${how.demo} --model ${best.id}${isThere ? '' : ` (fetches ${formatBytes(best.downloadBytes)})`}\n`;
}
