import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runInProcess } from '../support/command-line.ts';
import { withoutModels } from './models.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const question = { id: 'bicycle', question: 'What does a bicycle cost?', answerable: true, expected: ['7.50'], demo: true };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-demo-'));
  mkdirSync(join(folder, 'examples'));
  for (const name of ['fares.html', 'equipment.md'])
    cpSync(join(repository, 'examples/documents', name), join(folder, 'examples/documents', name));
  writeFileSync(join(folder, 'examples/questions.jsonl'), `${JSON.stringify(question)}\n`);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(withoutModels)('demo', { timeout: 120_000 }, () => {
  it('shows the questions of its table, fills it although it is killed, and ends with the command that asks on', async () => {
    const { exitCode, out } = await runInProcess(folder, ['demo', '--model', 'smollm2-135m', '--quiet']);
    expect(exitCode).toBe(0);
    const millrace = `node ${relative(folder, join(repository, 'bin/millrace.js'))}`;
    expect(out.trimEnd().split('\n').at(-1)).toBe(`Ask on: ${millrace} ask "…" --directory ${join('.millrace', 'demo')}`);
    const questions = /done:\n {2}date {4}.+\?\n {2}season {2}.+\?\n {2}lift {4}.+\?\n\S/;
    expect(out).toMatch(questions);
    expect(out).toMatch(/\n\d cells done, 0 computed twice/);
    expect(out).toContain('In the middle of it a question: What does a bicycle cost?\n');
  });

  it('without a generator asks on with quotes, in its record', async () => {
    const { out } = await runInProcess(folder, ['demo', '--small', '--quiet']);
    const last = out.trimEnd().split('\n').at(-1) ?? '';
    const [, argumentList = ''] = /^Ask on: node \S+ (ask "…" .+)$/.exec(last) ?? [];
    expect(argumentList).toBe(`ask "…" --quotes --directory ${join('.millrace', 'demo')}`);
    const asked = await runInProcess(
      folder,
      argumentList.split(' ').map((one) => (one === '"…"' ? question.question : one)),
    );
    expect(asked).toMatchObject({ exitCode: 0, out: expect.stringContaining('7.50') });
  });
});
