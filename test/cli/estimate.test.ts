import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutModels } from '../model/models.ts';
import { jsonLines, runInProcess } from '../support/command-line.ts';

let folder: string;
const run = (...argumentList: string[]) => runInProcess(folder, argumentList);
const quotes = ['--quotes', '--mode', 'text'];

/** The tokenizer of the embedder counts for chunks and estimates alike. */
describe.skipIf(withoutModels)('estimates on the command line', () => {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-estimate-'));
    mkdirSync(join(folder, 'docs'));
    for (let index = 0; index < 24; index += 1)
      writeFileSync(join(folder, 'docs', `${index}.md`), `A lost key number ${index} costs 40 euros.\n`);
    writeFileSync(join(folder, 'q.txt'), Array.from({ length: 25 }, (_, index) => `What does lost key number ${index} cost?\n`).join(''));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('only tells with --estimate, before anything starts without, and nothing with --no-estimate', async () => {
    const told = await run('ingest', 'docs', '--no-embed', '--estimate', '--json');
    expect(told.exitCode).toBe(0);
    expect(jsonLines(told.out)).toEqual([expect.objectContaining({ items: 24, unchanged: 0, sampled: 6 })]);
    expect((await run('documents', 'list')).out).toBe('');

    // A limit that is over before the first file is read stops cleanly, and the same command goes on.
    expect(await run('ingest', 'docs', '--no-embed', '--no-estimate', '--max-time', '0.000001s')).toMatchObject({
      exitCode: 3,
      error: expect.stringContaining('Its time is over'),
    });
    const read = await run('ingest', 'docs', '--no-embed');
    expect(read.exitCode).toBe(0);
    expect(read.error).toMatch(/^Estimate from 6 files: 24 files/u);
    expect((await run('ingest', 'docs', '--no-embed', '--estimate')).out).toContain('24 files (24 unchanged)');

    const asked = await run('ask', '--file', 'q.txt', ...quotes, '--estimate');
    expect(asked).toMatchObject({ exitCode: 0, error: '' });
    expect(asked.out).toMatch(/^Estimate from 2 questions: 25 questions, \d+ tokens to compute, /u);
    expect((await run('runs', 'list')).out).toBe('No runs.\n');
    expect((await run('ask', '--file', 'q.txt', ...quotes, '--no-estimate')).error).not.toContain('Estimate');
    expect((await run('ask', '--file', 'q.txt', ...quotes)).error).toContain('Estimate from 2 questions');
  }, 120_000);
});
