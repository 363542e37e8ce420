import { describe, expect, it } from 'vitest';
import { crash, createLaneBench, type Submitted } from '../../test/support/lane-bench.ts';
import { MillraceError } from '../errors.ts';

const limits = { concurrency: 4, batchItems: 1, queuedItems: 1_000 };
type Bench = ReturnType<typeof createLaneBench>;

/** Ends what runs, until nothing starts any more. */
async function endAll(bench: Bench, end: (call: Bench['calls'][number]) => void): Promise<void> {
  for (;;) {
    await bench.clock.settle();
    const open = bench.calls.filter((call) => !call.isEnded());
    if (open.length === 0) return;
    for (const call of open) end(call);
  }
}

const crashAll = (bench: Bench) => endAll(bench, (call) => call.fail(crash()));
const submitMany = (bench: Bench, count: number): Submitted[] => Array.from({ length: count }, (_, index) => bench.submit(String(index)));
const codesOf = (works: readonly Submitted[]) => new Set(works.map((work) => work.outcome()));

describe('an engine that crashes at every call', () => {
  it('is left alone after ten crashes in a row, tried by one call after a pause, and given all again when that succeeds', async () => {
    const bench = createLaneBench(limits);
    const works = submitMany(bench, 100);
    await crashAll(bench);
    const before = bench.calls.length;
    expect(before).toBeGreaterThanOrEqual(10);
    expect(before).toBeLessThan(20);

    await bench.clock.advance(999);
    expect(bench.running()).toEqual([]);
    await bench.clock.advance(1);
    expect(bench.running()).toHaveLength(1);
    bench.calls.at(-1)?.succeed();
    await endAll(bench, (call) => call.succeed());
    // Four were tried twice before.
    expect(works.filter((work) => work.outcome() === 'E_ENGINE_CRASHED')).toHaveLength(4);
    expect(works.filter((work) => work.outcome() === 'done')).toHaveLength(96);
  });

  it('lets nobody who waits in person come into the pause, and all others wait for its end', async () => {
    const bench = createLaneBench(limits);
    submitMany(bench, 100);
    await crashAll(bench);
    await bench.clock.advance(400);
    await expect(bench.submit('person', { class: 'interactive' }).handle.result()).rejects.toMatchObject({
      code: 'E_ENGINE_UNAVAILABLE',
      retryAfterMs: 600,
    });
    const admitted = bench.scheduler.admit({ class: 'interactive', costs: { embed: {} } });
    await expect(admitted).rejects.toMatchObject({ code: 'E_ENGINE_UNAVAILABLE' });
    expect(bench.submit('run').outcome()).toBeUndefined();
    await bench.clock.advance(600);
    expect(bench.submit('later', { class: 'interactive' }).outcome()).toBeUndefined();
  });

  it('is given up after three trials with growing pauses: what waits and who feeds it is told, and the first success opens it again', async () => {
    const bench = createLaneBench(limits);
    const works = submitMany(bench, 100);
    await crashAll(bench);
    // Three quarters of the room are taken, so that this feeder waits.
    submitMany(bench, 700);
    const feeder = bench.scheduler.ready('embed', {}, new AbortController().signal);
    feeder.catch(() => undefined);
    for (const pauseMs of [1_000, 2_000, 4_000]) {
      expect(codesOf(works)).toContain(undefined);
      const calls = bench.calls.length;
      await bench.clock.advance(pauseMs);
      expect(bench.calls).toHaveLength(calls + 1);
      await crashAll(bench);
    }
    await expect(feeder).rejects.toMatchObject({ code: 'E_ENGINE_UNAVAILABLE', retryAfterMs: 8_000 });
    expect(codesOf(works)).toContain('E_ENGINE_UNAVAILABLE');
    expect(bench.snapshot().waiting.batch).toBeLessThanOrEqual(1);
    await expect(bench.scheduler.ready('embed', {}, new AbortController().signal)).rejects.toMatchObject({ code: 'E_ENGINE_UNAVAILABLE' });

    await bench.clock.advance(8_000);
    const later = submitMany(bench, 20);
    await endAll(bench, (call) => call.succeed());
    expect(codesOf(later)).toEqual(new Set(['done']));
  });

  it('is judged by calls that were completed or crashed, not by those that were cancelled or refused their input', async () => {
    const bench = createLaneBench(limits);
    const works = submitMany(bench, 60);
    await endAll(bench, (call) => call.fail(new MillraceError('E_INPUT_INVALID', 'Not this.')));
    expect(codesOf(works)).toEqual(new Set(['E_INPUT_INVALID']));

    const others = submitMany(bench, 100);
    await crashAll(bench);
    await bench.clock.advance(1_000);
    bench.calls.at(-1)?.fail(new MillraceError('E_CANCELLED', 'Its caller left.'));
    await bench.clock.settle();
    // The next one tries.
    expect(bench.running()).toHaveLength(1);
    await endAll(bench, (call) => call.succeed());
    expect(codesOf(others)).toContain('done');
  });

  it('is not blamed for what each call does by itself', async () => {
    const bench = createLaneBench(limits, undefined, { sharesFate: false });
    const works = submitMany(bench, 100);
    await crashAll(bench);
    expect(codesOf(works)).toEqual(new Set(['E_ENGINE_CRASHED']));
  });

  it('leaves no timer when everything closes during a pause', async () => {
    const bench = createLaneBench(limits);
    submitMany(bench, 100);
    await crashAll(bench);
    expect(bench.clock.pendingTimers).toBe(1);
    await bench.scheduler.close();
    expect(bench.clock.pendingTimers).toBe(0);
  });
});

it('500 clients that come again after half a minute of crashes cost the engine hardly more calls than it crashed', async () => {
  const bench = createLaneBench({ ...limits, concurrency: 8 }, (call) => void bench.clock.after(50, () => call.fail(crash())));
  let asked = 0;
  async function client(): Promise<void> {
    while (bench.clock.monotonic() < 30_000) {
      asked += 1;
      const work = bench.submit('question', { class: 'interactive', deadline: bench.clock.monotonic() + 5_000 });
      const error = await work.handle.result().then(
        () => undefined,
        (reason: unknown) => reason as MillraceError,
      );
      expect(['E_ENGINE_CRASHED', 'E_ENGINE_UNAVAILABLE', 'E_DEADLINE_EXCEEDED', 'E_OVERLOADED']).toContain(error?.code);
      await bench.clock.sleep(Math.max(3_000, error?.retryAfterMs ?? 0));
    }
  }
  const all = Promise.all(Array.from({ length: 500 }, client));
  await bench.clock.advance(60_000);
  await all;
  expect(asked).toBeGreaterThan(1_000);
  expect(bench.calls.length).toBeLessThan(40);
});
