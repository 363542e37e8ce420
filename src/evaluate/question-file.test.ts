import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readJudgedQuestions } from './question-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-questions-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const read = (name: string, content: string, unknown: 'refuse' | 'allow' = 'allow') => {
  writeFileSync(join(folder, name), content);
  return readJudgedQuestions(join(folder, name), unknown);
};
const nothing = { number: null, unanswerable: false, expected: [], sources: [], page: null, context: null, language: 'en' };

describe('readJudgedQuestions', () => {
  it('reads the questions of the examples', async () => {
    const questions = await readJudgedQuestions(fileURLToPath(new URL('../../examples/questions.jsonl', import.meta.url)), 'allow');
    expect(questions).toHaveLength(20);
    expect(questions[0]).toMatchObject({
      id: 'q01',
      expected: expect.arrayContaining(['72 km/h']),
      sources: ['handbook.md'],
      unanswerable: false,
    });
    expect(questions.filter(({ unanswerable }) => unanswerable)).toHaveLength(5);
  });

  it.each([
    ['q.yaml', '\uFEFF- question: Who?\r\n  expected: me\r\n'],
    ['q.json', '\uFEFF[{"question":"Who?","expected":"me"}]'],
    ['q.jsonl', '\uFEFF{"question":"Who?","expected":"me"}\r\n'],
    ['q.csv', '\uFEFFquestion;expected\r\nWho?;me\r\n'],
    ['q.tsv', '\uFEFFquestion\texpected\r\nWho?\tme\r\n'],
  ])('reads %s with a byte order mark', async (name, content) => {
    expect(await read(name, content, 'refuse')).toEqual([{ ...nothing, id: 'Who?', question: 'Who?', expected: ['me'] }]);
  });

  it('takes the separator of a CSV file from its header: cells hold the other one', async () => {
    const semicolons = await read('a.csv', 'question;expected\nWhat is it, and why?;1,5 kg\n');
    expect(semicolons).toMatchObject([{ question: 'What is it, and why?', expected: ['1,5 kg'] }]);
    const commas = await read('b.csv', 'question,expected\nWhat is it; and why?,x\n');
    expect(commas).toMatchObject([{ question: 'What is it; and why?', expected: ['x'] }]);
  });

  it('reads a YAML list: texts, numbers, sources, questions without an answer', async () => {
    const yaml = `
- question: What does a lost key cost?
  expected: 40
  source: rules.md
- { id: two, question: Who pays?, expected: [the tenant, tenant], source: [a.pdf, b.pdf], page: 3 }
- question: Who built it?
  unanswerable: true
`;
    expect(await read('q.yaml', yaml, 'refuse')).toEqual([
      { ...nothing, id: 'What does a lost key cost?', question: 'What does a lost key cost?', number: 40, sources: ['rules.md'] },
      { ...nothing, id: 'two', question: 'Who pays?', expected: ['the tenant', 'tenant'], sources: ['a.pdf', 'b.pdf'], page: 3 },
      { ...nothing, id: 'Who built it?', question: 'Who built it?', unanswerable: true },
    ]);
  });

  it('reads CSV with lists in cells, and JSON under "questions"', async () => {
    const csv = 'id,question,expected,unanswerable,page\n1,What?,"[""a"",""b""]",,2\n2,"Who, then?",,true,\n';
    expect(await read('q.csv', csv)).toEqual([
      { ...nothing, id: '1', question: 'What?', expected: ['a', 'b'], page: 2 },
      { ...nothing, id: '2', question: 'Who, then?', unanswerable: true },
    ]);
    expect(await read('q.json', '{"questions":[{"question":"What?","answers":["a"],"type":"Table"}]}')).toMatchObject([
      { expected: ['a'] },
    ]);
  });

  it('reads SQuAD with its paragraphs and its language', async () => {
    const qas = [
      { id: 'x1', question: 'Wer?', answers: [{ text: 'Anna' }, { text: 'Anna' }] },
      { id: 'x2', question: 'Wo?', answers: [], is_impossible: true },
    ];
    expect(await read('xquad.de.json', JSON.stringify({ data: [{ paragraphs: [{ context: 'Anna kam.', qas }] }] }))).toEqual([
      { ...nothing, id: 'x1', question: 'Wer?', expected: ['Anna'], context: 'Anna kam.', language: 'de' },
      { ...nothing, id: 'x2', question: 'Wo?', unanswerable: true, context: 'Anna kam.', language: 'de' },
    ]);
  });

  it.each([
    ['q.yaml', '', 'holds no question', ''],
    ['q.yaml', '- question: a\n  expeted: b\n', 'Entry 1 of q.yaml has an unknown key "expeted"', 'Did you mean expected'],
    ['q.yaml', '- question: a\n- question: b\n- question: a\n', 'Entry 3 of q.yaml repeats the id a of Entry 1', ''],
    ['q.yaml', '- { id: 1, question: a }\n- { id: 2, question: a }\n', 'Entry 2 of q.yaml repeats the question a', ''],
    ['q.yaml', '- question: a\n  expected: [b\n', 'cannot be read', ''],
    ['q.yaml', '- question: a\n  expected: b\n  unanswerable: true\n', 'cannot be answered and yet expects', ''],
    ['q.yaml', '- question: a\n  page: many\n', 'not valid at "page"', ''],
    ['q.yaml', '- question: a\n  expected: true\n', 'not valid at "expected": it takes a text, a number or a list of them', ''],
    ['q.yaml', '- question: a\n  expected: [true]\n', 'not valid at "expected', ''],
    ['q.yaml', '- question: a\n  source: 10\n', 'not valid at "source": it takes a text or a list of them', ''],
    ['q.yaml', 'just a text\n', 'no list of questions', ''],
    ['q.yaml', '- a\n', 'Entry 1 of q.yaml is no entry', ''],
    ['q.jsonl', '{"question":"a"}\n{"question":" "}\n', 'Line 2 of q.jsonl is not valid at "question"', ''],
    ['q.jsonl', '{\n', 'Line 1 of q.jsonl is not JSON', ''],
    ['q.md', 'a', 'no list of questions by its name', '.yaml'],
  ])('refuses %s %j', async (name, content, message, remedy) => {
    await expect(read(name, content, 'refuse')).rejects.toMatchObject({
      code: 'E_INPUT_INVALID',
      message: expect.stringContaining(message),
      remedy: expect.stringContaining(remedy),
    });
  });

  it('lets columns of data sets pass, but no misspelt key', async () => {
    expect(await read('q.jsonl', '{"question":"a","chunk_type":"Table","demo":true}\n')).toHaveLength(1);
    await expect(read('q.jsonl', '{"question":"a","unanswerble":true}\n')).rejects.toThrow('unknown key "unanswerble"');
  });

  it('names a file that is not there', async () => {
    await expect(readJudgedQuestions(join(folder, 'none.yaml'), 'refuse')).rejects.toMatchObject({ code: 'E_SOURCE_MISSING' });
  });
});
