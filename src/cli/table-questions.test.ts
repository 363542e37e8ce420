import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readTableQuestions } from './table-questions.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-table-questions-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function read(name: string, content: string) {
  const path = join(folder, name);
  writeFileSync(path, content);
  const questions = await readTableQuestions(path);
  return questions.map((question) => {
    if (typeof question === 'string' || question.unreadable === undefined) return question;
    return question.unreadable.message.replace(path, 'F');
  });
}

describe('the questions of a table', () => {
  it('come with type, unit and schema', async () => {
    expect(
      await read(
        'a.csv',
        'id,question,type,unit,schema\nprice,What does it cost?,Number,euros,\n,When?,date,,\n,Who?,,,"{""type"":""string""}"\n,What?,,,\n',
      ),
    ).toEqual([
      { id: 'price', question: 'What does it cost?', type: 'number', unit: 'euros' },
      { question: 'When?', type: 'date' },
      { question: 'Who?', type: 'json', schema: { type: 'string' } },
      { question: 'What?' },
    ]);
    expect(await read('a.jsonl', '{"question":"Who?","type":"json","schema":{"type":"string"}}\n"When?"\n')).toEqual([
      { question: 'Who?', type: 'json', schema: { type: 'string' } },
      { question: 'When?' },
    ]);
    expect(await read('a.txt', 'When?\n\nWho?\n')).toEqual([{ question: 'When?' }, { question: 'Who?' }]);
  });

  it('keep rows that cannot be asked, with their line and what is wrong', async () => {
    const content =
      'id,question,type,schema\na,When?,date,\na,Where?,text,\nb,,,\nc,Who?\nd,How many?,nubmer,\ne,What?,json,{cut\nf,What?,zzzzzzzz,\n';
    expect(await read('b.csv', content)).toEqual([
      { id: 'a', question: 'When?', type: 'date' },
      'Line 3 of F repeats the id "a" of an earlier one.',
      'Line 4 of F holds no question.',
      'Line 5 of F has 2 columns where the first line has 4.',
      'Line 6 of F has the type "nubmer", which is not known; the nearest of text, yes/no, number, date, list, json is "number".',
      'Line 7 of F has a schema that is not JSON.',
      'Line 8 of F has the type "zzzzzzzz", which is not known; there are text, yes/no, number, date, list, json.',
    ]);
  });

  it('are refused where there are none, or too many', async () => {
    await expect(read('c.txt', '\n')).rejects.toMatchObject({ code: 'E_INPUT_INVALID', message: expect.stringContaining('no question') });
    await expect(read('d.txt', 'Why?\n'.repeat(1_001))).rejects.toMatchObject({ code: 'E_INPUT_INVALID' });
    await expect(readTableQuestions(join(folder, 'none.csv'))).rejects.toMatchObject({ code: 'E_SOURCE_MISSING' });
  });
});
