import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readBeirFolder } from './beir-folder.ts';

let folder: string;
const put = (name: string, content: string | Uint8Array) => writeFileSync(join(folder, name), content);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-beir-'));
  put(
    'corpus.jsonl',
    '{"_id":"d1","title":"Keys","text":"A key."}\n{"_id":"d2","text":"A locker."}\r\n{"_id":"d3","title":"","text":""}\n',
  );
  put('queries.jsonl', '{"_id":"q2","text":"two"}\n\n{"_id":"q1","text":"one"}\n{"_id":"q3","text":"three"}\n');
  put('qrels.tsv', 'query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\nq2\td2\t1\nq3\td1\t0\nq8\td1\t1\n');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function all<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  const read: Value[] = [];
  for await (const value of values) read.push(value);
  return read;
}

describe('readBeirFolder', () => {
  it('gives the queries with a relevant document, in their order, and the corpus as sources', async () => {
    const data = await readBeirFolder(folder);
    expect(data.queries.map(({ id }) => id)).toEqual(['q2', 'q1']);
    expect([data.unjudgedQueries, data.missingQueries]).toEqual([1, 1]);
    expect([...(data.queries[1]?.judgements ?? [])]).toEqual([
      ['d1', 2],
      ['d2', 0],
    ]);
    const sources = [
      { id: 'd1', title: 'Keys', text: 'Keys\n\nA key.', contentType: 'text/plain' },
      { id: 'd2', text: 'A locker.', contentType: 'text/plain' },
    ];
    expect(await all(data.corpus())).toEqual(sources);
    expect(await all(data.corpus())).toEqual(sources);
  });

  it('takes ids with spaces between tabs', async () => {
    put('queries.jsonl', '{"_id":"q 1","text":"one"}');
    put('qrels.tsv', 'query-id\tcorpus-id\tscore\r\nq 1\tdoc a\t1\r\nq 1\t0\tdoc b\t2\r\n');
    const [query] = (await readBeirFolder(folder)).queries;
    expect([...(query?.judgements ?? [])]).toEqual([
      ['doc a', 1],
      ['doc b', 2],
    ]);
  });

  it('reads packed files, a split of its own and the columns of TREC', async () => {
    for (const name of ['corpus.jsonl', 'queries.jsonl', 'qrels.tsv']) rmSync(join(folder, name));
    mkdirSync(join(folder, 'qrels'));
    put('qrels/dev.tsv', 'q1 0 d1 1\n');
    put('queries.jsonl.gz', gzipSync('\uFEFF{"_id":"q1","text":"one"}'));
    put('corpus.jsonl.gz', gzipSync('{"_id":"d1","text":"A key."}'));
    const data = await readBeirFolder(folder, { split: 'dev' });
    expect(data.queries).toMatchObject([{ id: 'q1', text: 'one' }]);
    expect(await all(data.corpus())).toHaveLength(1);
  });

  it.each([
    ['no folder', () => readBeirFolder(join(folder, 'none')), 'E_SOURCE_MISSING', 'does not exist'],
    ['no such split', () => readBeirFolder(folder, { split: 'train' }), 'E_SOURCE_MISSING', 'qrels/train.tsv'],
    ['a split that leaves the folder', () => readBeirFolder(folder, { split: '../x' }), 'E_INPUT_INVALID', 'no name of a split'],
  ])('refuses %s', async (_name, read, code, message) => {
    await expect(read()).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });

  it.each([
    ['queries.jsonl', '{"_id":"q1","text":"one"}\nnot json\n', 'Line 2 of', 'is not JSON'],
    ['queries.jsonl', '{"id":"q1","text":"one"}\n', 'Line 1 of', '_id'],
    ['queries.jsonl', '{"_id":"q1","text":"one"}\n{"_id":"q1","text":"two"}\n', 'Line 2 of', 'repeats'],
    ['queries.jsonl', '{"_id":"q9","text":"nine"}\n', 'No query of', 'has a relevant document'],
    ['queries.jsonl', '', 'No query of', 'has a relevant document'],
    ['qrels.tsv', 'q1\td1\t1\nq1\td2\n', 'Line 2 of', 'query-id'],
    ['qrels.tsv', 'q1\td1\t1\nq1\td2\tgood\n', 'Line 2 of', 'query-id'],
  ])('names file and line of what is wrong: %s %j', async (name, content, ...said) => {
    put(name, content);
    const failure: unknown = await readBeirFolder(folder).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'E_INPUT_INVALID' });
    for (const part of said) expect((failure as Error).message).toContain(part);
  });

  it('reads a damaged packed file as an error', async () => {
    rmSync(join(folder, 'corpus.jsonl'));
    put('corpus.jsonl.gz', gzipSync('{"_id":"d1","text":"A key."}\n'.repeat(1_000)).subarray(0, 40));
    const { corpus } = await readBeirFolder(folder);
    await expect(all(corpus())).rejects.toMatchObject({ code: 'E_INPUT_INVALID', message: expect.stringContaining('cannot be read') });
  });
});
