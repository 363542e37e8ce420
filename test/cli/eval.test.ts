import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

  it('measures what is first as a search gives it, and the rest in a long ranking', async () => {
    const far = Array.from({ length: 30 }, (_, index) => `word${index}`).join(' ');
    // By its words the last of 60; the signals, which see only what was found, would put it first.
    const texts = Array.from({ length: 59 }, (_, index) => `Lost ${far} key number${index}`).concat(`Lost key ${far} and a few more words`);
    put('set/corpus.jsonl', texts.map((text, index) => JSON.stringify({ _id: String(index), text })).join('\n'));
    put('set/qrels.tsv', '1\t59\t1\n');
    put('signals.yaml', 'rerank: { by: signals }\n');
    const measured = async (...more: string[]) => JSON.parse((await run(...beir, '--pipeline', 'signals.yaml', ...more)).out) as unknown;
    expect(await measured()).toMatchObject({ 'ndcg@10': 0, 'mrr@10': 0, 'recall@10': 0, 'recall@100': 1, map: 1, queries: 1 });
    expect(await measured('--depth', '50')).toMatchObject({ 'recall@100': 0, map: 0 });
  });

  it('compares another pipeline in the mode of the command, where that names none', async () => {
    put('other.yaml', 'name: other\nrerank: { by: signals }\n');
    const { exitCode, out, error } = await run(...beir, '--compare', 'other.yaml');
    expect({ exitCode, error }).toEqual({ exitCode: 0, error: '' });
    expect(JSON.parse(out)).toMatchObject({ compare: { map: 0.5, differences: { map: { mean: 0, n: 2, groups: 2 } } } });
  });

  it('refuses a report that cannot be written before the corpus is read', async () => {
    const { exitCode, out } = await run(...beir, '--report', 'none/r.html');
    expect(exitCode).toBe(2);
    expect(JSON.parse(out)).toMatchObject({ error: { message: expect.stringContaining('The report none/r.html cannot be written') } });
    expect(existsSync(join(folder, 'corpus'))).toBe(false);
  });

  it('prints a table for people, and errors for a folder that is none', async () => {
    const { out } = await run('eval', '--beir', 'set', '--mode', 'text');
    expect(out).toMatch(/ndcg@10 +recall@5 +recall@10/);
    expect(out).toMatch(/^text +0\.5000/m);
    expect(await run('eval', '--beir', 'none')).toMatchObject({ exitCode: 1, error: expect.stringContaining('E_SOURCE_MISSING') });
  });
});

