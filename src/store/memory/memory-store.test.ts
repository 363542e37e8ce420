import { describe, it } from 'vitest';
import { describeStoreConformance } from '../../testing/store-conformance.ts';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createSeededRandom } from '../../util/random.ts';
import { createMemoryStore } from './memory-store.ts';

describeStoreConformance({ describe, it }, 'memory store', async () =>
  Promise.resolve(createMemoryStore({ clock: createManualClock(), random: createSeededRandom(1) })),
);
