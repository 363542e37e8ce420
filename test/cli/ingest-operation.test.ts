import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jsonLines, runInProcess } from '../support/command-line.ts';

let folder: string;
const run = (...argumentList: string[]) => runInProcess(folder, argumentList);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-operation-'));
  mkdirSync(join(folder, 'docs'));
  writeFileSync(join(folder, 'docs', 'rules.md'), '# Rules\n\nA lost key costs 40 euros.\n');
  writeFileSync(join(folder, 'docs', 'hours.txt'), 'The pool opens at seven.\n');
  writeFileSync(join(folder, 'docs', 'cut.pdf'), '%PDF-1.7 cut');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('what ingest tells', () => {
  it('in JSON is one event a line, numbered, and last an account with exactly its fields', async () => {
    const { exitCode, out } = await run('ingest', 'docs', '--no-embed', '--json');
    expect(exitCode).toBe(3);
    const events = jsonLines(out) as { type: string; sequence: number; at: string }[];
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
    const { sequence: _sequence, at, elapsedMs, bytes, ...end } = events.at(-1) as unknown as Record<string, unknown>;
    expect(end).toEqual({ type: 'ingest-end', found: 3, indexed: 2, skipped: 0, failed: 1, quarantined: 0, chunks: 2 });
    expect(at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect([typeof elapsedMs, typeof bytes]).toEqual(['number', 'number']);
    expect(events.filter(({ type }) => type === 'ingest-end' || type === 'ingest-failed')).toHaveLength(1);
  });

  it('in words counts by outcome, names what failed and why, and ends with 3 while something fails', async () => {
    const first = await run('ingest', 'docs', '--no-embed');
    expect(first).toMatchObject({
      exitCode: 3,
      out: expect.stringMatching(/^3 found: 2 indexed, 0 unchanged, 1 failed \(E_DOCUMENT_DAMAGED 1\); 2 chunks/),
    });
    expect(first.error).toMatch(/^failed {2}.*cut\.pdf: .*not a complete PDF/m);
    rmSync(join(folder, 'docs', 'cut.pdf'));
    expect(await run('ingest', 'docs', '--no-embed')).toMatchObject({
      exitCode: 0,
      out: expect.stringMatching(/^2 found: 0 indexed, 2 unchanged, 0 failed/),
    });
  });
});

describe.skipIf(process.platform === 'win32')('a name with line ends and control codes', () => {
  it('stays on its line wherever it is printed', async () => {
    const name = 'a\nok      forged\t\u001b[2J.txt';
    const shown = 'a\u240aok      forged\u2409\u241b[2J.txt';
    writeFileSync(join(folder, 'docs', name), 'A text of the mill.\n');
    const dry = await run('ingest', 'docs', '--dry-run');
    const read = await run('ingest', 'docs', '--no-embed', '--verbose');
    const listed = await run('documents', 'list');
    const found = await run('search', 'mill', '--mode', 'text');
    writeFileSync(join(folder, 'docs', name), '');
    const failed = await run('ingest', 'docs', '--no-embed');
    const removed = await run('documents', 'remove', join('docs', name));
    for (const text of [dry.out, read.error, listed.out, found.out, failed.error, removed.out]) {
      expect(text).toContain(shown);
      expect(text).not.toMatch(/^ok {6}forged/m);
      expect(text).not.toContain('\u001b');
    }
  });
});

describe('a dry run', () => {
  it('makes no directory where there is none, and opens for reading where there is one', async () => {
    const dry = await run('ingest', 'docs', '--dry-run');
    expect(dry).toMatchObject({ exitCode: 0, error: '' });
    expect(dry.out).toMatch(/^would read {3}.*rules\.md/m);
    expect(dry.out).toMatch(/Nothing was done\. 3 would be read \(/);
    expect(readdirSync(folder)).toEqual(['docs']);
    expect((await run('search', 'key')).error).toContain('E_STORE_MISSING');

    await run('ingest', 'docs', '--no-embed');
    // SQLite keeps two files beside a record while it is open.
    const files = () => readdirSync(join(folder, '.millrace')).filter((name) => !/-(?:shm|wal)$/.test(name));
    const before = files();
    rmSync(join(folder, 'docs', 'hours.txt'));
    const pruned = await run('ingest', 'docs', '--dry-run', '--prune', '--json');
    expect(jsonLines(pruned.out).at(-1)).toMatchObject({ type: 'ingest-end', found: 2, removed: 1 });
    expect(files()).toEqual(before);
    expect((await run('documents', 'list')).out).toContain('hours.txt');
  });

  it('is refused of a list that can be read once, where an estimate is wanted', async () => {
    expect(await run('ingest', '-', '--estimate')).toMatchObject({ exitCode: 2, out: '' });
  });
});

describe('documents update --prune', () => {
  it('removes what is gone, and nothing where the folder is gone as well', async () => {
    await run('ingest', 'docs', '--no-embed');
    rmSync(join(folder, 'docs', 'cut.pdf'));
    expect(await run('documents', 'update', '--prune', '--no-embed')).toMatchObject({
      exitCode: 0,
      out: expect.stringContaining('1 removed'),
    });
    renameSync(join(folder, 'docs'), join(folder, 'unmounted'));
    expect(await run('documents', 'update', '--prune', '--no-embed')).toMatchObject({
      exitCode: 1,
      error: expect.stringContaining(`The path ${join(folder, 'docs')} does not exist.`),
    });
    expect((await run('documents', 'list')).out.trim().split('\n')).toHaveLength(2);
  });
});
