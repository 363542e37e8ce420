import { expect, it } from 'vitest';
import { pathological } from '../../src/parse/fixtures/pathological.ts';
import { createFormatParsers } from '../../src/parse/formats.ts';
import { parseDocument } from '../../src/parse/parse-document.ts';

const parsers = createFormatParsers();
const length = 100_000;
/** What is measured in less is noise: compiling, collecting. Milliseconds of processor time. */
const noiseMs = 40;

/** Processor time of one reading, the least of three. */
async function costMs(name: string, source: string): Promise<number> {
  const bytes = Buffer.from(source);
  const costs: number[] = [];
  for (let run = 0; run < 3; run += 1) {
    const before = process.cpuUsage();
    // A file may well be refused; how long that takes is the question.
    await parseDocument({ bytes, name }, parsers).catch(() => undefined);
    const { user, system } = process.cpuUsage(before);
    costs.push((user + system) / 1_000);
  }
  return Math.min(...costs);
}

it.each(pathological)(
  'T23, T24: four times as much takes about four times as long: $name, $of',
  { timeout: 600_000 },
  async ({ name, make }) => {
    const once = await costMs(name, make(length));
    const fourTimes = await costMs(name, make(4 * length));
    // 2.5 for each doubling, as allowed; what grows with the square is at 16.
    expect(fourTimes).toBeLessThan(2.5 ** 2 * Math.max(once, noiseMs));
  },
);
