import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunEvent, SettledQuestion } from '../../src/spec/runs.ts';
import { createCommands, runInProcess } from '../support/command-line.ts';

const commands = createCommands();
let folder: string;
const run = (...argumentList: string[]) => runInProcess(folder, argumentList);
const quotes = ['--quotes', '--mode', 'text'];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-ask-file-'));
  mkdirSync(join(folder, 'docs'));
  writeFileSync(join(folder, 'docs', 'rules.md'), '# Rules\n\nA lost key costs 40 euros.\n\nA locker costs 3.50 a day.\n');
  const { exitCode, error } = await run('ingest', 'docs', '--no-embed');
  if (exitCode !== 0) throw new Error(error);
});
afterEach(() => {
  commands.endAll();
  rmSync(folder, { recursive: true, force: true });
});

const lines = <Value>(text: string): Value[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Value);
const answersOf = (name: string): SettledQuestion[] => lines(readFileSync(join(folder, name), 'utf8'));

describe('ask --file', () => {
  it('answers each question of a file, keeps bad rows as failed, and writes all in order', async () => {
    writeFileSync(join(folder, 'q.csv'), 'id,question\na,What does a lost key cost?\nb,\nc,What does a locker cost?\n');
    const { exitCode, error } = await run('ask', '--file', 'q.csv', '--out', 'a.jsonl', ...quotes);
    expect(exitCode).toBe(3);
    expect(error).toContain('3 questions: 2 answered');
    expect(error).toContain('Line 3 of');
    const answers = answersOf('a.jsonl');
    expect(answers.map(({ id, status }) => [id, status])).toEqual([
      ['a', 'done'],
      [null, 'failed'],
      ['c', 'done'],
    ]);
    expect(answers[0]?.citations[0]?.quote).toContain('A lost key costs 40 euros.');
    expect(existsSync(join(folder, 'a.jsonl.partial'))).toBe(false);
  });

  it('leaves a file that exists alone, unless it is forced', async () => {
    writeFileSync(join(folder, 'q.txt'), 'What does a lost key cost?\n');
    writeFileSync(join(folder, 'a.csv'), 'mine');
    const refused = await run('ask', '--file', 'q.txt', '--out', 'a.csv', ...quotes);
    expect(refused).toMatchObject({ exitCode: 2, error: expect.stringContaining('E_OUTPUT_EXISTS') });
    expect(readFileSync(join(folder, 'a.csv'), 'utf8')).toBe('mine');
    expect((await run('ask', '--file', 'q.txt', '--out', 'a.csv', '--force', ...quotes)).exitCode).toBe(0);
    expect(readFileSync(join(folder, 'a.csv'), 'utf8')).toContain('What does a lost key cost?');
  });

  it('goes on after kill -9, with the same questions only: nothing settled is asked again, everything is in the file once', async () => {
    const count = 600;
    const questions = Array.from({ length: count }, (_, index) => `What does lost key number ${index} cost?`);
    writeFileSync(join(folder, 'q.txt'), questions.join('\n'));
    const first = commands.start(folder, ['ask', '--file', 'q.txt', '--out', 'a.jsonl', '--json', '--concurrency', '2', ...quotes]);
    await first.line('run-start');
    await first.opened('a.jsonl.partial');
    while (lines(readPartial()).length < 5) await new Promise((resolve) => setImmediate(resolve));
    first.kill('SIGKILL');
    await first.ended;
    const settled = lines<SettledQuestion>(readPartial());
    expect(settled.length).toBeLessThan(count);
    expect(existsSync(join(folder, 'a.jsonl'))).toBe(false);
    const [listed] = lines<{ id: string; items: { settled: number } }>((await run('runs', 'list', '--json')).out);
    expect(listed?.items.settled).toBeGreaterThanOrEqual(settled.length);

    writeFileSync(join(folder, 'q.txt'), ['Another question?', ...questions.slice(1)].join('\n'));
    const refused = await run('ask', '--file', 'q.txt', '--out', 'a.jsonl', ...quotes);
    expect(refused).toMatchObject({ exitCode: 2, error: expect.stringContaining('at question 1') });
    writeFileSync(join(folder, 'q.txt'), questions.join('\n'));

    const again = await run('ask', '--file', 'q.txt', '--out', 'a.jsonl', '--json', ...quotes);
    expect(again.exitCode).toBe(0);
    expect(lines<RunEvent>(again.out)[0]).toMatchObject({ type: 'run-start', runId: listed?.id, resumed: true });
    const answers = answersOf('a.jsonl');
    expect(answers.map(({ index }) => index)).toEqual(questions.map((_, index) => index));
    for (const before of settled) expect(answers[before.index]).toEqual(before);
  });

  it('goes on with the options it began with only, and says which are others', async () => {
    writeFileSync(join(folder, 'q.txt'), 'What does a lost key cost?\n');
    const command = ['ask', '--file', 'q.txt', ...quotes];
    expect((await run(...command, '--max-time', '0.000001s')).exitCode).toBe(3);
    const refused = await run(...command, '--filter', 'year=2020', '--max-tokens', '50');
    expect(refused).toMatchObject({ exitCode: 2, error: expect.stringContaining('E_RUN_CHANGED') });
    for (const told of ['--filter (not given then', '--max-tokens (not given then, 50 now)', 'runs resume', '--force'])
      expect(refused.error).toContain(told);
    expect((await run(...command)).out).toContain('A lost key costs 40 euros.');
    const short = [...command, '--max-tokens', '50'];
    expect((await run(...short, '--max-time', '0.000001s')).exitCode).toBe(3);
    expect((await run(...command)).error).toContain('--max-tokens (50 then, not given now)');
    expect((await run(...short)).out).toContain('A lost key costs 40 euros.');
  });

  it('lets runs be shown, exported, resumed, retried, cancelled and deleted', async () => {
    writeFileSync(join(folder, 'q.txt'), 'What does a lost key cost?\n');
    expect((await run('ask', '--file', 'q.txt', '--max-time', '0.000001s', ...quotes)).exitCode).toBe(3);
    const id = lines<{ id: string }>((await run('runs', 'list', '--json')).out)[0]?.id ?? '';
    expect((await run('runs', 'resume', id)).out).toContain('A lost key costs 40 euros.');
    expect((await run('runs', 'show', id)).out).toContain('1 of 1 settled');
    expect((await run('runs', 'show', id.slice(0, -1))).out).toContain('1 of 1 settled');
    expect((await run('runs', 'show', id.slice(0, 7))).error).toContain('E_NOT_FOUND');
    expect((await run('runs', 'export', id, '--out', 'b.csv')).exitCode).toBe(0);
    expect(readFileSync(join(folder, 'b.csv'), 'utf8')).toContain('40 euros');
    expect((await run('runs', 'retry', id, '--stale')).exitCode).toBe(0);
    expect(await run('runs', 'cancel', id)).toMatchObject({ exitCode: 2, error: expect.stringContaining('E_RUN_STATE') });
    expect((await run('runs', 'delete', id)).exitCode).toBe(0);
    expect(await run('runs', 'show', id)).toMatchObject({ exitCode: 1, error: expect.stringContaining('E_NOT_FOUND') });
  });

  it('says which answers are stale, in words, in JSON and in files, and answers them again', async () => {
    writeFileSync(join(folder, 'q.txt'), 'What does a lost key cost?\n');
    expect((await run('ask', '--file', 'q.txt', '--out', 'a.csv', ...quotes)).exitCode).toBe(0);
    const id = lines<{ id: string }>((await run('runs', 'list', '--json')).out)[0]?.id ?? '';
    expect((await run('runs', 'show', id)).out).not.toMatch(/stale|since/i);
    writeFileSync(join(folder, 'docs', 'rules.md'), '# Rules\n\nA lost key costs 45 euros.\n');
    expect((await run('ingest', 'docs', '--no-embed')).exitCode).toBe(0);

    const { out } = await run('runs', 'show', id);
    expect(out).toContain(`1 stale: answer them again with "millrace runs retry ${id} --stale"`);
    expect(out).toMatch(/40 euros.*\(replaced since\)\nStale: the collection has changed/);
    const [shown, item] = lines<Record<string, unknown>>((await run('runs', 'show', id, '--json')).out);
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/) as string;
    expect(shown).toMatchObject({ id, stale: 1, createdAt: time, updatedAt: time });
    expect(lines((await run('runs', 'list', '--json')).out)).toMatchObject([{ id, createdAt: time, updatedAt: time }]);
    expect(item).toMatchObject({ stale: true, citations: [{ stale: 'replaced' }] });
    await run('runs', 'export', id, '--out', 'b.csv');
    expect(readFileSync(join(folder, 'b.csv'), 'utf8')).toMatch(/,stale\r\n[^]*\(replaced since\)[^]*,true\r\n/);
    expect((await run('runs', 'retry', id, '--stale')).exitCode).toBe(0);
    expect(readFileSync(join(folder, 'a.csv'), 'utf8')).toMatch(/45 euros[^]*,false\r\n/);
    expect((await run('runs', 'show', id)).out).not.toMatch(/stale|since/i);
  });

  it('names the file of a purged document that it cannot reach, also when the document was removed before', async () => {
    writeFileSync(join(folder, 'q.txt'), 'What does a lost key cost?\n');
    expect((await run('ask', '--file', 'q.txt', '--out', 'a.csv', ...quotes)).exitCode).toBe(0);
    expect((await run('documents', 'remove', 'docs/rules.md')).exitCode).toBe(0);
    const purged = await run('documents', 'remove', 'docs/rules.md', '--purge');
    expect(purged).toMatchObject({ exitCode: 0, out: expect.stringContaining('1 answers blanked') });
    expect(purged.error).toContain(`${join(folder, 'a.csv')} of this run may still hold its text`);
    const id = lines<{ id: string }>((await run('runs', 'list', '--json')).out)[0]?.id ?? '';
    expect((await run('runs', 'show', id)).out).toMatch(/\npurged\n/);
    expect(await run('documents', 'remove', 'docs/rules.md', '--purge')).toMatchObject({
      exitCode: 1,
      error: expect.stringContaining('E_SOURCE_MISSING'),
    });
  });

  it('ends with a sentence when its time is over', async () => {
    writeFileSync(join(folder, 'q.txt'), 'What does a lost key cost?\n');
    const ended = await run('ask', '--file', 'q.txt', '--timeout', '0.001', ...quotes);
    expect(ended).toMatchObject({ exitCode: 1, error: expect.stringContaining('error[E_DEADLINE_EXCEEDED]: ') });
  });

  it('needs a question or a file', async () => {
    expect(await run('ask')).toMatchObject({ exitCode: 2, error: expect.stringContaining('No question was given') });
    expect(await run('ask', '--file', 'none.csv', ...quotes)).toMatchObject({
      exitCode: 1,
      error: expect.stringContaining('does not exist'),
    });
  });

  function readPartial(): string {
    const path = join(folder, 'a.jsonl.partial');
    if (!existsSync(path)) return '';
    const text = readFileSync(path, 'utf8');
    return text.slice(0, text.lastIndexOf('\n') + 1);
  }
});
