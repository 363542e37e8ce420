import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createLaneBench } from '../../test/support/lane-bench.ts';
import type { LaneLimits, Work } from '../spec/work.ts';
import { createManualClock } from '../testing/manual-clock.ts';
import { policy } from './policy.ts';
import { createScheduler } from './scheduler.ts';

/** A lane whose calls take `serviceMs`, and in which work like `flood` waits at any time. */
function createFloodedLane(limits: Partial<LaneLimits>, serviceMs: number, flood: (now: number) => Partial<Work<'embed'>>) {
  const started = new Map<string, number>();
  let stopped = false;
  const bench = createLaneBench({ batchItems: 1, queuedItems: 1_000, ...limits }, (call) => {
    for (const name of call.names) started.set(name, clock.monotonic());
    clock.after(serviceMs, call.succeed);
  });
  const { clock } = bench;
  function refill(): void {
    if (stopped) return;
    const { waiting } = bench.snapshot();
    for (let missing = 20 - waiting.interactive - waiting.batch; missing > 0; missing -= 1) bench.submit('flood', flood(clock.monotonic()));
    clock.after(serviceMs / 4, refill);
  }
  refill();
  return {
    ...bench,
    /** How long the work waits until it starts. */
    async waitOf(work: Partial<Work<'embed'>>): Promise<number> {
      const submittedAt = clock.monotonic();
      bench.submit('watched', work);
      while (!started.has('watched')) await clock.advance(serviceMs / 2);
      stopped = true;
      return (started.get('watched') ?? 0) - submittedAt;
    },
  };
}

const lane = fc.record({ concurrency: fc.integer({ min: 1, max: 4 }), serviceMs: fc.integer({ min: 100, max: 400 }) });

it('no class starves: a flood of a stronger one keeps it waiting for its gap and one call', async () => {
  await fc.assert(
    fc.asyncProperty(
      lane,
      fc.constantFrom('batch' as const, 'background' as const),
      fc.integer({ min: 0, max: 3_000 }),
      async (size, workClass, warmMs) => {
        const bench = createFloodedLane({ concurrency: size.concurrency }, size.serviceMs, () => ({ class: 'interactive' }));
        await bench.clock.advance(warmMs);
        expect(await bench.waitOf({ class: workClass })).toBeLessThanOrEqual(policy[workClass].gapMs + size.serviceMs + 1);
      },
    ),
    { numRuns: 10 },
  );
});

it('no large work starves: cells come free for it, beside a flood of small work', async () => {
  await fc.assert(
    fc.asyncProperty(lane, fc.constantFrom(80, 100), async ({ concurrency, serviceMs }, kvTokens) => {
      const reserve = { concurrency: Math.min(1, concurrency), kvTokens: 20 };
      const limits = { concurrency: concurrency + 1, kvTokens: 100, interactiveReserve: reserve };
      const bench = createFloodedLane(limits, serviceMs, () => ({ class: 'interactive', cost: { kvTokens: 15 } }));
      await bench.clock.advance(1_000);
      expect(await bench.waitOf({ class: 'batch', cost: { kvTokens } })).toBeLessThanOrEqual(policy.batch.gapMs + 2 * serviceMs + 1);
    }),
    { numRuns: 10 },
  );
});

it('no tenant starves: a flood of another keeps it waiting for about one call', async () => {
  await fc.assert(
    fc.asyncProperty(lane, fc.integer({ min: 1, max: 20 }), async ({ concurrency, serviceMs }, tokens) => {
      const bench = createFloodedLane({ concurrency }, serviceMs, () => ({ tenant: 'flood', cost: { tokens } }));
      await bench.clock.advance(1_000);
      expect(await bench.waitOf({ tenant: 'small', cost: { tokens: 100 } })).toBeLessThanOrEqual(2 * serviceMs + 1);
    }),
    { numRuns: 10 },
  );
});

it('no work without a deadline starves: a stream of deadlines passes it until its patience ends', async () => {
  await fc.assert(
    fc.asyncProperty(lane, async ({ concurrency, serviceMs }) => {
      const bench = createFloodedLane({ concurrency }, serviceMs, (now) => ({ class: 'interactive', deadline: now + 20_000 }));
      await bench.clock.advance(1_000);
      // Deadlines lie 20 s ahead: what comes 10 s after it is due at the same time.
      const waitMs = await bench.waitOf({ class: 'interactive' });
      expect(waitMs).toBeLessThanOrEqual(policy.interactive.patienceMs + serviceMs);
      expect(waitMs).toBeGreaterThan(5_000);
    }),
    { numRuns: 10 },
  );
});

it('nothing is left of 100,000 pieces of work under one signal: no listener, no timer, no place', { timeout: 120_000 }, async () => {
  const clock = createManualClock();
  const scheduler = createScheduler({ clock });
  const limits = { concurrency: 8, batchItems: 4, batchTokens: 100, kvTokens: 0, queuedItems: 200, queuedBytes: 100_000 };
  scheduler.addLane({
    name: 'embed',
    limits,
    execute: (batch) => Promise.resolve(batch.map(() => ({ status: 'fulfilled', value: [] }))),
  });
  const { signal } = new AbortController();
  let [done, mostListeners] = [0, 0];
  for (let index = 0; index < 100_000; index += 1) {
    await scheduler.ready('embed', { bytes: 10 }, signal);
    const input = { texts: ['x'], kind: 'passage' } as const;
    const deadline = index % 10 === 0 ? { deadline: clock.monotonic() + 60_000 } : {};
    const work = scheduler.submit({ lane: 'embed', class: 'batch', input, cost: { bytes: 10 }, signal, ...deadline, deliver: 'final' });
    void work.result().then(() => (done += 1));
    if (index % 1_000 === 0) mostListeners = Math.max(mostListeners, getEventListeners(signal, 'abort').length);
  }
  await clock.settle();
  expect(done).toBe(100_000);
  expect(mostListeners).toBeLessThanOrEqual(1);
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  expect(clock.pendingTimers).toBe(0);
  expect(scheduler.snapshot()[0]).toMatchObject({ waiting: { batch: 0 }, running: 0, queuedBytes: 0, usedKvTokens: 0 });
});
