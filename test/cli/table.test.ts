import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SettledCell } from '../../src/spec/tables.ts';
import { withoutModels } from '../model/models.ts';
import { createCommands, jsonLines, runInProcess } from '../support/command-line.ts';

const commands = createCommands();
let folder: string;
const run = (...argumentList: string[]) => runInProcess(folder, argumentList);
const model = ['--model', 'smollm2-135m', '--mode', 'text', '--max-tokens', '8', '--threads', '1'];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-table-'));
  mkdirSync(join(folder, 'docs'));
  for (const [name, cost] of [
    ['key', 40],
    ['locker', 3],
    ['towel', 2],
  ] as const) {
    writeFileSync(join(folder, 'docs', `${name}.md`), `A lost ${name} costs ${cost} euros.\n`);
  }
});
afterEach(() => {
  commands.endAll();
  rmSync(folder, { recursive: true, force: true });
});

const cellsIn = (name: string): SettledCell[] => {
  const path = join(folder, name);
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  return jsonLines(text.slice(0, text.lastIndexOf('\n') + 1)) as never;
};

describe.skipIf(withoutModels)('table', () => {
  it('goes on after kill -9 with the same questions only, and computes no cell twice', async () => {
    const names = ['cost', 'thing', 'price'];
    writeFileSync(
      join(folder, 'q.csv'),
      `id,question,type\n${names.map((name) => `${name},What is the ${name}?,text`).join('\n')}\nbad,How?,nubmer\n`,
    );
    writeFileSync(join(folder, 'docs', 'cut.pdf'), '%PDF-1.7 cut');
    const command = ['table', '--questions', 'q.csv', '--documents', 'docs', '--out', 't.jsonl', ...model];
    const first = commands.start(folder, [...command, '--concurrency', '2', '--json']);
    await first.line('run-start');
    while (cellsIn('t.jsonl.partial').filter(({ status }) => status === 'done').length < 3)
      await new Promise((resolve) => setImmediate(resolve));
    first.kill('SIGKILL');
    await first.ended;
    expect(existsSync(join(folder, 't.jsonl'))).toBe(false);
    const [listed] = jsonLines((await run('runs', 'list', '--json')).out) as { id: string }[];
    const settled = jsonLines((await run('runs', 'show', listed?.id ?? '', '--json')).out).slice(1) as unknown as SettledCell[];
    expect(settled.length).toBeGreaterThanOrEqual(3);
    expect(settled.length).toBeLessThan(16);

    const questions = readFileSync(join(folder, 'q.csv'), 'utf8');
    writeFileSync(join(folder, 'q.csv'), questions.replace('What is the price?', 'What is the weight?'));
    expect(await run(...command)).toMatchObject({ exitCode: 2, error: expect.stringContaining('at question 3') });
    writeFileSync(join(folder, 'q.csv'), questions);

    const again = await run(...command);
    expect(again).toMatchObject({ exitCode: 3, error: expect.stringContaining('Going on with the run') });
    expect(again.error).toContain('the nearest of text, yes/no, number, date, list, json is "number"');
    const cells = cellsIn('t.jsonl');
    expect(cells.map(({ index }) => index)).toEqual(Array.from({ length: 16 }, (_, index) => index));
    for (const before of settled) expect(cells[before.index]).toEqual(before);
    for (const cell of cells) {
      const reason = cell.id === 'bad' ? /^E_INPUT_INVALID$/u : cell.uri.endsWith('cut.pdf') ? /^E_DOCUMENT_/u : /^none$/u;
      expect([cell.index, cell.error?.code ?? 'none']).toEqual([cell.index, expect.stringMatching(reason)]);
    }
    const computed = cells.filter(({ usage }) => (usage?.cachedTokens ?? 0) === 0 && usage !== null);
    expect(computed.length).toBeLessThan(cells.filter(({ usage }) => usage !== null).length);

    expect((await run('runs', 'export', listed?.id ?? '', '--out', 't.xlsx')).exitCode).toBe(0);
    expect(readFileSync(join(folder, 't.xlsx')).subarray(0, 2).toString()).toBe('PK');
    expect(await run(...command)).toMatchObject({ exitCode: 2, error: expect.stringContaining('E_OUTPUT_EXISTS') });
  }, 120_000);

  it('says what is missing', async () => {
    writeFileSync(join(folder, 'q.txt'), 'What does it cost?\n');
    expect((await run('table')).exitCode).toBe(2);
    expect(await run('table', '--questions', 'none.csv', ...model)).toMatchObject({
      exitCode: 1,
      error: expect.stringContaining('does not exist'),
    });
    const nothing = await run('table', '--questions', 'q.txt', '--documents', 'nothing/*.pdf', ...model);
    expect(nothing.exitCode).toBe(1);
    expect(nothing.error).toContain('E_SOURCE_MISSING');
    expect(nothing.error).toContain('No file matches the pattern "nothing/*.pdf".');
  });
});
