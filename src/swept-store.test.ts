import { describe, expect, it } from 'vitest';
import { createDeferred } from './util/deferred.ts';
import { createManualClock } from './testing/manual-clock.ts';
import { createSeededRandom } from './util/random.ts';
import { commitLines } from './testing/store-conformance.ts';
import { createMemoryStore } from './store/memory/memory-store.ts';
import { sweptStore } from './swept-store.ts';

const clock = createManualClock();

describe('a store that sweeps', () => {
  it('has what a replaced document left deleted soon after', async () => {
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
    const [outcome] = await store.commit([commitLines('a', 'one')]);
    await store.swept();
    // One that comes new leaves nothing behind.
    expect(asked).toEqual([]);
    known = [outcome!.document!];
    await store.commit([{ type: 'removeSource', collection: 'main', key: 'b', at: 1 }]);
    expect(asked).toEqual([]);
    await store.commit([commitLines('a', 'two')]);
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
    const keys = Array.from({ length: 20 }, (_, index) => `${index}`);
    await store.commit(keys.map((key) => commitLines(key, `text ${key}`)));
    for (const key of keys) {
      const [outcome] = await store.commit([{ type: 'removeSource', collection: 'main', key, at: 1 }]);
      expect(outcome?.done).toBe(true);
    }
    gate.resolve();
    await store.swept();
    expect([1, 2]).toContain(sweeps);
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
