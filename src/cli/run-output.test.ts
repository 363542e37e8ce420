import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CellObject, read as readWorkbook, utils } from '@e965/xlsx';
import { parse } from 'csv-parse/sync';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collect, type MillBench, openMillBench } from '../../test/support/mill-bench.ts';
import type { GenerateRequest } from '../spec/engine.ts';
import type { SettledCell } from '../spec/tables.ts';
import { createRunOutput } from './run-output.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-run-output-'));
afterAll(() => rmSync(folder, { recursive: true }));

const questions = [
  { id: 'price', question: 'What does it cost?', type: 'number' as const },
  'What is the formula?',
  { question: 'Who?', id: '=who' },
];
const answers: Readonly<Record<string, string>> = { cost: '1,250.5 "euros"', formula: '=1+1', Who: 'Not in the documents.' };
const asked = ({ prompt }: GenerateRequest): string => prompt.messages.flatMap(({ parts }) => parts).at(-1) ?? '';

let bench: MillBench;
let run: string;
beforeEach(async () => {
  const answer = (request: GenerateRequest): string => Object.entries(answers).find(([word]) => asked(request).includes(word))?.[1] ?? '';
  bench = await openMillBench({
    sources: [
      { id: 'a', title: 'The "A"', text: 'It costs 1,250.50 euros. The formula is =1+1.' },
      { id: 'b', bytes: Buffer.from('%PDF-1.7 cut'), contentType: 'application/pdf' },
    ],
    generator: { answer, decodeTokensPerSecond: 10 },
  });
  const { events, ended } = collect(bench.mill.table(questions, { mode: 'text', concurrency: 1, maxTimeMs: 50 }));
  await bench.drive(ended);
  run = events[0]?.runId ?? '';
});
afterEach(() => bench.close());

async function write(name: string, details = false): Promise<Buffer> {
  const path = join(folder, name);
  const output = await createRunOutput('table', path, { force: true, details });
  const { events, ended } = collect(bench.mill.runs.resume(run));
  await bench.drive(ended);
  await output.begin(bench.mill, run, true);
  for (const event of events) await output.append(event);
  expect(existsSync(path)).toBe(false);
  await output.finish(bench.mill, run);
  await output.close();
  expect(existsSync(`${path}.partial`)).toBe(false);
  return readFileSync(path);
}

describe('the file of a table', () => {
  it('is a CSV of documents and questions, without formulas, with the reason of what failed', async () => {
    const rows = parse(await write('a.csv'));
    expect(rows[0]).toEqual(['source', 'title', 'price', 'What is the formula?', "'=who", 'stale']);
    expect(rows[1]).toEqual(['a', 'The "A"', '1250.5 "euros"', "'=1+1", '', '']);
    expect(rows[2]?.slice(0, 2)).toEqual(['b', '']);
    expect(rows[2]?.slice(2, -1).every((cell) => cell.startsWith('error[E_DOCUMENT_'))).toBe(true);
  });

  it('has quote, place and support beside each value when that is wanted', async () => {
    const rows = parse<Record<string, string>>(await write('b.csv', true), { columns: true });
    expect(rows[0]).toMatchObject({ 'price: quote': 'It costs 1,250.50 euros.', 'price: place': '', 'price: support': '1' });
  });

  it('is a workbook with numbers as numbers, quotes as notes and no formula', async () => {
    const book = readWorkbook(await write('c.xlsx'));
    expect(book.SheetNames).toEqual(['Table', 'Cells']);
    const table = book.Sheets['Table']!;
    expect(table['C2']).toMatchObject({ t: 'n', v: 1250.5 });
    expect((table['C2'] as CellObject | undefined)?.c?.[0]?.t).toContain('"It costs 1,250.50 euros."');
    expect(table['D2']).toMatchObject({ t: 's', v: '=1+1' });
    for (const sheet of Object.values(book.Sheets)) {
      const cells = Object.entries(sheet).filter(([name]) => !name.startsWith('!'));
      for (const [name, cell] of cells) expect([name, (cell as { f?: string }).f]).toEqual([name, undefined]);
    }
    const details = utils.sheet_to_json<Record<string, unknown>>(book.Sheets['Cells']!);
    expect(details).toHaveLength(6);
    expect(details[0]).toMatchObject({ source: 'a', question: 'price', status: 'done', value: '1250.5 "euros"', support: 1 });
    expect(details[3]?.['error']).toMatch(/^E_DOCUMENT_/u);
  });

  it('is a line of JSON for each cell, in the order of the table', async () => {
    const lines = (await write('d.jsonl')).toString().trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as SettledCell).index)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('shows what there is of an interrupted run under the name of a partial file', async () => {
    const path = join(folder, 'e.csv');
    const output = await createRunOutput('table', path, { force: false });
    await output.leave(bench.mill, run);
    const rows = parse(readFileSync(`${path}.partial`));
    expect(rows.map(([source]) => source)).toEqual(['source', 'a', 'b']);
    expect(existsSync(path)).toBe(false);
  });

  it('leaves the partial file of a run at work alone until its own run begins', async () => {
    const path = join(folder, 'g.jsonl');
    for (const kind of ['ask-many', 'table'] as const) {
      writeFileSync(`${path}.partial`, 'theirs');
      const output = await createRunOutput(kind, path, { force: true });
      await output.close();
      expect(readFileSync(`${path}.partial`, 'utf8')).toBe('theirs');
      await output.begin(bench.mill, run, false);
      await output.close();
      expect(readFileSync(`${path}.partial`, 'utf8')).toBe('');
    }
    writeFileSync(join(folder, 'g.csv.partial'), 'theirs');
    await createRunOutput('table', join(folder, 'g.csv'), { force: true });
    expect(readFileSync(join(folder, 'g.csv.partial'), 'utf8')).toBe('theirs');
  });

  it('leaves a file that exists alone, and knows its formats', async () => {
    const path = join(folder, 'f.csv');
    writeFileSync(path, 'mine');
    await expect(createRunOutput('table', path, { force: false })).rejects.toMatchObject({ code: 'E_OUTPUT_EXISTS' });
    expect(readFileSync(path, 'utf8')).toBe('mine');
    await expect(createRunOutput('table', join(folder, 'f.doc'), { force: false })).rejects.toMatchObject({ code: 'E_INPUT_INVALID' });
    await expect(createRunOutput('ask-many', join(folder, 'f.xlsx'), { force: false })).rejects.toMatchObject({ code: 'E_INPUT_INVALID' });
    await expect(createRunOutput('table', join(folder, 'no', 'f.csv'), { force: false })).rejects.toMatchObject({
      code: 'E_INPUT_INVALID',
    });
  });
});
