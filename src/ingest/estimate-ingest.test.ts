import { afterEach, describe, expect, it } from 'vitest';
import { createIngestBench } from '../../test/support/ingest-bench.ts';
import { systemClock } from '../util/clock.ts';
import { estimateIngest } from './estimate-ingest.ts';

let bench: ReturnType<typeof createIngestBench>;
afterEach(() => bench.close());

/** An estimate of so many equal texts, and how often the record was asked for a source. */
async function estimate(count: number, leastItems: number, loadEmbedder?: () => Promise<never>) {
  bench = createIngestBench();
  const { store, scheduler, embedder, folder } = bench;
  let asked = 0;
  const counting = {
    ...store,
    readSourceDocument(...parameters: Parameters<typeof store.readSourceDocument>) {
      asked += 1;
      return store.readSourceDocument(...parameters);
    },
  };
  const made = await estimateIngest(
    Array.from({ length: count }, (_, number) => ({ id: `${number}`, text: 'The mill ground seven sacks of rye.' })),
    {},
    {
      store: counting,
      scheduler,
      parser: { optionsHash: 'none', formats: [{ name: 'fake', version: 1 }] },
      chunker: { options: { targetTokens: 20, maxTokens: 30, overlapTokens: 0 }, hash: 'by-twenty' },
      embedder: loadEmbedder ?? (() => Promise.resolve(embedder)),
      clock: systemClock,
      workingDirectory: folder,
    },
    { signal: new AbortController().signal, leastItems },
  );
  return { made, asked };
}

describe('an estimate of many sources', () => {
  it('looks at a share of them, which stands for all', async () => {
    const { made: one } = await estimate(1, 0);
    await bench.close();
    const { made, asked } = await estimate(2_600, 0);
    expect(one).not.toHaveProperty('unchangedIsAbout');
    expect(made).toMatchObject({ unchangedIsAbout: true, items: 2_600, unchanged: 0, sampled: 6, newTokens: one.newTokens * 2_600 });
    expect(one.newTokens).toBeGreaterThan(0);
    expect(asked).toBe(1_100);
    await bench.close();
    expect((await estimate(1_005, 0)).made).toMatchObject({ items: 1_005, newTokens: one.newTokens * 1_005 });
  });

  it('loads no model where few are new', async () => {
    const { made } = await estimate(19, 20, () => Promise.reject(new Error('loaded')));
    expect(made).toMatchObject({ items: 19, unchanged: 0, sampled: 0, mostMs: 0 });
  });
});
