import { type ChildProcess, spawn } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { MillraceError } from '../errors.ts';
import type { Answer } from '../spec/answers.ts';
import type { Mill } from '../spec/mill.ts';
import type { SettledCell } from '../spec/tables.ts';
import { describeCitations } from './commands/questions.ts';
import { describeCell } from './show-run.ts';
import { formatDuration, type Terminal, visible } from './terminal.ts';

/** Short documents, so that the whole act takes a minute on two cores. */
const documents = ['fares.html', 'equipment.md'];
/** Each has its answer in one sentence or row, or the document does not say. */
const questions = [
  { id: 'date', question: 'From which date does it apply?', type: 'text' },
  { id: 'season', question: 'What does a season ticket for adults cost?', type: 'number' },
  { id: 'lift', question: 'Which carriage has a wheelchair lift?', type: 'text' },
];
const cells = documents.length * questions.length;
const program = fileURLToPath(new URL('../../bin/millrace.js', import.meta.url));
/** The process is killed when so many are settled. */
const killedAfter = 3;
const interactive = 'What does a bicycle cost?';

export interface DemoTable {
  readonly folder: string;
  readonly directory: string;
  readonly model: string;
  open(): Promise<Mill>;
  say(text: string): void;
}

/**
 * The second act: a small table in a process of its own, which is killed half-way and loses nothing; the rest is done here, and a question
 * is answered in the middle of it.
 */
export async function showTable(terminal: Terminal, demo: DemoTable): Promise<void> {
  const { say } = demo;
  const file = join(demo.directory, 'table-questions.csv');
  await writeFile(file, ['id,question,type', ...questions.map(({ id, question, type }) => `${id},${question},${type}`)].join('\n'));
  say(
    `\nA table of ${documents.length} documents and ${questions.length} questions, in a process that is killed when ${killedAfter} of ${cells} cells are done:\n`,
  );
  const width = Math.max(...questions.map(({ id }) => id.length));
  for (const { id, question } of questions) say(`  ${id.padEnd(width)}  ${question}\n`);
  const run = await fillAndKill(terminal, demo, file);
  const mill = await demo.open();
  try {
    const before = await cellsOf(mill, run);
    for (const cell of before) say(describeCell(cell));
    say(`Killed with SIGKILL. ${before.length} cells are on record; the run goes on:\n`);
    await goOn(terminal, mill, run, say);
    const after = await cellsOf(mill, run);
    say(`\n${account(before, after)}\n`);
  } finally {
    await rm(file, { force: true });
    await mill.close();
  }
}

/** @returns the id of the run */
async function fillAndKill(terminal: Terminal, demo: DemoTable, file: string): Promise<string> {
  const named = documents.flatMap((name) => ['--documents', join(demo.folder, 'documents', name)]);
  const shape = ['--no-ingest', '--mode', 'text', '--document-tokens', '1500', '--max-tokens', '16', '--concurrency', '4'];
  const where = ['--directory', demo.directory, '--model', demo.model, '--json'];
  const child = spawn(process.execPath, [program, 'table', '--questions', file, ...named, ...shape, ...where], {
    stdio: ['ignore', 'pipe', 'ignore'],
    windowsHide: true,
  });
  const stop = (): void => void child.kill('SIGKILL');
  terminal.signal.addEventListener('abort', stop, { once: true });
  try {
    return await settledThenKilled(child);
  } finally {
    terminal.signal.removeEventListener('abort', stop);
    terminal.signal.throwIfAborted();
  }
}

async function settledThenKilled(child: ChildProcess & { readonly stdout: NodeJS.ReadableStream }): Promise<string> {
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()).once('error', () => resolve()));
  let run = '';
  let settled = 0;
  let last = '';
  for await (const line of createInterface({ input: child.stdout })) {
    last = line;
    const event = JSON.parse(line) as { readonly type?: string; readonly runId?: string };
    run = event.runId ?? run;
    if (event.type === 'cell-settled') settled += 1;
    if (settled < killedAfter) continue;
    child.kill('SIGKILL');
    await ended;
    return run;
  }
  throw new MillraceError('E_INTERNAL', `The table of the demonstration ended before it was killed: ${visible(last.slice(0, 500))}`);
}

async function goOn(terminal: Terminal, mill: Mill, run: string, say: (text: string) => void): Promise<void> {
  const stream = mill.runs.resume(run, { signal: terminal.signal, concurrency: 4 });
  let asking: Promise<unknown> | undefined;
  for await (const event of stream) {
    if (event.type === 'run-start') asking = ask(terminal, mill, say);
    if (event.type === 'cell-settled') say(describeCell(event.cell));
  }
  await stream.result();
  await asking;
}

/** A question of a person goes before the cells that wait. */
async function ask(terminal: Terminal, mill: Mill, say: (text: string) => void): Promise<void> {
  const options = { signal: terminal.signal, contextTokens: 160, maxTokens: 40, mode: 'text' as const };
  const answer = await mill.ask(interactive, options).result();
  say(describeMeanwhile(interactive, answer));
}

/** With its citations, like every answer. */
export function describeMeanwhile(
  question: string,
  answer: Pick<Answer, 'answer' | 'citations' | 'unsupported'> & { readonly timings: Pick<Answer['timings'], 'firstTokenMs' | 'totalMs'> },
): string {
  const { firstTokenMs, totalMs } = answer.timings;
  const first = firstTokenMs === undefined ? '' : `first token after ${formatDuration(firstTokenMs)}, `;
  const told = `${visible(answer.answer)}\n${describeCitations(answer)}`;
  return `In the middle of it a question: ${question}\n${told}(${first}${formatDuration(totalMs)} in all)\n`;
}

async function cellsOf(mill: Mill, run: string): Promise<SettledCell[]> {
  const found: SettledCell[] = [];
  for await (const cell of mill.runs.cells(run)) found.push(cell);
  return found;
}

function account(before: readonly SettledCell[], after: readonly SettledCell[]): string {
  const twice = before.filter((cell) => JSON.stringify(cell) !== JSON.stringify(after[cell.index])).length;
  const sum = (of: (cell: SettledCell) => number): number => after.reduce((total, cell) => total + of(cell), 0);
  const reused = sum(({ usage }) => usage?.cachedTokens ?? 0);
  const computed = sum(({ usage }) => (usage?.promptTokens ?? 0) + (usage?.outputTokens ?? 0)) - reused;
  const done = after.filter(({ status }) => status === 'done').length;
  return `${done} cells done, ${twice} computed twice, ${computed} tokens computed, ${reused} tokens reused.`;
}
