import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { wordRecall } from '../../bench/parse/score.ts';
import { openParser } from '../../src/index.ts';

/** Needs `npm install --no-save tesseract.js-core@7.0.0 @tesseract.js-data/eng@1.0.0` and the corpora ocr-pages and ocr-sroie. */
const data = process.env['MILLRACE_DATA'] ?? fileURLToPath(new URL('../../../shared/data', import.meta.url));
const isInstalled = ((): boolean => {
  try {
    createRequire(import.meta.url).resolve('tesseract.js-core/package.json');
    return true;
  } catch {
    return false;
  }
})();
const phototest = ['phototest.tif', 'phototest-rotated-180.png', 'phototest-rotated-R.png'];

describe.runIf(isInstalled && existsSync(`${data}/ocr-pages`))('OCR', async () => {
  const parser = await openParser({ concurrency: 1 });
  afterAll(() => parser.close());
  async function read(file: string): Promise<string> {
    const bytes = readFileSync(`${data}/ocr-pages/${file}`);
    return (await parser.parse({ bytes, name: file }, new AbortController().signal)).text.slice();
  }

  it.each(phototest)('reads %s whichever way it is turned', async (name) => {
    const truth = readFileSync(`${data}/ocr-pages/tesseract/phototest.gold.txt`, 'utf8');
    expect(wordRecall(truth, await read(`tesseract/${name}`))).toBeGreaterThan(0.95);
  });

  it('reads a dense page of two columns', async () => {
    const truth = readFileSync(`${data}/ocr-pages/tesseract/8071_093.3B.txt`, 'utf8');
    expect(wordRecall(truth, await read('tesseract/8071_093.3B.tif'))).toBeGreaterThan(0.9);
  });

  it.each(['ocr_test.pdf', 'ocr_test_rotated_90.pdf'])('reads the pages of %s', async (name) => {
    expect(await read(`docling/${name}`)).toContain('PDF document conversion to JSON and Markdown');
  });
});
