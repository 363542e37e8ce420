import { writeSync } from 'node:fs';
import { openStore } from '../../src/store/open-store.ts';
import { systemClock } from '../../src/util/clock.ts';
import { systemRandom } from '../../src/util/random.ts';
import { createIngestBench } from './ingest-bench.ts';

/** Ingests a folder into a directory with the fake embedder, tells every event on a line, and kills itself at the given one. */
const [, , directory = '', folder = '', lastType = '', lastCount = ''] = process.argv;
let left = Number(lastCount);
const store = await openStore({ directory, mode: 'write', clock: systemClock, random: systemRandom });
const bench = createIngestBench({
  store,
  folder,
  embedder: (fake) => ({ ...fake, limits: { batchTokens: 64, batchItems: 4 } }),
});
for await (const event of bench.start([folder], { batchSize: 3, maxConcurrentFiles: 4 })) {
  writeSync(1, `${JSON.stringify(event)}\n`);
  if (event.type === lastType) left -= 1;
  if (left === 0) process.kill(process.pid, 'SIGKILL');
}
await bench.close();
await store.close();
