import { describe, expect, it } from 'vitest';
import { createDeferred } from './util/deferred.ts';
import { createManualClock } from './testing/manual-clock.ts';
import { createSeededRandom } from './util/random.ts';
import { createMemoryStore } from './store/memory/memory-store.ts';
import { sweptStore } from './swept-store.ts';

const clock = createManualClock();

describe('a store that sweeps', () => {
  it('has what a removed document left deleted soon after the removal', async () => {
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
    await store.swept();
    expect(asked.at(-1)).toEqual(known);
  });

  it('answers a removal whose sweep fails, and sweeps once for many', async () => {
    const gate = createDeferred<void>();
    let sweeps = 0;
    const store = sweptStore(createMemoryStore({ clock, random: createSeededRandom(1) }), {
      async sweep() {
        sweeps += 1;
        await gate.promise;
        throw new Error('folder is gone');
      },
    });
    const added = Array.from({ length: 20 }, (_, index) => ({ key: `${index}`, uri: `${index}`, size: 1, metadata: {} }));
    await store.acceptSources(
      'c',
      added.map((source) => ({ source, bytes: new Uint8Array(1) })),
    );
    for (const { key } of added) {
      const [outcome] = await store.commit([{ type: 'removeSource', collection: 'c', key, at: 1 }]);
      expect(outcome?.done).toBe(true);
    }
    gate.resolve();
    await store.swept();
    expect(sweeps).toBeLessThanOrEqual(2);
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
