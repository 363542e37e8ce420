import { describe, expect, it } from 'vitest';
import { createDeferred } from './util/deferred.ts';
import { createManualClock } from './testing/manual-clock.ts';
import { createSeededRandom } from './util/random.ts';
import { createMemoryStore } from './store/memory/memory-store.ts';
import { sweptStore } from './swept-store.ts';

const clock = createManualClock();

describe('a store that sweeps', () => {
  it('has what a removed document left deleted before the removal is answered', async () => {
    const asked: string[][] = [];
    let known: readonly string[] = [];
    const store = sweptStore(createMemoryStore({ clock, random: createSeededRandom(1) }), {
      async sweep(isOnRecord) {
        const gone: string[] = [];
        for (const document of known) if (!(await isOnRecord(document))) gone.push(document);
        asked.push(gone);
        return gone.length;
      },
    });
    const source = { key: 'a', uri: 'a', metadata: {} };
    const document = {
      bytesSha256: '1'.repeat(64),
      parser: 'text',
      parserVersion: 1,
      parseOptionsHash: '',
      contentType: 'text/plain',
      text: 'one',
      textSha256: '7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed',
      pages: [{ number: 1, start: 0, end: 3 }],
      blocks: [],
      warnings: [],
      chunkerHash: 'c',
      chunks: [],
    };
    const [outcome] = await store.commit([{ type: 'commitDocument', collection: 'c', source, document, at: 1 }]);
    await store.swept();
    known = [outcome!.document!];
    await store.commit([{ type: 'removeSource', collection: 'c', key: 'b', at: 1 }]);
    expect(asked.flat()).toEqual([]);
    await store.commit([{ type: 'removeSource', collection: 'c', key: 'a', at: 2 }]);
    expect(asked.at(-1)).toEqual(known);
  });

  it('sweeps once for all who asked while it was sweeping, and again after a failure', async () => {
    const gates = [createDeferred<number>(), createDeferred<number>(), createDeferred<number>()];
    let sweeps = 0;
    const store = sweptStore(createMemoryStore({ clock, random: createSeededRandom(1) }), { sweep: () => gates[sweeps++]!.promise });
    store.sweepSoon();
    await clock.settle();
    for (let index = 0; index < 3; index++) store.sweepSoon();
    await clock.settle();
    expect(sweeps).toBe(1);
    gates[0]!.reject(new Error('folder is gone'));
    await clock.settle();
    expect(sweeps).toBe(2);
    gates[1]!.resolve(0);
    await store.swept();
    expect(sweeps).toBe(2);
  });
});
