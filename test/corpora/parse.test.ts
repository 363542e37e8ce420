import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runParseBench } from '../../bench/parse/parse-bench.ts';

/** `MILLRACE_DATA`, else `shared/data` beside the repository: parse-docs, parse-html-articles, parse-hostile, parse-large. */
const data = process.env['MILLRACE_DATA'] ?? fileURLToPath(new URL('../../../shared/data', import.meta.url));
const has = (corpus: string): boolean => existsSync(`${data}/${corpus}`);

function run(scenario: 'docs' | 'articles' | 'hostile') {
  return runParseBench({
    data,
    scenarios: [scenario],
    runs: 1,
    signal: AbortSignal.timeout(590_000),
    print: () => undefined,
    progress: () => undefined,
  });
}

it.runIf(has('parse-docs'))('real documents of many formats give their text', async () => {
  const { docs } = await run('docs');
  expect(docs?.shareWithText).toBeGreaterThanOrEqual(0.97);
  const recall = Object.fromEntries((docs?.formats ?? []).map((one) => [one.format, one.recall ?? 1]));
  for (const format of ['pdf', 'docx', 'html']) expect(recall[format], format).toBeGreaterThanOrEqual(0.95);
  for (const format of ['pptx', 'xlsx', 'odt', 'ods', 'epub', 'doc', 'xls']) expect(recall[format], format).toBeGreaterThanOrEqual(0.9);
});

it.runIf(has('parse-html-articles'))('the main text of articles is found', async () => {
  expect((await run('articles')).articles?.f1).toBeGreaterThanOrEqual(0.94);
});

it.runIf(has('parse-hostile'))('no hostile file ends or stops its parser, and good ones beside them are read', async () => {
  const { hostile } = await run('hostile');
  expect(hostile).toMatchObject({ crashes: 0, hangs: 0, neighboursRead: hostile?.files });
});