describe('eval --questions', () => {
  const asked = ['eval', '--questions', 'q.jsonl', '--documents', 'docs', '--quotes', '--mode', 'text', '--directory', 'corpus'];
  beforeEach(() => {
    mkdirSync(join(folder, 'docs'));
    put('docs/rules.md', '# Rules\n\nA lost key costs 40 euros.\n');
    put('docs/fares.md', '# Fares\n\nA ticket to the summit costs 3.50 euros.\n');
    put(
      'q.jsonl',
      [
        { id: '1', question: 'What does a lost key cost?', expected: ['40 euros'], source: 'rules.md' },
        { id: '2', question: 'What does a ticket to the summit cost?', expected: '3.50', source: 'rules.md' },
        { id: '3', question: 'Which company painted locomotive five?', answerable: false },
      ]
        .map((one) => JSON.stringify(one))
        .join('\n'),
    );
  });

  it('prints the figures with what each is of', async () => {
    const { exitCode, out, error } = await run(...asked, '--json');
    expect({ exitCode, error }).toEqual({ exitCode: 0, error: '' });
    expect(JSON.parse(out)).toMatchObject({
      questions: 3,
      right: 1,
      em: 0,
      containsGold: 1,
      numbersFound: 1,
      abstentionPrecision: 1,
      abstentionRecall: 1,
      falseRefusals: 0,
      citationPrecision: 0.5,
      citationRecall: 0.5,
      quotesVerbatim: 1,
      n: { right: 3, em: 2, f1: 2, f1Overall: 3, abstentionRecall: 1 },
      latencyMs: { n: 3 },
      // Quotes are not verified.
      selective: [],
      documents: 2,
      split: 'all',
      answers: [{ id: '1' }, { id: '2' }, { id: '3' }],
    });
  });

  it.each([
    ['--report', 'none/r.html', 'The report none/r.html cannot be written'],
    ['--out', 'none/a.jsonl', 'a.jsonl cannot be written'],
    ['--out', 'a.csv', 'a.csv'],
  ])('refuses %s %s, which cannot be written, before a document is read', async (option, path, said) => {
    expect(await run(...asked, option, path)).toMatchObject({ exitCode: 2, out: '', error: expect.stringContaining(said) });
    expect(existsSync(join(folder, 'corpus'))).toBe(false);
  });

  it('goes on where it was interrupted, and asks again what is asked in another way', async () => {
    const out = [...asked, '--json', '--out', 'a.jsonl'];
    await run(...out, '--limit', '2');
    const lines = () => readFileSync(join(folder, 'a.jsonl'), 'utf8').trim().split('\n').length;
    expect(lines()).toBe(2);
    put('a.jsonl', `${readFileSync(join(folder, 'a.jsonl'), 'utf8')}{"key":"half a li`);
    const { out: whole } = await run(...out);
    expect(JSON.parse(whole)).toMatchObject({ questions: 3, right: 1 });
    expect(lines()).toBeLessThanOrEqual(5);
    const text = readFileSync(join(folder, 'a.jsonl'), 'utf8');
    await run(...out);
    expect(readFileSync(join(folder, 'a.jsonl'), 'utf8').trim()).toBe(text.trim());
  });

  it('takes no answer from before over documents that changed since, and judges the others by what is expected now', async () => {
    const out = [...asked, '--json', '--out', 'a.jsonl'];
    await run(...out);
    const answer = async (): Promise<{ given: { answer: string }; measures: { right: number } } | undefined> =>
      (JSON.parse((await run(...out)).out) as { answers: Awaited<ReturnType<typeof answer>>[] }).answers[0];
    put('q.jsonl', readFileSync(join(folder, 'q.jsonl'), 'utf8').replace('40 euros', '45 euros'));
    expect((await answer())?.measures.right).toBe(0);
    put('docs/rules.md', '# Rules\n\nA lost key costs 45 euros.\n');
    const fresh = await answer();
    expect(fresh?.given.answer).toContain('45 euros');
    expect(fresh?.measures.right).toBe(1);
  });

  it('compares two pipelines on the same questions and writes a page', async () => {
    put('other.yaml', 'name: other\nretrieve: { mode: text, limit: 1 }\ngenerate: { by: quotes }\n');
    const wrong = { id: '4', question: 'What does a ticket to the summit cost?', expected: ['nine euros', '9 euros'] };
    put('q.jsonl', `${readFileSync(join(folder, 'q.jsonl'), 'utf8')}\n${JSON.stringify(wrong)}`);
    const { exitCode, out } = await run(...asked, '--compare', 'other.yaml', '--report', 'r.html');
    expect(exitCode).toBe(0);
    expect(out).toMatch(/other minus default, 95 % paired bootstrap/);
    const page = readFileSync(join(folder, 'r.html'), 'utf8');
    expect(page).toContain('other against default');
    expect(page).toContain('<th>id</th><th>question</th><th>expected</th><th>answer</th>');
    expect(page).toMatch(/<td>4<\/td><td>What does a ticket[^<]*<\/td><td>nine euros or 9 euros<\/td>/);
    // Named otherwise than its measure.
    expect(page).toMatch(/<td>abstentionRecall<\/td><td>1\.000<\/td><td>1\.000 – 1\.000<\/td><td>1<\/td>/);
  });

  it('draws questions over one passage together', async () => {
    const entries = Array.from({ length: 8 }, (_, index) => ({
      id: String(index),
      question: `What does a lost key cost, ${index}?`,
      expected: index < 4 ? '40 euros' : '45 euros',
      context: index < 4 ? 'A lost key costs 40 euros.' : 'A lost key costs 50 euros.',
    }));
    put('q.jsonl', entries.map((one) => JSON.stringify(one)).join('\n'));
    const { intervals } = JSON.parse((await run(...asked, '--json')).out) as { intervals: object };
    // Of two passages both draws are one and the same every other time; eight independent draws would be so once in 128 times.
    expect(intervals).toMatchObject({ right: { mean: 0.5, low: 0, high: 1, n: 8, groups: 2 } });
    put('other.yaml', 'name: other\ngenerate: { by: quotes }\nretrieve: { filter: { passage: nothing } }\n');
    const { out } = await run(...asked, '--compare', 'other.yaml', '--limit', '4');
    expect(out).toMatch(/difference +interval +n +groups/);
  });

  it('has the questions over one passage in one half', async () => {
    const passages = ['keys', 'lockers', 'rooms', 'tickets'].map((thing) => `Lost ${thing} cost 40 euros.`);
    // Asked by turns, so that ids alone would mix them.
    const entries = Array.from({ length: 16 }, (_, index) => ({
      id: String(index),
      question: `What does it cost, ${index}?`,
      expected: '40 euros',
      context: passages[index % 4],
    }));
    put('q.jsonl', entries.map((one) => JSON.stringify(one)).join('\n'));
    const contextsIn = async (split: string) => {
      const { answers } = JSON.parse((await run(...asked, '--json', '--split', split)).out) as { answers: { id: string }[] };
      return new Set(answers.map(({ id }) => Number(id) % 4));
    };
    const [dev, report] = [await contextsIn('dev'), await contextsIn('report')];
    expect([...dev].filter((passage) => report.has(passage))).toEqual([]);
    expect(dev.size + report.size).toBe(4);
  });

  it('asks over a passage that comes with the question, and over nothing else', async () => {
    put('docs/rules.md', '# Rules\n\nA lost key costs 99 euros.\n');
    put(
      'q.jsonl',
      JSON.stringify({ id: '1', question: 'What does a lost key cost?', expected: '40 euros', context: 'A lost key costs 40 euros.' }),
    );
    const { out } = await run(...asked, '--json');
    const { answers } = JSON.parse(out) as { answers: { given: { answer: string } }[] };
    expect(answers[0]?.given.answer).toContain('40 euros');
    expect(answers[0]?.given.answer).not.toContain('99');
  });

  it.each([
    [['eval'], 2, 'It takes --beir'],
    [['eval', '--questions', 'q.jsonl'], 2, 'There is nothing to answer from'],
    [[...asked, '--split', 'test'], 2, 'dev and report'],
    [[...asked, '--pipeline', 'none.yaml'], 1, 'none.yaml does not exist'],
    [[...asked, '--out', 'a.csv'], 2, '.jsonl'],
  ])('refuses %j', async (argumentList, exitCode, said) => {
    const ended = await run(...argumentList);
    expect(ended).toMatchObject({ exitCode, error: expect.stringContaining(said) });
  });
});
