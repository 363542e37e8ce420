import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import type { Hit } from '../../src/spec/answers.ts';
import { openStore } from '../../src/store/open-store.ts';
import { systemClock } from '../../src/util/clock.ts';
import { createSeededRandom } from '../../src/util/random.ts';
import { jsonLines } from '../support/command-line.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-cli-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Runs one command line in `folder` and gives its exit code and what it printed. */
async function run(...argumentList: string[]) {
  const printed = { out: '', error: '' };
  const exitCode = await main(argumentList, {
    out: (text) => void (printed.out += text),
    error: (text) => void (printed.error += text),
    interactive: false,
    environment: { ...process.env, MILLRACE_DIRECTORY: join(folder, 'record') },
    workingDirectory: folder,
    signal: new AbortController().signal,
  });
  return { exitCode, ...printed };
}

const ingest = async () => {
  await mkdir(join(folder, 'docs'));
  await writeFile(join(folder, 'docs', 'rules.md'), '# Rules\n\nA lost key costs 40 euros.\n');
  await writeFile(join(folder, 'docs', 'prices.md'), '# Prices\n\nA locker costs 3.50 a day.\n');
  expect((await run('ingest', 'docs', '--no-embed')).exitCode).toBe(0);
};

describe('options', () => {
  it.each([
    ['search', 'key', '-n', 'abc'],
    ['search', 'key', '-n', '0'],
    ['search', 'key', '-n', '1.5'],
    ['search', 'key', '--timeout', 'soon'],
    ['search', 'key', '--mode', 'best'],
    ['search', 'key', '--filter', 'year'],
    ['ask', 'key', '--temperature', '3'],
    ['ingest', 'docs', '--threads', ''],
    ['serch', 'key'],
    ['search', 'key', '--jsn'],
    ['search'],
  ])('refuses %s %s %s %s with 2 before anything is opened', async (...argumentList) => {
    const { exitCode, out, error } = await run(...argumentList.filter((one) => one !== undefined));
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(error).toMatch(/^error: /);
  });

  it('names the option, the value and what is allowed', async () => {
    const { error } = await run('search', 'key', '-n', 'abc');
    expect(error).toMatch(/--limit/);
    expect(error).toMatch(/abc/);
    expect(error).toMatch(/from 1 to 1000/);
    expect((await run('serch')).error).toMatch(/search/);
  });

  it('prints version and help with an example, and ends with 0', async () => {
    expect(await run('--version')).toMatchObject({ exitCode: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+/) });
    expect(await run('ask', '--help')).toMatchObject({ exitCode: 0, out: expect.stringContaining('Example:') });
  });
});

