import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { crash, createLaneBench } from '../../test/support/lane-bench.ts';
import { MillraceError } from '../errors.ts';
import type { AdmittedWork, Work } from '../spec/work.ts';
import { createManualClock } from '../testing/manual-clock.ts';
import { createScheduler } from './scheduler.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });
const one = { concurrency: 1, batchItems: 1 };

describe('starting', () => {
  it('puts what is submitted together into as few calls as the limits allow, in order', async () => {
    const { submit, running, clock } = createLaneBench();
    for (const name of ['a', 'b', 'c', 'd', 'e']) submit(name, { cost: { tokens: 30 } });
    expect(running()).toEqual([]);
    await clock.settle();
    expect(running()).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e'],
    ]);
  });

  it('serves class before class, and first come first served inside a class', async () => {
    const bench = createLaneBench(one);
    bench.submit('running');
    await bench.clock.settle();
    bench.submit('background 1', { class: 'background' });
    bench.submit('batch 1');
    bench.submit('interactive 1', { class: 'interactive' });
    bench.submit('batch 2');
    bench.submit('interactive 2', { class: 'interactive' });
    const order: string[] = [];
    for (let call = 0; call < 6; call += 1) {
      order.push(...(bench.running()[0] ?? []));
      bench.calls.at(-1)?.succeed();
      await bench.clock.settle();
    }
    expect(order).toEqual(['running', 'interactive 1', 'interactive 2', 'batch 1', 'batch 2', 'background 1']);
  });

  it('lets nothing small overtake what is too large for the cells that are left', async () => {
    const bench = createLaneBench({ concurrency: 4, batchItems: 1 });
    bench.submit('first', { cost: { kvTokens: 60 } });
    const large = bench.submit('large', { cost: { kvTokens: 50 } });
    const small = bench.submit('small', { class: 'background', cost: { tokens: 90, kvTokens: 1 } });
    await bench.clock.settle();
    expect(bench.running()).toEqual([['first']]);
    bench.calls[0]?.succeed();
    await bench.clock.settle();
    expect(bench.running()).toEqual([['large'], ['small']]);
    expect([large.outcome(), small.outcome()]).toEqual([undefined, undefined]);
  });

  it('keeps slots and cells for interactive work, which may use them all', async () => {
    const bench = createLaneBench({ concurrency: 3, batchItems: 1, interactiveReserve: { concurrency: 1, kvTokens: 40 } });
    for (const name of ['a', 'b', 'c']) bench.submit(name, { cost: { kvTokens: 20 } });
    await bench.clock.settle();
    expect(bench.running()).toEqual([['a'], ['b']]);
    bench.submit('asked', { class: 'interactive', cost: { kvTokens: 60 } });
    await bench.clock.settle();
    expect(bench.running()).toEqual([['a'], ['b'], ['asked']]);
    bench.calls[0]?.succeed();
    bench.calls[1]?.succeed();
    await bench.clock.settle();
    expect(bench.running()).toEqual([['asked'], ['c']]);
  });

  it('lets an executor submit more work, and cancel its own, while it is called', async () => {
    const controller = new AbortController();
    let first: AdmittedWork<'embed'> | undefined;
    const bench = createLaneBench({ concurrency: 3, batchItems: 1 }, ({ works, names }) => {
      if (names[0] !== 'outer') return;
      first = works[0];
      bench.submit('inner');
      controller.abort();
    });
    const outer = bench.submit('outer', { signal: controller.signal });
    await bench.clock.settle();
    expect(first?.signal.aborted).toBe(true);
    expect(outer.outcome()).toBe('E_CANCELLED');
    expect(bench.running()).toEqual([['outer'], ['inner']]);
  });
});

