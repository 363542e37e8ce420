import { expect, it } from 'vitest';
import { createIngestBench } from '../../test/support/ingest-bench.ts';
import { indexingSetting } from '../spec/indexing.ts';
import { createManualClock } from '../testing/manual-clock.ts';
import { createDeferred } from '../util/deferred.ts';
import { createFacts } from './given-facts.ts';
import { defaultIngestLimits, type IngestRun } from './ingest-run.ts';
import { createProgress } from './progress.ts';

it('says nothing of work in the record when the call has ended, however late its events are taken', async () => {
  const clock = createManualClock();
  const { store, scheduler, embedder, folder, close } = createIngestBench({ clock });
  const taken = createDeferred<void>();
  let told = 0;
  const run: IngestRun = {
    parts: {
      store,
      scheduler,
      parser: { optionsHash: 'none', formats: [], ocr: null },
      chunker: { options: { targetTokens: 20, maxTokens: 30, overlapTokens: 0 }, hash: 'by-twenty' },
      embedder: () => Promise.resolve(embedder),
      clock,
      workingDirectory: folder,
    },
    options: {},
    limits: defaultIngestLimits,
    collection: 'default',
    embedder,
    counts: {
      found: 9,
      allFound: true,
      indexed: 0,
      skipped: 0,
      failed: 0,
      quarantined: 0,
      unreachable: 0,
      inside: 0,
      removed: 0,
      chunks: 0,
      bytes: 0,
    },
    factsOf: createFacts({}, folder),
    staged: new Set(),
    // The fourth event is the one with which the record is told.
    emit: () => ((told += 1) < 4 ? Promise.resolve() : taken.promise),
  };
  const progress = await createProgress(run, () => ({ found: 0, reading: 0, prepared: 0 }));
  for (let tick = 0; tick < 4; tick += 1) {
    progress.settled();
    await clock.advance(defaultIngestLimits.progressMs);
  }
  expect(told).toBe(4);
  await progress.stop(false);
  taken.resolve();
  await clock.settle();
  expect(await store.readSetting(indexingSetting('default'))).toMatchObject({ state: 'interrupted' });
  await close();
});
