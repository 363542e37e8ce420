import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { contend } from '../support/contention.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-contention-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

it('T10: sixteen writers with the same 500 documents leave each of them once, and an index that finds what an exact scan finds', async () => {
  const { ends, recall, problems, ...figures } = await contend({ root, writers: 16, documents: 500, sections: 40 });
  const longestRefusalMs = Math.max(...ends.map((end) => end.longestRefusalMs));
  process.stdout.write(`${figures.chunks} chunks, longest refusal ${longestRefusalMs} ms, recall@10 after churn ${recall}\n`);
  expect(problems).toEqual([]);
  expect(figures).toMatchObject({ sources: 500, documents: 500, embeddedChunks: figures.chunks });
  expect(ends.reduce((sum, { indexed }) => sum + indexed, 0)).toBe(500);
  expect(ends.map(({ indexed, skipped, failed }) => [indexed + skipped, failed])).toEqual(Array.from({ length: 16 }, () => [500, 0]));
  expect(recall).toBeGreaterThanOrEqual(0.95);
});