describe('ending', () => {
  it('gives result and times, and frees the budget', async () => {
    const bench = createLaneBench(one);
    const first = bench.submit('first', { cost: { kvTokens: 10, bytes: 30 } });
    const second = bench.submit('second', { cost: { kvTokens: 20, bytes: 40 } });
    await bench.clock.advance(5);
    expect(bench.snapshot()).toMatchObject({ running: 1, waiting: { batch: 1 }, usedKvTokens: 10, queuedBytes: 70 });
    bench.calls[0]?.succeed();
    await bench.clock.advance(7);
    expect(first.outcome()).toBe('done');
    expect(first.handle.timings()).toEqual({ queuedMs: 0, runMs: 5, attempts: 1 });
    expect(bench.snapshot()).toMatchObject({ running: 1, waiting: { batch: 0 }, usedKvTokens: 20, queuedBytes: 40 });
    bench.calls[1]?.succeed();
    await bench.clock.settle();
    expect(second.handle.timings()).toEqual({ queuedMs: 5, runMs: 7, attempts: 1 });
    expect(bench.snapshot()).toMatchObject({ running: 0, usedKvTokens: 0, queuedBytes: 0 });
    expect(await second.handle.result()).toEqual([Float32Array.of(0)]);
  });

  it('tells each work of a batch its own outcome, and says when the executor forgot one', async () => {
    const bench = createLaneBench();
    const works = ['a', 'b', 'c'].map((name) => bench.submit(name));
    await bench.clock.settle();
    bench.calls[0]?.end([
      { status: 'fulfilled', value: [] },
      { status: 'rejected', reason: new RangeError('too long') },
    ]);
    await bench.clock.settle();
    expect(works.map((work) => work.outcome())).toEqual(['done', 'E_INTERNAL', 'E_INTERNAL']);
    await expect(works[1]?.handle.result()).rejects.toThrow('too long');
    await expect(works[2]?.handle.result()).rejects.toThrow('fewer outcomes');
    expect(bench.snapshot()).toMatchObject({ running: 0, usedKvTokens: 0 });
  });

  it('takes an executor that throws or rejects as the failure of every work of the call', async () => {
    const bench = createLaneBench(one, ({ names }) => {
      if (names[0] === 'throws') throw new TypeError('no engine');
    });
    const throws = bench.submit('throws');
    const rejects = bench.submit('rejects');
    await bench.clock.settle();
    bench.calls[1]?.reject(new MillraceError('E_CONTEXT_EXCEEDED', 'Too long.'));
    await bench.clock.settle();
    expect([throws.outcome(), rejects.outcome()]).toEqual(['E_INTERNAL', 'E_CONTEXT_EXCEEDED']);
    expect(bench.snapshot()).toMatchObject({ running: 0, waiting: { batch: 0 } });
  });

  it('tries again once after a crash, each work by itself and before newer work', async () => {
    const bench = createLaneBench({ concurrency: 1, batchItems: 2 });
    const [good, bad, later] = ['good', 'bad', 'later'].map((name) => bench.submit(name));
    await bench.clock.settle();
    bench.calls[0]?.fail(crash());
    await bench.clock.settle();
    expect(bench.running()).toEqual([['good']]);
    expect(bench.calls[1]?.works[0]?.attempt).toBe(2);
    bench.calls[1]?.succeed();
    await bench.clock.settle();
    expect(bench.running()).toEqual([['bad']]);
    bench.calls[2]?.fail(crash());
    await bench.clock.settle();
    expect(bench.running()).toEqual([['later']]);
    expect([good?.outcome(), bad?.outcome(), later?.outcome()]).toEqual(['done', 'E_ENGINE_CRASHED', undefined]);
    expect(bad?.handle.timings().attempts).toBe(2);
  });

  it.each([
    ['another error', new MillraceError('E_CONTEXT_EXCEEDED', 'Too long.')],
    ['a crash after something had left the library', crash(true)],
  ])('does not try again after %s', async (_name, error) => {
    const bench = createLaneBench();
    const work = bench.submit('work');
    await bench.clock.settle();
    bench.calls[0]?.fail(error);
    await bench.clock.settle();
    expect(work.outcome()).toBe(error.code);
    expect(bench.calls).toHaveLength(1);
  });
});

