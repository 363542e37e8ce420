import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { judgeAnswer } from './judge-answer.ts';
import { openJudgedFile } from './judged-file.ts';
import { readEntry } from './question-entry.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-judged-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const question = readEntry({ id: 'q', question: 'What?', expected: 'this' }, 'Entry 1', 'refuse');
const judged = judgeAnswer(question, null);

describe('openJudgedFile', () => {
  it('gives what was kept for the same question asked in the same way, half a line or not', async () => {
    const path = join(folder, 'a.jsonl');
    const first = await openJudgedFile(path, { model: 'a' });
    expect(first.get(question)).toBeUndefined();
    await first.add(judged);
    await first.close();
    appendFileSync(path, '{"key":"ha');
    const again = await openJudgedFile(path, { model: 'a' });
    expect(again.get(question)).toEqual(judged);
    expect(again.get({ ...question, question: 'What else?' })).toBeUndefined();
    await again.add({ ...judged, id: 'r' });
    const third = await openJudgedFile(path, { model: 'a' });
    expect(third.get({ ...question, id: 'r' })).toMatchObject({ id: 'r' });
    expect((await openJudgedFile(path, { model: 'b' })).get(question)).toBeUndefined();
  });

  it('asks what failed again, and begins anew where that is wanted', async () => {
    const path = join(folder, 'a.jsonl');
    const error = { code: 'E_ENGINE_CRASHED', message: 'It ended.', remedy: 'Repeat.', retryable: true } as const;
    await (await openJudgedFile(path, {})).add({ ...judged, error });
    expect((await openJudgedFile(path, {})).get(question)).toBeUndefined();
    await openJudgedFile(path, {}, { anew: true });
    expect(readFileSync(path, 'utf8')).toBe('');
  });

  it('refuses another kind of file, and a place that is none', async () => {
    await expect(openJudgedFile(join(folder, 'a.csv'), {})).rejects.toMatchObject({ code: 'E_INPUT_INVALID' });
    await expect(openJudgedFile(join(folder, 'none', 'a.jsonl'), {}, { anew: true })).rejects.toMatchObject({ code: 'E_INPUT_INVALID' });
  });
});
