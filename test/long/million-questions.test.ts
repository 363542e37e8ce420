import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readQuestions } from '../../src/cli/question-file.ts';
import { createFakeMill } from '../../src/testing/fake-mill.ts';
import { systemClock } from '../../src/util/clock.ts';

const count = Number(process.env['MILLRACE_QUESTIONS'] ?? 1_000_000);
/** By then everything that is bounded has filled: caches, hand-overs, compiled code. */
const warmCount = Math.min(100_000, Math.floor(count / 4));
/** Resident memory may grow by this from there to the end: what the ids of a million questions take, and what a collector leaves lying. */
const growthBytes = 128 * 1024 * 1024;

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'millrace-million-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it(`answers a file of ${count} questions to its end, in memory that does not grow with it`, { timeout: 60 * 60_000 }, async () => {
  const file = join(folder, 'q.csv');
  function* rows(): Generator<string> {
    yield 'id,question\n';
    for (let index = 0; index < count; index++) yield `q-${index},How many passengers does the ferry carry on trip ${index}?\n`;
  }
  await pipeline(Readable.from(rows()), createWriteStream(file));
  const mill = createFakeMill({ clock: systemClock });
  try {
    await mill.ingest([{ id: 'ferry', text: 'The ferry carries 48 passengers. Dogs travel free of charge.' }]).result();
    let settled = 0;
    let warmBytes = 0;
    let mostBytes = 0;
    const stream = mill.askMany(readQuestions(file), { mode: 'text', durable: false, concurrency: 20 });
    for await (const event of stream) {
      if (event.type !== 'item-settled') continue;
      expect(event.item.status).toBe('done');
      settled += 1;
      if (settled % 10_000 !== 0) continue;
      const { rss } = process.memoryUsage();
      if (settled <= warmCount) warmBytes = Math.max(warmBytes, rss);
      else mostBytes = Math.max(mostBytes, rss);
    }
    expect(await stream.result()).toMatchObject({ state: 'done', items: count, done: count, failed: 0 });
    expect(settled).toBe(count);
    process.stdout.write(
      `${count} questions: ${Math.round(warmBytes / 2 ** 20)} MiB at ${warmCount}, at most ${Math.round(mostBytes / 2 ** 20)} MiB\n`,
    );
    expect(mostBytes - warmBytes).toBeLessThan(growthBytes);
  } finally {
    await mill.close();
  }
});
