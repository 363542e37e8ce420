import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { SettledQuestion } from '../spec/runs.ts';
import { createAnswerFile } from './answer-file.ts';
import { cell } from './csv.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-answers-'));
afterAll(() => rmSync(folder, { recursive: true }));

const item = (index: number, answer: string): SettledQuestion => ({
  index,
  id: null,
  question: `Question ${index}?`,
  status: 'done',
  answer,
  abstained: false,
  citations: [],
  unsupported: [],
  error: null,
  attempts: 1,
  startedAt: '2026-01-01T00:00:00.000Z',
  endedAt: '2026-01-01T00:00:01.000Z',
  timings: { totalMs: 1_000 },
  usage: null,
  model: 'm',
  revision: 1,
  stale: false,
});
async function* items(...list: readonly SettledQuestion[]): AsyncIterable<SettledQuestion> {
  for (const one of list) yield await Promise.resolve(one);
}

describe('the file of answers', () => {
  it('has its name only when it is whole, in the order of the questions', async () => {
    const path = join(folder, 'a.jsonl');
    const file = await createAnswerFile(path, { force: false });
    await file.append(item(1, 'second'));
    expect(existsSync(path)).toBe(false);
    expect(readFileSync(`${path}.partial`, 'utf8')).toContain('second');
    await file.finish(items(item(0, 'first'), item(1, 'second')));
    await file.close();
    const lines = readFileSync(path, 'utf8').trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as SettledQuestion).answer)).toEqual(['first', 'second']);
    expect(existsSync(`${path}.partial`)).toBe(false);
  });

  it('cites with the place in the words of the format', async () => {
    const path = join(folder, 'd.csv');
    const file = await createAnswerFile(path, { force: false });
    const cited = { number: 1, document: 'd', title: null, start: 0, end: 1, quote: 'x' };
    const citations: SettledQuestion['citations'] = [
      { ...cited, source: 'report.pdf', page: 4, pageLabel: 'iv', pageKind: 'page' },
      { ...cited, source: 'plan.pptx', page: 3, pageLabel: null, pageKind: 'slide', stale: 'replaced' },
      { ...cited, source: 'handbook.md', page: 1, pageLabel: null, pageKind: null },
    ];
    await file.finish(items({ ...item(0, 'x'), citations }));
    const [row] = parse<Record<string, string>>(readFileSync(path), { columns: true });
    expect(row?.['citations']).toBe('report.pdf, page iv: "x"\nplan.pptx, slide 3: "x" (replaced since)\nhandbook.md: "x"');
  });

  it('replaces another file only when told to', async () => {
    const path = join(folder, 'b.csv');
    writeFileSync(path, 'mine');
    await expect(createAnswerFile(path, { force: false })).rejects.toMatchObject({ code: 'E_OUTPUT_EXISTS' });
    const file = await createAnswerFile(path, { force: true });
    expect(readFileSync(path, 'utf8')).toBe('mine');
    await file.finish(items(item(0, '=1+1')));
    const [row] = parse<Record<string, string>>(readFileSync(path), { columns: true });
    expect(row).toMatchObject({ index: '0', answer: "'=1+1", status: 'done', totalMs: '1000' });
    await expect(createAnswerFile(join(folder, 'c.docx'), { force: true })).rejects.toMatchObject({ code: 'E_INPUT_INVALID' });
  });

  it('reads back as it was written, and holds no formula', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const written = cell(text);
        const [row] = parse(`x,${written}\r\n`, { relax_column_count: true, record_delimiter: '\r\n' });
        const value = row?.[1] ?? '';
        expect(value.replaceAll("'", '')).toBe(text.replaceAll("'", ''));
        if (/^\s*[=+@\t\r]/u.test(text)) expect(value.startsWith("'")).toBe(true);
        expect(value).not.toMatch(/[;\t\r\n]\s*[=@]/u);
      }),
    );
    expect([cell('-5'), cell('-5.25'), cell('-1+cmd'), cell(' =x'), cell('@a')]).toEqual(['-5', '-5.25', "'-1+cmd", "' =x", "'@a"]);
  });

  it('holds no formula where a spreadsheet splits at semicolons, tabs or line breaks, and leaves a minus in words as it is', () => {
    const inert = [
      ['a; =1+1', "a; '=1+1"],
      ['a;+A1', "a;'+A1"],
      ['a\t@b', "a\t'@b"],
      ['a; -SUM(1)', "a; '-SUM(1)"],
      ["a; - cmd|' /C calc'!A0", "a; '- cmd|' /C calc'!A0"],
      ['a; =x; =y', "a; '=x; '=y"],
    ] as const;
    expect(inert.map(([text]) => cell(text))).toEqual(inert.map(([, written]) => written));
    expect(cell('a\n=1+1')).toBe('"a\n\'=1+1"');
    const plain = ['cold; -3 °C', 'a; +49 30 1234', 'first; - second', 'a = b; c - d', 'well-known; so-called'];
    expect(plain.map(cell)).toEqual(plain);
  });
});
