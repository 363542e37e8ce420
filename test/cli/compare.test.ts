import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ComparedQuestion, PipelineComparison } from '../../src/index.ts';
import { withoutModels } from '../model/models.ts';
import { runInProcess } from '../support/command-line.ts';

const examples = fileURLToPath(new URL('../../examples/', import.meta.url));
let folder: string;
const run = (...argumentList: string[]) => runInProcess(folder, argumentList);
const lines = (text: string): unknown[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-compare-'));
  mkdirSync(join(folder, 'docs'));
  writeFileSync(join(folder, 'docs', 'rules.md'), '# Rules\n\nA lost key costs 40 euros.\n\nA locker costs 3.50 a day.\n');
  writeFileSync(join(folder, 'q.csv'), 'id,question\na,What does a lost key cost?\nb,\nc,What does a locker cost?\n');
  writeFileSync(join(folder, 'one.yaml'), 'retrieve: { mode: text }\ngenerate: { by: quotes }\n');
  writeFileSync(join(folder, 'two.json'), '{"name": "=two", "retrieve": {"mode": "text", "limit": 1}, "generate": {"by": "quotes"}}');
  const { exitCode, error } = await run('ingest', 'docs', '--no-embed');
  if (exitCode !== 0) throw new Error(error);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('compare', () => {
  it('puts the answers of pipelines side by side, with agreement, times and tokens', async () => {
    const { out, exitCode, error } = await run('compare', 'one.yaml', 'two.json', '--questions', 'q.csv');
    expect(exitCode, error).toBe(3);
    expect(out).toContain('Question 1 (a): What does a lost key cost?  all agree\n  one   “A lost key costs 40 euros.” [1]');
    expect(out).toMatch(/=two {2}failed: Pipeline "=two": Line 3 of|=two {2}failed: Line 3 of/);
    expect(out).toMatch(/^pipeline +done +failed +abstained +median/m);
    expect(out).toContain('one and =two: 100 % equal, 100 % of their words in common (n = 2)');
  });

  it('refuses a file that cannot be written before a question is asked', async () => {
    const ended = await run('compare', 'one.yaml', 'two.json', '--questions', 'q.csv', '--out', 'none/c.csv');
    expect(ended).toMatchObject({ exitCode: 2, out: '', error: expect.stringContaining('c.csv.partial cannot be written') });
    expect((await run('runs', 'list')).out).toBe('No runs.\n');
  });

  it('gives JSON lines and ends with the figures', async () => {
    const { out } = await run('compare', 'one.yaml', 'two.json', '--questions', 'q.csv', '--json');
    const rows = lines(out) as [ComparedQuestion, ComparedQuestion, ComparedQuestion, PipelineComparison];
    expect(rows).toHaveLength(4);
    expect(rows[0]).toMatchObject({ index: 0, id: 'a', agree: true, answers: { one: { status: 'done', pipeline: { name: 'one' } } } });
    expect(rows[1]).toMatchObject({ index: 1, agree: null, answers: { '=two': { status: 'failed' } } });
    expect(rows[3]).toMatchObject({ state: 'done', questions: 3, pipelines: [{ name: 'one', done: 2, failed: 1 }, { name: '=two' }] });
  });

  it('goes on where it stopped, and writes a file that holds no formula', async () => {
    const command = ['compare', 'one.yaml', 'two.json', '--questions', 'q.csv', '--out', 'c.csv'];
    const stopped = await run(...command, '--max-time', '0.000001s');
    expect(stopped.exitCode).toBe(3);
    expect(existsSync(join(folder, 'c.csv'))).toBe(false);
    writeFileSync(join(folder, 'two.json'), '{"name": "=two", "retrieve": {"mode": "text", "limit": 2}, "generate": {"by": "quotes"}}');
    expect(await run(...command)).toMatchObject({ exitCode: 2, error: expect.stringContaining('E_RUN_CHANGED') });
    writeFileSync(join(folder, 'two.json'), '{"name": "=two", "retrieve": {"mode": "text", "limit": 1}, "generate": {"by": "quotes"}}');
    const other = await run(...command, '--collection', 'laws', '--max-tokens', '50', '--no-cache');
    expect(other).toMatchObject({ exitCode: 2, error: expect.stringContaining('E_RUN_CHANGED') });
    for (const told of ['--collection (default then, laws now)', '--max-tokens (not given then, 50 now)', '--no-cache (not given then'])
      expect(other.error).toContain(told);
    expect((await run(...command)).error).toContain('Going on with the run');
    const [head, first, second] = readFileSync(join(folder, 'c.csv'), 'utf8').split('\r\n');
    expect(head).toBe("index,id,question,agree,one,one status,one ms,'=two,'=two status,'=two ms");
    expect(first).toMatch(/^0,a,What does a lost key cost\?,true,“A lost key costs 40 euros.” \[1\],done,\d+,/);
    expect(second).toMatch(/^1,,,,/);
    expect(await run(...command)).toMatchObject({ exitCode: 2, error: expect.stringContaining('E_OUTPUT_EXISTS') });
  });

  it('asks a single question by a pipeline, too', async () => {
    const { out, exitCode } = await run('ask', 'What does a lost key cost?', '--pipeline', 'one.yaml');
    expect([exitCode, out]).toEqual([0, expect.stringContaining('A lost key costs 40 euros.')]);
    writeFileSync(join(folder, 'other.yaml'), 'retrieve: { mode: text, collection: laws }\ngenerate: { by: quotes }\n');
    expect(await run('ask', 'What does a lost key cost?', '--pipeline', 'other.yaml')).toMatchObject({
      exitCode: 1,
      error: expect.stringContaining('no collection "laws"'),
    });
  });

  it('names the file and the key that is wrong before anything begins', async () => {
    writeFileSync(join(folder, 'bad.yaml'), 'retrieve:\n  mod: text\n');
    const bad = await run('compare', 'one.yaml', 'bad.yaml', '--questions', 'q.csv');
    expect(bad).toMatchObject({
      exitCode: 2,
      error: expect.stringMatching(/bad\.yaml has an unknown key "retrieve\.mod"[^]*Did you mean mode\?/),
    });
    expect(await run('compare', 'none.yaml', '--questions', 'q.csv')).toMatchObject({
      exitCode: 1,
      error: expect.stringContaining('E_SOURCE_MISSING'),
    });
    expect((await run('runs', 'list')).out).toBe('No runs.\n');
  });

  it.skipIf(withoutModels)(
    'runs the pipelines of the examples',
    async () => {
      writeFileSync(join(folder, 'q.txt'), 'How many passengers does the new ferry carry?\n');
      const directory = join(folder, 'd');
      expect((await run('ingest', join(examples, 'documents'), '--directory', directory)).exitCode).toBe(0);
      const files = ['quotes.yaml', 'short-answers.yaml'].map((name) => join(examples, 'pipelines', name));
      const { out, error } = await run(
        'compare',
        ...files,
        '--questions',
        'q.txt',
        '--directory',
        directory,
        '--model',
        'smollm2-135m',
        '--json',
      );
      const [row, figures] = lines(out) as [ComparedQuestion, PipelineComparison];
      expect(row.answers['short-answers'], error).toMatchObject({ status: 'done', model: 'smollm2-135m' });
      expect(row.answers['quotes']).toMatchObject({ status: 'done', model: 'quotes' });
      expect(figures.pipelines.map(({ name, writtenTokens }) => [name, writtenTokens > 0])).toEqual([
        ['quotes', false],
        ['short-answers', true],
      ]);
    },
    300_000,
  );
});
