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
const given = { answer: 'that', abstained: false, citations: [], latencyMs: 1, promptTokens: 1, cachedTokens: 0, outputTokens: 1 };
const judged = judgeAnswer(question, given);

describe('openJudgedFile', () => {
  it('gives what was kept for the same question asked in the same way, half a line or not', async () => {
    const path = join(folder, 'a.jsonl');
    const first = await openJudgedFile(path, { model: 'a' });
    expect(first.get(question)).toBeUndefined();
    await first.add(judged, question);
    await first.close();
    appendFileSync(path, '{"key":"ha');
    const again = await openJudgedFile(path, { model: 'a' });
    expect(again.get(question)).toEqual(judged);
    expect(again.get({ ...question, question: 'What else?' })).toBeUndefined();
    expect(again.get({ ...question, context: 'Another passage.' })).toBeUndefined();
    await again.add({ ...judged, id: 'r' }, question);
    const third = await openJudgedFile(path, { model: 'a' });
    expect(third.get({ ...question, id: 'r' })).toMatchObject({ id: 'r' });
    expect((await openJudgedFile(path, { model: 'b' })).get(question)).toBeUndefined();
  });

  it('judges what was given before by what is expected now', async () => {
    const path = join(folder, 'a.jsonl');
    await (await openJudgedFile(path, {})).add(judged, question);
    const corrected = (await openJudgedFile(path, {})).get({ ...question, expected: ['that'] });
    expect([judged.measures.right, corrected?.measures.right]).toEqual([0, 1]);
  });

  it('asks what failed again, and begins anew where that is wanted', async () => {
    const path = join(folder, 'a.jsonl');
    const error = { code: 'E_ENGINE_CRASHED', message: 'It ended.', remedy: 'Repeat.', retryable: true } as const;
    await (await openJudgedFile(path, {})).add({ ...judged, error }, question);
    expect((await openJudgedFile(path, {})).get(question)).toBeUndefined();
    await openJudgedFile(path, {}, { anew: true });
    expect(readFileSync(path, 'utf8')).toBe('');
  });

  it('refuses another kind of file, and a place that is none', async () => {
    await expect(openJudgedFile(join(folder, 'a.csv'), {})).rejects.toMatchObject({ code: 'E_INPUT_INVALID' });
    await expect(openJudgedFile(join(folder, 'none', 'a.jsonl'), {}, { anew: true })).rejects.toMatchObject({ code: 'E_INPUT_INVALID' });
  });
});
