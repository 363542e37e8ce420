import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readQuestions } from './question-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-questions-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Questions as [id, text], unreadable ones as [id, what is wrong]. */
async function read(name: string, content: string): Promise<unknown[]> {
  const path = join(folder, name);
  writeFileSync(path, content);
  const found: unknown[] = [];
  for await (const question of readQuestions(path)) {
    if (typeof question === 'string') found.push([null, question]);
    else
      found.push(
        question.unreadable === undefined ? [question.id ?? null, question.question] : question.unreadable.message.replace(path, 'F'),
      );
  }
  return found;
}

describe('the questions of a file', () => {
  it('come from a CSV file with a header, quotes, line ends inside quotes and a byte order mark', async () => {
    expect(await read('a.csv', '\uFEFFid,question\r\nq1,"How long, at most?"\r\nq2,"Two\nlines ""quoted"""\r\n')).toEqual([
      ['q1', 'How long, at most?'],
      ['q2', 'Two\nlines "quoted"'],
    ]);
  });

  it('come from semicolons, tabs and a single column without a header', async () => {
    expect(await read('b.csv', 'Question;Id\nWhen?;7\n')).toEqual([['7', 'When?']]);
    expect(await read('d.csv', 'id;question\n7;When, and where?\n')).toEqual([['7', 'When, and where?']]);
    expect(await read('e.csv', 'id,question\n7,When; and where?\n')).toEqual([['7', 'When; and where?']]);
    expect(await read('b.tsv', 'id\tquestion\n1\tWhen, and where?\n')).toEqual([['1', 'When, and where?']]);
    expect(await read('c.csv', 'When?\nWhere?\n')).toEqual([
      [null, 'When?'],
      [null, 'Where?'],
    ]);
  });

  it('come from JSON lines and from text', async () => {
    expect(await read('a.jsonl', '{"question":"When?","id":7}\n\n"Where?"\n')).toEqual([
      ['7', 'When?'],
      [null, 'Where?'],
    ]);
    expect(await read('a.txt', 'When?\n\n  Where?  \n')).toEqual([
      [null, 'When?'],
      [null, 'Where?'],
    ]);
  });

  it('keep a bad row in its place, with its line and what is wrong', async () => {
    expect(await read('d.csv', 'id,question\n1,When?\nalone\n2,\n1,Again?\n3,Last?\n')).toEqual([
      ['1', 'When?'],
      'Line 3 of F has 1 columns where the first line has 2.',
      'Line 4 of F holds no question.',
      'Line 5 of F repeats the id "1" of an earlier one.',
      ['3', 'Last?'],
    ]);
    expect(await read('d.jsonl', '{"question":"When?"}\n{broken\n{"id":1}\nnull\n')).toEqual([
      [null, 'When?'],
      'Line 2 of F is not JSON.',
      'Line 3 of F has no text under "question".',
      'Line 4 of F has no text under "question".',
    ]);
    expect(await read('e.csv', 'question\nWhen?\n"never closed\n')).toEqual([
      [null, 'When?'],
      expect.stringMatching(/^Line 3 of F and what follows it cannot be read/),
    ]);
  });

  it('are refused as a whole where the file is no list of questions', async () => {
    await expect(read('f.csv', 'a,b\n1,2\n')).rejects.toMatchObject({
      code: 'E_INPUT_INVALID',
      message: expect.stringContaining('no column "question"'),
    });
    await expect(read('f.docx', '')).rejects.toMatchObject({ code: 'E_INPUT_INVALID' });
    await expect(readQuestions(join(folder, 'none.csv'))[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'E_SOURCE_MISSING',
    });
  });
});
