import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { collect, type MillBench, openMillBench } from '../../../test/support/mill-bench.ts';
import type { Estimate } from '../../spec/estimates.ts';
import { generationTime, ratesOf, type SampledAnswer } from './generation-time.ts';

const pace = { prefillTokensPerSecond: 100, decodeTokensPerSecond: 10 };
const fact = 'The ferry carries 48 passengers and 12 bicycles on every trip of the day.';
let bench: MillBench;
afterEach(() => bench.close());

/** Time of a run in the clock of the bench, and what the estimate said of it before. */
async function compare(work: () => AsyncIterable<unknown> & { result(): Promise<unknown> }, estimate: () => Promise<Estimate>) {
  const told = await bench.drive(estimate());
  const started = bench.clock.monotonic();
  const { ended } = collect(work() as never);
  await bench.drive(ended);
  return { told, tookMs: bench.clock.monotonic() - started };
}

describe('an estimate', () => {
  it('of questions holds the time that they take, and leaves no trace', async () => {
    bench = await openMillBench({ sources: [{ id: 'ferry', text: fact }], generator: pace });
    const questions = Array.from({ length: 40 }, (_, index) => `How many passengers does the ferry carry on trip ${index}?`);
    const { told, tookMs } = await compare(
      () => bench.mill.askMany(questions, { mode: 'text' }),
      () => bench.mill.estimate.askMany([...questions, '', { question: '', unreadable: unreadable() }], { mode: 'text' }),
    );
    expect(told).toMatchObject({ items: 42, sampled: 2, unchanged: 0 });
    expect(told.newTokens).toBeGreaterThan(0);
    expect(told.reusedTokens).toBeGreaterThan(0);
    expect(told.diskBytes).toBeGreaterThan(0);
    expect(told.leastMs).toBeLessThan(told.mostMs);
    expect(tookMs).toBeLessThan(told.mostMs);
    expect(await bench.mill.runs.list()).toHaveLength(1);
  });

  it('of a table counts the tokens of each document once', async () => {
    const sources = Array.from({ length: 6 }, (_, index) => ({ id: `d-${index}`, text: `${index}. ${fact} `.repeat(6) }));
    bench = await openMillBench({ sources, generator: pace });
    const questions = ['How many passengers?', 'How many bicycles?', { question: '', id: 'bad' }, 'Which trip?'];
    const { told, tookMs } = await compare(
      () => bench.mill.table(questions, { mode: 'text' }),
      () => bench.mill.estimate.table(questions, { mode: 'text' }),
    );
    expect(told).toMatchObject({ items: 24, sampled: 2 });
    let computed = 0;
    let reused = 0;
    for await (const { usage } of bench.mill.runs.cells((await bench.mill.runs.list())[0]!.id)) {
      computed += (usage?.promptTokens ?? 0) - (usage?.cachedTokens ?? 0) + (usage?.outputTokens ?? 0);
      reused += usage?.cachedTokens ?? 0;
    }
    expect(told.newTokens / computed).toBeGreaterThan(0.6);
    expect(told.newTokens / computed).toBeLessThan(1.6);
    expect(told.reusedTokens / reused).toBeGreaterThan(0.6);
    expect(told.reusedTokens / reused).toBeLessThan(1.6);
    expect(tookMs).toBeLessThan(told.mostMs);
    expect(await bench.drive(bench.mill.estimate.table(questions, { leastItems: 25 }))).toMatchObject({ items: 24, sampled: 0, mostMs: 0 });
  });

  it('of documents looks at all of them, reads a few, and writes nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-estimate-'));
    try {
      bench = await openMillBench({ embedder: { tokensPerSecond: 1_000 } });
      for (let index = 0; index < 30; index += 1) writeFileSync(join(folder, `f-${index}.txt`), `${index}. ${fact}\n`.repeat(40));
      writeFileSync(join(folder, 'cut.pdf'), '%PDF-1.7 cut');
      const told = await bench.drive(bench.mill.estimate.ingest([folder]));
      expect(told).toMatchObject({ items: 31, unchanged: 0 });
      expect(told.sampled).toBeGreaterThan(3);
      expect(told.newTokens).toBeGreaterThan(1_000);
      expect(told.diskBytes).toBeGreaterThan(30 * 40 * fact.length);
      expect((await bench.mill.status()).collections).toEqual([]);
      await expect(bench.drive(bench.mill.estimate.ingest([join(folder, 'none')]))).rejects.toMatchObject({ code: 'E_SOURCE_MISSING' });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('refuses options that are none', async () => {
    bench = await openMillBench();
    await expect(bench.drive(bench.mill.estimate.askMany([], { leastItems: -1 }))).rejects.toMatchObject({ code: 'E_INPUT_INVALID' });
  });
});

describe('generationTime', () => {
  const one: SampledAnswer = {
    usage: { promptTokens: 120, cachedTokens: 20, outputTokens: 10 },
    timings: { prefillMs: 1_000, decodeMs: 500, totalMs: 1_600 },
    storedBytes: 400,
  };

  it('lies between answers written together and one after another', () => {
    const rates = ratesOf([one, one]);
    expect(rates).toEqual({ msPerPromptToken: 10, msPerOutputToken: 50, outputTokens: 10, besidesMs: 100, storedBytes: 400 });
    const { leastMs, mostMs } = generationTime(rates, { items: 10, promptTokens: 1_000, concurrency: 10 });
    expect(mostMs).toBe((10_000 + 5_000 + 1_000) * 1.25);
    expect(leastMs).toBeCloseTo((10_000 + 5_000 / 2.4 + 100) * 0.75);
    expect(generationTime(ratesOf([]), { items: 10, promptTokens: 0, concurrency: 1 })).toEqual({ leastMs: 0, mostMs: 0 });
  });
});

function unreadable() {
  return { code: 'E_INPUT_INVALID', message: 'Line 3 is cut.', remedy: '', retryable: false };
}