describe('documents', () => {
  it('lists, shows and removes a source by its path', async () => {
    await ingest();
    expect((await run('documents')).out.split('\n').filter((line) => line.includes('docs/'))).toHaveLength(2);
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string;
    const source = { key: join(folder, 'docs', 'rules.md'), mtime: time, pendingAt: null, updatedAt: time };
    expect(JSON.parse((await run('documents', 'show', 'docs/rules.md', '--json')).out)).toMatchObject({
      source,
      document: { createdAt: null, committedAt: time },
      versions: [{ number: 1, from: time, until: null }],
    });
    expect(jsonLines((await run('documents', 'list', '--json')).out)).toContainEqual(expect.objectContaining(source));
    expect((await run('documents', 'remove', 'docs/rules.md')).exitCode).toBe(0);
    expect((await run('documents', 'list')).out).not.toContain('rules.md');
    const again = await run('documents', 'remove', 'docs/rules.md');
    expect(again.exitCode).not.toBe(0);
    expect(again.error).toMatch(/E_SOURCE_MISSING/);
  });

  it('are found with the headings and the table header above a passage', async () => {
    const rows = Array.from({ length: 200 }, (_, number) => `| bolt ${number} | ${number}.50 |\n`).join('');
    await writeFile(join(folder, 'bolts.md'), `# Prices\n\n## Bolts\n\n| Part | Price |\n| --- | --- |\n${rows}`);
    expect((await run('ingest', 'bolts.md', '--no-embed')).exitCode).toBe(0);
    const { out } = await run('search', 'bolt 150', '--mode', 'text', '-n', '1');
    expect(out).toMatch(/^\[1\] \S*bolts\.md, Prices › Bolts\nPart \| Price\n/);
    expect(out).toContain('bolt 150 | 150.50');
  });

  it('are cited where they stand in the words of their format', async () => {
    const documents = new URL('../../examples/documents/', import.meta.url);
    const names = ['handbook.md', 'points-heating.docx', 'souvenir-stock.xlsx', 'technical-report.pdf', 'volunteer-day.pptx'];
    const ingested = await run('ingest', ...names.map((name) => fileURLToPath(new URL(name, documents))), '--no-embed', '--verbose');
    expect(ingested.error.match(/(?<=^read .*\.)\w+: .*(?=, \d+ chunks$)/gm)?.toSorted()).toEqual([
      'pdf: 4 pages',
      'pptx: 2 slides',
      'xlsx: 2 sheets',
    ]);
    const asked = [
      'gust speed traffic',
      'sensor of points W2',
      'price of a mug',
      'energy of descending trains',
      'When do volunteers meet?',
    ];
    const places: [string | undefined, string | null | undefined][] = [];
    for (const question of asked) {
      const [shown = ''] = (await run('search', question, '--mode', 'text', '-n', '1')).out.split('\n');
      const { hits } = JSON.parse((await run('search', question, '--mode', 'text', '-n', '1', '--json')).out) as { hits: Hit[] };
      places.push([
        shown
          .replace(/^\S+ .*documents./, '')
          .split(', ')
          .slice(0, 2)
          .join(', '),
        hits[0]?.pageKind,
      ]);
    }
    expect(places).toEqual([
      ['handbook.md, Operations handbook of the Varnholt Rack Railway Cooperative', null],
      ['points-heating.docx, Heating of the points in winter', null],
      ['souvenir-stock.xlsx, sheet Souvenir shelf', 'sheet'],
      ['technical-report.pdf, page 3', 'page'],
      ['volunteer-day.pptx, slide 1', 'slide'],
    ]);
    const { out } = await run('ask', 'What should volunteers bring?', '--quotes', '--mode', 'text', '--show-sources');
    expect(out).toContain('volunteer-day.pptx, slide 1: "- Bring gloves and a cup; soup is free"\n');
    expect(out).toMatch(/^ {2}document \S+, slide 1, characters \d+–\d+$/m);
    const told = await run('ask', 'At what gust speed does traffic stop?', '--quotes', '--mode', 'text', '--show-sources');
    expect(told.out).toContain('handbook.md: "Traffic above Stonefold stops when gusts reach 72 km/h."\n');
    expect(told.out).toMatch(/^ {2}document \S+, characters \d+–\d+$/m);
  });

  it('means the id that was named, before a path that ends in it', async () => {
    await ingest();
    const path = join(folder, 'docs', 'rules.md');
    const random = createSeededRandom(7);
    const store = await openStore({ directory: join(folder, 'record'), mode: 'write', clock: systemClock, random });
    const source = { key: 'docs/rules.md', uri: 'docs/rules.md', metadata: {} };
    await store.acceptSources('default', [{ source, bytes: new TextEncoder().encode('Handed over.') }]);
    await store.close();
    const shown = async (name: string): Promise<unknown> => JSON.parse((await run('documents', 'show', name, '--json')).out);
    expect(await shown('docs/rules.md')).toMatchObject({ source: { key: 'docs/rules.md' } });
    expect(await shown(path)).toMatchObject({ source: { key: path } });
    expect(await shown(pathToFileURL(path).href)).toMatchObject({ source: { key: path } });
  });

  it('makes the indexes anew, and finds the same afterwards', async () => {
    await ingest();
    const found = async () => {
      const { hits } = JSON.parse((await run('search', 'lost key', '--mode', 'text', '--json')).out) as { hits: { text: string }[] };
      return hits.map(({ text }) => text);
    };
    const before = await found();
    expect(before[0]).toContain('40 euros');
    expect((await run('rebuild')).exitCode).toBe(0);
    expect(await found()).toEqual(before);
    expect((await run('verify')).exitCode).toBe(0);
  });
});

describe('search', () => {
  it('limits the hits of one document, and takes what a pipeline says where the command says nothing', async () => {
    const section = (name: string) => `## ${name}\n\n${`The locker of ${name} is emptied every evening. `.repeat(40)}\n`;
    await mkdir(join(folder, 'docs'));
    await writeFile(join(folder, 'docs', 'lockers.md'), `# Lockers\n\n${['north', 'south', 'east'].map(section).join('\n')}`);
    await writeFile(join(folder, 'docs', 'prices.md'), '# Prices\n\nA locker costs 3.50 a day.\n');
    expect((await run('ingest', 'docs', '--no-embed')).exitCode).toBe(0);
    await writeFile(join(folder, 'p.yaml'), 'retrieve: { mode: text, perDocument: 2, limit: 2 }\nrerank: { by: signals }\n');
    const sources = async (...more: string[]) => {
      const { exitCode, out } = await run('search', 'locker', '--json', ...more);
      expect(exitCode).toBe(0);
      return (JSON.parse(out) as { hits: { source: string }[] }).hits.map(({ source }) => source.split('/').at(-1));
    };
    const limited = await sources('--mode', 'text', '--per-document', '1');
    expect(limited).toHaveLength(2);
    expect(new Set(limited)).toEqual(new Set(['lockers.md', 'prices.md']));
    expect(await sources('--pipeline', 'p.yaml')).toHaveLength(2);
    expect((await sources('--pipeline', 'p.yaml', '-n', '9')).filter((name) => name === 'lockers.md')).toHaveLength(2);
    expect(await run('search', 'locker', '--pipeline', 'none.yaml')).toMatchObject({ exitCode: 1, out: '' });
  });
});

describe('doctor', () => {
  it('gives one check a line and fails when a folder cannot be written', async () => {
    const checks = (await run('doctor', '--json')).out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string; state: string });
    expect(checks.map(({ name }) => name)).toEqual(expect.arrayContaining(['machine', 'directory', 'models', 'engine', 'generator']));
    expect(checks.find(({ name }) => name === 'directory')?.state).toBe('ok');
    await writeFile(join(folder, 'file'), '');
    const failed = await run('doctor', '--directory', 'file/record');
    expect(failed.exitCode).toBe(1);
    expect(failed.out).toMatch(/failed +directory/);
  });
});
