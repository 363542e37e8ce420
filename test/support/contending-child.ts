import { MillraceError } from '../../src/errors.ts';
import { createFakeEmbedder, openFakeMill } from '../../src/testing/index.ts';
import { systemClock } from '../../src/util/clock.ts';

/** Ingests a folder as soon as no other process writes to the directory, compacts its indexes if told, and prints what came of it. */
const [, , directory = '', folder = '', compacts = ''] = process.argv;
let longestRefusalMs = 0;
for (;;) {
  const began = systemClock.monotonic();
  try {
    const embedder = createFakeEmbedder({ clock: systemClock, dimensions: 64 });
    const mill = await openFakeMill({ directory, clock: systemClock, isolation: false, embedders: [embedder] });
    const { indexed, skipped, failed } = await mill.ingest([folder]).result();
    if (compacts !== '') await mill.rebuild();
    process.stdout.write(`${JSON.stringify({ indexed, skipped, failed, longestRefusalMs: Math.round(longestRefusalMs) })}\n`);
    await mill.close();
    break;
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'E_LOCKED') throw error;
    longestRefusalMs = Math.max(longestRefusalMs, systemClock.monotonic() - began);
    await systemClock.sleep(20);
  }
}
