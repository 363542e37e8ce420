import { MillraceError } from '../../src/errors.ts';
import { createFakeEmbedder, openFakeMill } from '../../src/testing/index.ts';
import { systemClock } from '../../src/util/clock.ts';

/** Ingests a folder as soon as no other process writes to the directory, and prints the summary. */
const [, , directory = '', folder = ''] = process.argv;
for (;;) {
  try {
    const embedder = createFakeEmbedder({ clock: systemClock, dimensions: 64 });
    const mill = await openFakeMill({ directory, clock: systemClock, isolation: false, embedders: [embedder] });
    process.stdout.write(`${JSON.stringify(await mill.ingest([folder]).result())}\n`);
    await mill.close();
    break;
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'E_LOCKED') throw error;
    await systemClock.sleep(20);
  }
}
