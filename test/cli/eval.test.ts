import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runInProcess } from '../support/command-line.ts';

let folder: string;
const run = (...argumentList: string[]) => runInProcess(folder, argumentList);
const put = (name: string, content: string) => writeFileSync(join(folder, name), content);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-eval-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('eval --beir', () => {
  const beir = ['eval', '--beir', 'set', '--mode', 'text', '--directory', 'corpus', '--json'];
  beforeEach(() => {
    mkdirSync(join(folder, 'set'));
    put(
      'set/corpus.jsonl',
      '{"_id":"keys","title":"Keys","text":"A lost key costs 40 euros."}\n{"_id":"lockers","text":"A locker is 3 euros."}\n',
    );
    put('set/queries.jsonl', '{"_id":"1","text":"lost key"}\n{"_id":"2","text":"bicycle"}\n{"_id":"3","text":"?"}\n');
    put('set/qrels.tsv', 'query-id\tcorpus-id\tscore\n1\tkeys\t1\n2\tlockers\t1\n');
  });

  it('prints one object, keeps the corpus and brings it up to date', async () => {
    const first = await run(...beir);
    expect(first).toMatchObject({ exitCode: 0, error: '' });
    expect(JSON.parse(first.out)).toMatchObject({
      'ndcg@10': 0.5,
      'recall@10': 0.5,
      'mrr@10': 0.5,
      map: 0.5,
      queries: 2,
      documents: 2,
      failed: 0,
    });
    put('set/corpus.jsonl', '{"_id":"lockers","text":"A locker for a bicycle."}\n');
    expect(JSON.parse((await run(...beir)).out)).toMatchObject({ map: 0.5, documents: 1 });
    expect((await run('documents', 'list', '--directory', 'corpus')).out).not.toContain('keys');
    expect(existsSync(join(folder, '.millrace'))).toBe(false);
  });

  it('ends with 3 where a query cannot be asked, and says which', async () => {
    put('set/qrels.tsv', '1\tkeys\t1\n3\tkeys\t1\n');
    const { exitCode, out } = await run(...beir);
    expect(exitCode).toBe(3);
    expect(JSON.parse(out)).toMatchObject({ map: 0.5, failed: 1, failures: [{ id: '3', error: { code: 'E_INPUT_INVALID' } }] });
  });

  it('prints a table for people, and errors for a folder that is none', async () => {
    const { out } = await run('eval', '--beir', 'set', '--mode', 'text');
    expect(out).toMatch(/ndcg@10 +recall@10/);
    expect(out).toMatch(/^text +0\.5000/m);
    expect(await run('eval', '--beir', 'none')).toMatchObject({ exitCode: 1, error: expect.stringContaining('E_SOURCE_MISSING') });
  });
});
