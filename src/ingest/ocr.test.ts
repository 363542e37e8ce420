import { afterEach, expect, it } from 'vitest';
import { createIngestBench, type IngestBenchOptions } from '../../test/support/ingest-bench.ts';
import type { DocumentParser } from '../spec/parser.ts';

const benches: ReturnType<typeof createIngestBench>[] = [];
function bench(options: IngestBenchOptions) {
  const created = createIngestBench(options);
  benches.push(created);
  return created;
}

afterEach(async () => {
  await Promise.all(benches.splice(0).map((one) => one.close()));
});

it('reads again by OCR what was left unread without it, also inside containers, and not again without it', async () => {
  const read: string[] = [];
  const reader = (ocr: string | null): DocumentParser => ({
    optionsHash: 'none',
    ocr,
    isolation: () => Promise.resolve({ kind: 'process' as const, message: 'None.' }),
    formats: [
      { name: 'fake', version: 1 },
      { name: 'box', version: 1, isContainer: true },
    ],
    concurrency: 4,
    parse({ bytes, name }) {
      read.push(name);
      const text = `${Buffer.from(bytes).toString()} by ${name.startsWith('scan') ? ocr : 'itself'}`;
      const pages = name.startsWith('scan') ? (ocr === null ? { scannedPages: 1 } : { ocr }) : {};
      const head = { contentType: 'application/x', parserVersion: 1, text, pages: [{ number: 1, start: 0, end: text.length }] };
      const body = { ...head, blocks: [], warnings: [], ...pages };
      if (!name.endsWith('.box')) return Promise.resolve({ ...body, parser: 'fake' });
      return Promise.resolve({
        ...body,
        parser: 'box',
        members: ['scan.in', 'text.in'].map((file) => ({ name: file, bytes: Buffer.from(`The file ${file}`) })),
      });
    },
    close: () => Promise.resolve(),
  });
  const first = bench({ parser: reader(null) });
  for (const name of ['scan.a', 'text.b', 'files.box']) first.write(name, `The file ${name}`);
  const again = async (ocr: string | null): Promise<string[]> => {
    read.length = 0;
    const { run } = bench({ parser: reader(ocr), store: first.store });
    await run([first.folder]);
    return read.toSorted();
  };
  expect(await again(null)).toHaveLength(5);
  expect(await again(null)).toEqual([]);
  expect(await again('eng')).toEqual(['files.box', 'scan.a', 'scan.in']);
  expect(await again('eng')).toEqual([]);
  expect(await first.texts()).toMatchObject({
    'scan.a': 'The file scan.a by eng',
    'text.b': 'The file text.b by itself',
    'files.box!/scan.in': 'The file scan.in by eng',
  });
  expect(await again('deu')).toEqual(['files.box', 'scan.a', 'scan.in']);
  expect(await again(null)).toEqual([]);
  await first.run([]);
  expect((await first.store.verify()).problems).toEqual([]);
});
