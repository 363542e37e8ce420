import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ErrorData } from '../../src/errors.ts';
import { testModel, withoutModels } from '../model/models.ts';
import { createCommands, groupIsGone, jsonLines, type RunningCommand } from '../support/command-line.ts';

const commands = createCommands();
const documents = 250;
let folder: string;
let directory: string;
let records = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-beside-'));
  await mkdir(join(folder, 'docs'));
  for (let number = 1; number <= documents; number += 1) {
    const text = Array.from(
      { length: 40 },
      (_, line) => `In year ${number} the mill on river ${line} ground ${number * line} sacks of rye.`,
    );
    await writeFile(join(folder, 'docs', `${number}.md`), `# Mill ${number}\n\n${text.join('\n\n')}\n`);
  }
  await writeFile(join(folder, 'first.md'), '# Rules\n\nA lost key costs 40 euros.\n');
  if (!withoutModels) await testModel('minilm-l6');
}, 60_000);
beforeEach(async () => {
  records += 1;
  directory = `record-${records}`;
});
afterEach(() => commands.endAll());
afterAll(() => rm(folder, { recursive: true, force: true }));

const start = (...argumentList: string[]): RunningCommand => commands.start(folder, [...argumentList, '--directory', directory]);
const run = (...argumentList: string[]) => commands.run(folder, [...argumentList, '--directory', directory]);

/** A process that has committed the document "first" and some of the many, and stands still in the midst of it, with its lock. */
async function heldWriter(): Promise<RunningCommand> {
  expect(await run('ingest', 'first.md', '--no-embed')).toMatchObject({ exitCode: 0 });
  const writer = start('ingest', 'docs', '--no-embed', '--json');
  await writer.line('"type":"document-committed"');
  writer.kill('SIGSTOP', 'group');
  return writer;
}

async function hitsOf(query: string): Promise<string[]> {
  const { exitCode, out, error } = await run('search', query, '--mode', 'text', '--json');
  expect(exitCode, error).toBe(0);
  const [result] = jsonLines(out) as { hits: { text: string }[] }[];
  return (result?.hits ?? []).map(({ text }) => text);
}

describe.skipIf(withoutModels || process.platform === 'win32')('while another process ingests into the same directory', () => {
  it('search, ask and status work, a second writer is refused and told whose turn it is, and the first one completes', async () => {
    const writer = await heldWriter();
    expect((await hitsOf('lost key'))[0]).toContain('40 euros');
    expect(await run('ingest', 'docs', '--dry-run')).toMatchObject({
      exitCode: 0,
      out: expect.stringContaining('Nothing was done.') as string,
    });
    const asked = await run('ask', 'What does a lost key cost?', '--quotes', '--mode', 'text', '--json');
    expect(asked.exitCode).toBe(0);
    const [answer] = jsonLines(asked.out) as { answer: string; notices: string[] }[];
    expect(answer?.answer).toContain('A lost key costs 40 euros.');
    expect(answer?.notices).toContainEqual(expect.stringMatching(/^The collection is still being indexed[.:]/));
    const [status] = jsonLines((await run('status', '--json')).out) as { writable: boolean; collections: { documents: number }[] }[];
    expect(status?.writable).toBe(false);
    expect(status?.collections[0]?.documents).toBeGreaterThan(1);

    for (const argumentList of [['ingest', 'first.md', '--no-embed'], ['documents', 'remove', 'first.md'], ['rebuild']]) {
      const people = await run(...argumentList);
      expect({ exitCode: people.exitCode, out: people.out }).toEqual({ exitCode: 1, out: '' });
      const [said, remedy, ...rest] = people.error.trimEnd().split('\n');
      expect(said).toMatch(
        new RegExp(`^error\\[E_LOCKED\\]: The directory \\S*${directory} is being written to by process ${writer.pid} \\(.* ingest docs`),
      );
      expect(remedy).toBe('Wait for it, or stop it; reading works meanwhile.');
      expect(rest).toEqual([]);
    }
    const programs = await run('ingest', 'first.md', '--json');
    const [{ error } = { error: undefined }] = jsonLines(programs.out) as { error?: ErrorData }[];
    expect({ exitCode: programs.exitCode, error: programs.error }).toEqual({ exitCode: 1, error: '' });
    expect(error).toMatchObject({ code: 'E_LOCKED', retryable: true, details: { owner: { pid: writer.pid } } });

    writer.kill('SIGCONT', 'group');
    expect(await writer.ended).toMatchObject({ exitCode: 0 });
    expect(await hitsOf(`${documents}`)).not.toEqual([]);
    expect(await run('verify')).toMatchObject({ exitCode: 0 });
  });

  it('readers find what is committed while the writer goes on', async () => {
    const writer = await heldWriter();
    writer.kill('SIGCONT', 'group');
    const searches = await Promise.all([hitsOf('lost key'), hitsOf('mill'), hitsOf('lost key')]);
    for (const texts of searches) expect(texts).not.toEqual([]);
    expect(await writer.ended).toMatchObject({ exitCode: 0 });
    const [status] = jsonLines((await run('status', '--json')).out) as { collections: { documents: number }[] }[];
    expect(status?.collections[0]?.documents).toBe(documents + 1);
  });

  it('after kill -9 of the writer nothing committed is lost, its children end, and the next ingest goes on', async () => {
    const writer = await heldWriter();
    writer.kill('SIGKILL');
    const { out, signal } = await writer.ended;
    expect(signal).toBe('SIGKILL');
    // The children were stopped as well; that their parent is gone they notice when they run.
    try {
      writer.kill('SIGCONT', 'group');
    } catch {
      // They are gone already.
    }
    await groupIsGone(writer.pid);

    const lines = out.slice(0, out.lastIndexOf('\n') + 1);
    const told = jsonLines(lines)
      .filter(({ type }) => type === 'document-committed')
      .map(({ source }) => String(source));
    expect(told.length).toBeGreaterThan(0);
    expect(told.length).toBeLessThan(documents);
    expect((await hitsOf('lost key'))[0]).toContain('40 euros');
    const listed = (await run('documents', 'list')).out;
    expect(told.filter((source) => !listed.includes(`${source}\n`))).toEqual([]);
    expect(await run('verify')).toMatchObject({ exitCode: 0 });

    const again = await run('ingest', 'docs', '--no-embed', '--json');
    expect(again.exitCode).toBe(0);
    const end = jsonLines(again.out).at(-1) as { type: string; skipped: number; indexed: number; failed: number };
    expect(end).toMatchObject({ type: 'ingest-end', found: documents, failed: 0 });
    expect(end.skipped).toBeGreaterThanOrEqual(told.length);
    expect(end.skipped + end.indexed).toBe(documents);
    expect(await run('verify')).toMatchObject({ exitCode: 0 });
  });

  it('a second writer that waits for nothing changes nothing', async () => {
    const writer = await heldWriter();
    expect(await run('ingest', 'nowhere.md')).toMatchObject({ exitCode: 1, error: expect.stringContaining('E_LOCKED') as string });
    writer.kill('SIGCONT', 'group');
    writer.kill('SIGINT', 'group');
    expect(await writer.ended).toMatchObject({ exitCode: 130 });
    expect(await run('ingest', 'first.md', '--no-embed')).toMatchObject({
      exitCode: 0,
      out: expect.stringContaining('1 unchanged') as string,
    });
  });
});
