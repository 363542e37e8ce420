import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { MillraceError } from '../../errors.ts';
import type { Mill } from '../../spec/mill.ts';
import type { Session } from '../session.ts';
import { formatBytes, type Terminal, visible } from '../terminal.ts';
import { describeCitations, describeHit } from './questions.ts';

const demoQuestion = z.object({
  id: z.string(),
  question: z.string(),
  answerable: z.boolean(),
  expected: z.array(z.string()),
  demo: z.boolean().optional(),
});

/** The generator that the demonstration shows; better ones are named at its end. */
const demoGenerator = 'qwen2.5-coder-1.5b';

export function addDemo(program: Command, session: Session): void {
  session
    .command(program, 'demo', 'Ingest the example documents and answer questions about them.', 'millrace demo --small')
    .option('--all', 'ask all twenty questions')
    .option('--small', 'fetch the embedder only and answer with verbatim quotes')
    .action(
      session.run(async (terminal, { options }) => {
        const folder = join(terminal.workingDirectory, 'examples');
        const questions = await readQuestions(join(folder, 'questions.jsonl'), options.all === true);
        await pull(session, terminal, 'minilm-l6');
        const larger = options.small === true ? Promise.resolve() : pull(session, terminal, demoGenerator);
        larger.catch(() => undefined);
        const mill = await session.open('write', { directory: join(terminal.workingDirectory, '.millrace', 'demo'), model: demoGenerator });
        const summary = await mill.ingest([join(folder, 'documents')], { signal: terminal.signal }).result();
        terminal.out(`${summary.found} documents, ${summary.chunks} new chunks in ${(summary.elapsedMs / 1_000).toFixed(1)} s\n\n`);
        const [first] = questions;
        if (first !== undefined) await showHits(terminal, mill, first.question);
        await larger;
        let right = 0;
        for (const one of questions) right += await askOne(terminal, mill, one, options.small === true);
        terminal.out(
          `${right} of ${questions.length} right, answered by ${options.small === true ? 'verbatim quotes, without a generator' : demoGenerator}.\n`,
        );
        terminal.out('For better answers take a larger generator: "millrace models list" shows what there is.\n');
        return 0;
      }),
    );
}

async function readQuestions(path: string, all: boolean): Promise<z.infer<typeof demoQuestion>[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new MillraceError('E_SOURCE_MISSING', `The example questions ${path} cannot be read.`, {
      cause: error,
      remedy: 'Run the demonstration in a clone of the repository.',
    });
  });
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => demoQuestion.parse(JSON.parse(line))).filter(({ demo }) => all || demo === true);
}

async function pull(session: Session, terminal: Terminal, name: string): Promise<void> {
  const listing = (await session.models().list()).find(({ id }) => id === name);
  if (listing?.installed === true) return;
  terminal.error(`Fetching ${name}: ${formatBytes(listing?.downloadBytes ?? 0)}\n`);
  for await (const event of session.models().pull(name, { signal: terminal.signal })) {
    if (event.type === 'model-source-failed') terminal.error(`${event.source} failed: ${visible(event.message)}\n`);
  }
}

async function showHits(terminal: Terminal, mill: Mill, question: string): Promise<void> {
  const { hits } = await mill.search(question, { limit: 3, signal: terminal.signal });
  terminal.out(`Search: ${question}\n`);
  for (const hit of hits) terminal.out(`${describeHit(hit)}\n  ${visible(hit.text.trim().replaceAll('\n', '\n  '))}\n`);
  terminal.out('\n');
}

/** 1 when the answer holds what was expected. */
async function askOne(terminal: Terminal, mill: Mill, one: z.infer<typeof demoQuestion>, quotesOnly: boolean): Promise<number> {
  const answer = await mill.ask(one.question, { signal: terminal.signal, quotesOnly }).result();
  const folded = answer.answer.toLowerCase();
  const right = one.answerable ? !answer.abstained && one.expected.some((text) => folded.includes(text.toLowerCase())) : answer.abstained;
  terminal.out(`Question: ${one.question}\n${visible(answer.answer)}\n${describeCitations(answer)}`);
  terminal.out(`${right ? 'right' : 'WRONG'}, ${(answer.timings.totalMs / 1_000).toFixed(1)} s\n\n`);
  return right ? 1 : 0;
}