describe('cancelling', () => {
  it('never shows waiting work to the engine, also when it is aborted before the step', async () => {
    const bench = createLaneBench(one);
    const early = new AbortController();
    const unseen = bench.submit('unseen', { signal: early.signal });
    early.abort();
    bench.submit('running');
    await bench.clock.settle();
    const late = new AbortController();
    const waiting = bench.submit('waiting', { signal: late.signal, cost: { bytes: 10 } });
    await bench.clock.settle();
    late.abort(new MillraceError('E_SHUTTING_DOWN', 'Enough.'));
    await bench.clock.settle();
    expect([unseen.outcome(), waiting.outcome()]).toEqual(['E_CANCELLED', 'E_SHUTTING_DOWN']);
    bench.calls[0]?.succeed();
    await bench.clock.settle();
    expect(bench.calls.map(({ names }) => names)).toEqual([['running']]);
    expect(bench.snapshot()).toMatchObject({ running: 0, queuedBytes: 0, waiting: { batch: 0 } });
  });

  it('tells the caller of running work at once, and keeps its slot and cells until the engine has ended', async () => {
    const bench = createLaneBench(one);
    const controller = new AbortController();
    const work = bench.submit('work', { signal: controller.signal, cost: { kvTokens: 60, bytes: 10 } });
    const next = bench.submit('next', { cost: { kvTokens: 60 } });
    await bench.clock.settle();
    controller.abort();
    await bench.clock.settle();
    expect(work.outcome()).toBe('E_CANCELLED');
    expect(bench.calls[0]?.works[0]?.signal.reason).toEqual(code('E_CANCELLED'));
    expect(bench.running()).toEqual([['work']]);
    expect(bench.snapshot()).toMatchObject({ running: 1, usedKvTokens: 60, queuedBytes: 10 });
    bench.calls[0]?.fail(crash());
    await bench.clock.settle();
    expect(bench.running()).toEqual([['next']]);
    expect(bench.snapshot()).toMatchObject({ running: 1, usedKvTokens: 60, queuedBytes: 0 });
    expect(work.settlements).toHaveLength(1);
    expect(next.outcome()).toBeUndefined();
  });

  it('leaves the other works of a call alone', async () => {
    const bench = createLaneBench();
    const controller = new AbortController();
    const [stopped, other] = [bench.submit('stopped', { signal: controller.signal }), bench.submit('other')];
    await bench.clock.settle();
    controller.abort();
    expect(bench.calls[0]?.works.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    bench.calls[0]?.succeed();
    await bench.clock.settle();
    expect([stopped.outcome(), other.outcome()]).toEqual(['E_CANCELLED', 'done']);
  });

  it('listens to a signal once, however many pieces of work share it, and no longer than they live', async () => {
    const bench = createLaneBench(one);
    const controller = new AbortController();
    const works = Array.from({ length: 50 }, (_, index) => bench.submit(String(index), { signal: controller.signal }));
    await bench.clock.settle();
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    for (const { calls, clock } = bench; works.some((work) => work.outcome() === undefined); await clock.settle()) calls.at(-1)?.succeed();
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    bench.submit('again', { signal: controller.signal });
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
  });

  it('drops what waits and what runs at the deadline, and stops its timer when the work ends before', async () => {
    const bench = createLaneBench(one);
    const deadline = bench.clock.monotonic() + 100;
    const running = bench.submit('running', { deadline });
    const waiting = bench.submit('waiting', { deadline });
    const punctual = bench.submit('punctual', { deadline: deadline + 100 });
    await bench.clock.advance(99);
    expect([running.outcome(), waiting.outcome()]).toEqual([undefined, undefined]);
    await bench.clock.advance(1);
    expect([running.outcome(), waiting.outcome()]).toEqual(['E_DEADLINE_EXCEEDED', 'E_DEADLINE_EXCEEDED']);
    expect(bench.calls[0]?.works[0]?.signal.aborted).toBe(true);
    bench.calls[0]?.succeed();
    await bench.clock.settle();
    expect(bench.running()).toEqual([['punctual']]);
    bench.calls[1]?.succeed();
    await bench.clock.settle();
    expect(punctual.outcome()).toBe('done');
    expect(bench.clock.pendingTimers).toBe(0);
    expect(bench.submit('late', { deadline }).outcome()).toBeUndefined();
    await expect(bench.submit('late', { deadline }).handle.result()).rejects.toThrow(code('E_DEADLINE_EXCEEDED'));
  });

  it('keeps a deadline that is further away than a timer can hold', async () => {
    const bench = createLaneBench(one);
    const work = bench.submit('work', { deadline: bench.clock.monotonic() + 3 * 2 ** 31 });
    await bench.clock.advance(3 * 2 ** 31 - 1);
    expect(work.outcome()).toBeUndefined();
    await bench.clock.advance(1);
    expect(work.outcome()).toBe('E_DEADLINE_EXCEEDED');
    const endless = bench.submit('endless', { deadline: Number.POSITIVE_INFINITY });
    await bench.clock.settle();
    expect([bench.clock.pendingTimers, endless.outcome()]).toEqual([0, undefined]);
  });
});

describe('refusing', () => {
  it.each<[string, Partial<Work<'embed'>>]>([
    ['tokens', { cost: { tokens: 101 } }],
    ['items', { cost: { items: 5 } }],
    ['cells', { cost: { kvTokens: 60, prefixTokens: 41 }, prefixKey: 'p' }],
    ['bytes', { cost: { bytes: 1_001 } }],
  ])('what can never be admitted: %s', async (_name, work) => {
    await expect(createLaneBench().submit('huge', work).handle.result()).rejects.toThrow(code('E_WORK_TOO_LARGE'));
  });

  it('what is no cost, a lane that does not exist, and a signal that is aborted', async () => {
    const { submit, scheduler } = createLaneBench();
    await expect(submit('x', { cost: { tokens: Number.NaN } }).handle.result()).rejects.toThrow(code('E_INPUT_INVALID'));
    await expect(submit('x', { cost: { kvTokens: -1 } }).handle.result()).rejects.toThrow(code('E_INPUT_INVALID'));
    await expect(submit('x', { signal: AbortSignal.abort() }).handle.result()).rejects.toThrow(code('E_CANCELLED'));
    const elsewhere: Work<'rerank'> = { lane: 'rerank', class: 'batch', input: { query: '', passages: [] }, cost: {} };
    await expect(scheduler.submit(elsewhere).result()).rejects.toThrow(code('E_INTERNAL'));
    expect(scheduler.snapshot()[0]).toMatchObject({ waiting: { batch: 0 }, running: 0, queuedBytes: 0 });
  });

  it('what the waiting room cannot take, with the time in which the lane drains', async () => {
    const bench = createLaneBench({ ...one, queuedItems: 2 });
    bench.submit('first');
    await bench.clock.advance(400);
    bench.calls[0]?.succeed();
    bench.submit('running');
    await bench.clock.settle();
    bench.submit('waits 1');
    bench.submit('waits 2');
    const refused = bench.submit('refused');
    await bench.clock.settle();
    expect(refused.settlements).toEqual([expect.objectContaining({ code: 'E_OVERLOADED', retryAfterMs: 3 * 400 })]);
    const urgent = bench.submit('urgent', { class: 'interactive' });
    await bench.clock.settle();
    expect(urgent.settlements).toEqual([expect.objectContaining({ retryAfterMs: 400 })]);
  });

  it('nothing for the bytes of work that has ended, and everything for those of work that runs', async () => {
    const bench = createLaneBench(one);
    bench.submit('running', { cost: { bytes: 600 } });
    await bench.clock.settle();
    await expect(bench.submit('refused', { cost: { bytes: 500 } }).handle.result()).rejects.toThrow(code('E_OVERLOADED'));
    bench.calls[0]?.succeed();
    await bench.clock.settle();
    bench.submit('taken', { cost: { bytes: 500 } });
    await bench.clock.settle();
    expect(bench.running()).toEqual([['taken']]);
  });

  it('nothing that would start at once', async () => {
    const bench = createLaneBench({ concurrency: 4, batchItems: 1, queuedItems: 1 });
    const works = ['a', 'b', 'c', 'd'].map((name) => bench.submit(name));
    await bench.clock.settle();
    expect(bench.running()).toHaveLength(4);
    expect(works.map((work) => work.outcome())).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('lanes that could run nothing, and a second lane of a name', () => {
    const { scheduler } = createLaneBench();
    const execute = (): Promise<[]> => Promise.resolve([]);
    const limits = { concurrency: 2, batchItems: 1, batchTokens: 1, kvTokens: 10, queuedItems: 1, queuedBytes: 1 };
    expect(() => scheduler.addLane({ name: 'embed', limits, execute })).toThrow(code('E_INPUT_INVALID'));
    for (const broken of [
      { concurrency: 0 },
      { batchItems: Number.NaN },
      { queuedItems: 0 },
      { kvTokens: -1 },
      { interactiveReserve: { concurrency: 2, kvTokens: 0 } },
      { interactiveReserve: { concurrency: 0, kvTokens: 11 } },
    ]) {
      expect(() => scheduler.addLane({ name: 'rerank', limits: { ...limits, ...broken }, execute })).toThrow(code('E_INPUT_INVALID'));
    }
    expect(scheduler.hasLane('rerank')).toBe(false);
  });
});

describe('closing', () => {
  it('settles everything at once and resolves when the engine has ended', async () => {
    const bench = createLaneBench(one);
    const works = [
      bench.submit('running', { deadline: bench.clock.monotonic() + 1_000 }),
      bench.submit('waiting', { signal: new AbortController().signal }),
    ];
    await bench.clock.settle();
    const feeder = bench.scheduler.ready('embed', { bytes: 1_000 }, new AbortController().signal);
    let closed = false;
    const closing = bench.scheduler.close().then(() => (closed = true));
    await expect(feeder).rejects.toThrow(code('E_SHUTTING_DOWN'));
    await bench.clock.settle();
    expect(works.map((work) => work.outcome())).toEqual(['E_SHUTTING_DOWN', 'E_SHUTTING_DOWN']);
    expect(bench.calls[0]?.works[0]?.signal.aborted).toBe(true);
    expect(closed).toBe(false);
    expect(bench.clock.pendingTimers).toBe(0);
    bench.calls[0]?.fail(crash());
    await closing;
    await bench.scheduler.close();
    expect(bench.calls).toHaveLength(1);
    await expect(bench.submit('late').handle.result()).rejects.toThrow(code('E_SHUTTING_DOWN'));
    await expect(bench.scheduler.ready('embed', {}, new AbortController().signal)).rejects.toThrow(code('E_SHUTTING_DOWN'));
    expect(() => bench.scheduler.addLane({ name: 'rerank', limits: bench.limits, execute: () => Promise.resolve([]) })).toThrow(
      code('E_SHUTTING_DOWN'),
    );
  });

  it('resolves at once when nothing was ever done', async () => {
    await expect(createScheduler({ clock: createManualClock() }).close()).resolves.toBeUndefined();
  });
});
