import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeZip } from '../../src/parse/fixtures/write-zip.ts';
import { runInProcess } from '../support/command-line.ts';

let folder: string;
const run = (...argumentList: string[]) => runInProcess(folder, argumentList);
const put = (name: string, content: string) => writeFileSync(join(folder, name), content);
/** Passages found by words: no model is loaded. */
const check = (...more: string[]) => run('check', 'q.yaml', '--documents', 'docs', '--retrieval-only', '--mode', 'text', ...more);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-check-'));
  mkdirSync(join(folder, 'docs'));
  put('docs/rules.md', '# Rules\n\nA lost key costs 40 euros.\n');
  put('docs/fares.md', '# Fares\n\nA ticket costs 3.50 euros.\n');
  put(
    'q.yaml',
    '- question: What does a lost key cost?\n  expected: 40 euros\n  source: rules.md\n- question: Who built it?\n  unanswerable: true\n',
  );
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('check', () => {
  it('ends with 0 while the documents hold what is expected, and with 1 and the reason when they no longer do', async () => {
    const passed = await check();
    expect(passed).toMatchObject({ exitCode: 0, out: expect.stringContaining('2 questions: 1 passed, 0 failed, 1 skipped') });
    put('docs/rules.md', '# Rules\n\nA lost key costs 45 euros.\n');
    const failed = await check('--junit', 'r.xml');
    expect(failed.exitCode).toBe(1);
    expect(failed.out).toContain('FAILED   What does a lost key cost?\n         No passage of "rules.md" that was found holds "40 euros".');
    expect(readFileSync(join(folder, 'r.xml'), 'utf8')).toMatch(/<testsuite name="q.yaml" tests="2" failures="1" errors="0" skipped="1"/);
  });

  it('with a baseline fails for what is new only, and says which failures are known', async () => {
    put('q.yaml', '- question: lost key\n  expected: free\n- question: ticket\n  number: 3.5\n');
    const before = await check('--json');
    expect(before).toMatchObject({ exitCode: 1, error: '' });
    expect(JSON.parse(before.out)).toMatchObject({
      questions: 2,
      failed: 1,
      temperature: 0,
      seed: 0,
      versions: { millrace: expect.any(String) },
      results: [{ status: 'failed', known: false }, { status: 'passed' }],
    });
    put('baseline.json', before.out);
    const known = await check('--baseline', 'baseline.json');
    expect(known).toMatchObject({ exitCode: 0, out: expect.stringContaining('1 passed, 0 failed, 1 known') });
    put('docs/fares.md', '# Fares\n\nA ticket is dear.\n');
    expect((await check('--baseline', 'baseline.json')).exitCode).toBe(1);
    put('baseline.json', before.out.replace('"retrievalOnly":true', '"retrievalOnly":false'));
    expect(await check('--baseline', 'baseline.json')).toMatchObject({
      exitCode: 2,
      error: expect.stringContaining('without --retrieval-only'),
    });
  });

  it('refuses a report that cannot be written before a document is read', async () => {
    mkdirSync(join(folder, 'taken.xml'));
    expect(await check('--junit', 'none/r.xml')).toMatchObject({
      exitCode: 2,
      out: '',
      error: expect.stringContaining('The report none/r.xml cannot be written'),
    });
    expect(await check('--junit', 'taken.xml')).toMatchObject({ exitCode: 2, out: '', error: expect.stringContaining('is a folder') });
    expect(readdirSync(folder).toSorted()).toEqual(['docs', 'q.yaml', 'taken.xml']);
    put('r.xml', 'the one before');
    put('q.yaml', '- question: lost key\n');
    expect((await check('--junit', 'r.xml')).exitCode).toBe(2);
    expect(readFileSync(join(folder, 'r.xml'), 'utf8')).toBe('the one before');
  });

  it('refuses a question with a passage of its own, which it would not read', async () => {
    put('q.yaml', '- question: lost key\n  expected: free\n  context: Keys are free.\n');
    expect(await check()).toMatchObject({ exitCode: 2, error: expect.stringContaining('a passage of its own') });
  });

  it('does not keep a document that is gone', async () => {
    expect((await check()).exitCode).toBe(0);
    rmSync(join(folder, 'docs', 'rules.md'));
    expect(await check()).toMatchObject({ exitCode: 1, out: expect.stringContaining('No passage of "rules.md" was found.') });
  });

  it('touches no record that was made for something else', async () => {
    put('other.md', 'Other text.');
    expect((await run('ingest', 'other.md', '--no-embed', '--directory', 'mine')).exitCode).toBe(0);
    expect(await check('--directory', 'mine')).toMatchObject({ exitCode: 2, error: expect.stringContaining('not made for measuring') });
    expect((await run('documents', 'list', '--directory', 'mine')).out).toContain('other.md');
  });

  it('keeps the files of an archive that did not change', async () => {
    writeFileSync(join(folder, 'docs', 'more.zip'), writeZip({ 'bikes.md': '# Bikes\n\nA bicycle costs 9 euros.\n' }));
    put('q.yaml', '- question: What does a bicycle cost?\n  expected: 9 euros\n  source: bikes.md\n');
    // Two files, the archive and what it holds: all are told anew only by the first.
    const [first, second] = [await check('--json'), await check('--json')];
    for (const { exitCode, out } of [first, second]) {
      expect(exitCode).toBe(0);
      expect(JSON.parse(out)).toMatchObject({ documents: 4, unreadDocuments: 0 });
    }
  });

  it('asks no former version of what cannot be read any more', async () => {
    const archive = join(folder, 'docs', 'more.zip');
    writeFileSync(archive, writeZip({ 'bikes.md': '# Bikes\n\nA bicycle costs 9 euros.\n' }));
    put('q.yaml', '- question: lost key\n  number: 40\n- question: bicycle\n  number: 9\n- question: ticket\n  number: 3.5\n');
    expect((await check()).exitCode).toBe(0);
    put('docs/rules.md', '');
    writeFileSync(archive, 'PK\u0003\u0004 no archive any more');
    for (const { exitCode, out } of [await check('--json'), await check('--json')]) {
      expect(exitCode).toBe(1);
      expect(JSON.parse(out)).toMatchObject({
        documents: 1,
        unreadDocuments: 2,
        results: [{ status: 'failed' }, { status: 'failed' }, { status: 'passed' }],
      });
    }
  });

  it('passes on the example documents', async () => {
    const examples = fileURLToPath(new URL('../../examples/', import.meta.url));
    const ended = await run(
      'check',
      join(examples, 'checks.yaml'),
      '--documents',
      join(examples, 'documents'),
      '--retrieval-only',
      '--mode',
      'text',
    );
    expect(ended, ended.out).toMatchObject({ exitCode: 0, out: expect.stringContaining('6 questions: 5 passed, 0 failed, 1 skipped') });
  });

  it.each([
    ['an unknown key', '- question: a\n  expectd: b\n', 2, 'Did you mean expected'],
    ['an empty file', '', 2, 'holds no question'],
    ['the same question twice', '- question: a\n  number: 1\n- question: a\n  number: 2\n', 2, 'Entry 2 of q.yaml repeats'],
    ['an entry that expects nothing', '- question: a\n', 2, 'says nothing that can be checked'],
  ])('refuses %s', async (_name, yaml, exitCode, said) => {
    put('q.yaml', yaml);
    const ended = await check();
    expect(ended.exitCode).toBe(exitCode);
    expect(ended.error).toContain(said);
  });

  it('refuses a folder or a baseline that is not there, and a folder without documents', async () => {
    const missing = ['check', 'q.yaml', '--retrieval-only', '--mode', 'text', '--documents'];
    expect(await run(...missing, 'docs', 'none')).toMatchObject({
      exitCode: 2,
      error: expect.stringContaining('There is no file or folder'),
    });
    mkdirSync(join(folder, 'empty'));
    expect(await run(...missing, 'empty')).toMatchObject({ exitCode: 2, error: expect.stringContaining('no document to read') });
    expect(await check('--baseline', 'none.json')).toMatchObject({
      exitCode: 2,
      error: expect.stringContaining('none.json does not exist'),
    });
    const file = await run('check', 'none.yaml', '--documents', 'docs');
    expect(file).toMatchObject({ exitCode: 2, error: expect.stringContaining('none.yaml does not exist') });
    put('b.json', '{"results":"all"}');
    expect(await check('--baseline', 'b.json')).toMatchObject({ exitCode: 2, error: expect.stringContaining('is not what') });
  });
});
