import { describe, expect, it } from 'vitest';
import { crash, createLaneBench, roomyLimits } from '../../test/support/lane-bench.ts';
import { questionRequest } from '../testing/engine-conformance.ts';
import type { GeneratePart } from '../spec/engine.ts';
import type { AdmittedWork, LaneTypes, Work } from '../spec/work.ts';
import { createManualClock } from '../testing/manual-clock.ts';
import { createDeferred } from '../util/deferred.ts';
import { createScheduler } from './scheduler.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });
const text = (value: string): GeneratePart => ({ type: 'text', text: value });

describe('twins of a prefix', () => {
  const twin = (prefixKey: string, kvTokens = 10): Partial<Work<'embed'>> => ({ prefixKey, cost: { kvTokens, prefixTokens: 50 } });
  const wide = { concurrency: 6, batchItems: 1, kvTokens: 150 };

  it('wait until the first has computed it, let others pass, and share its cells', async () => {
    const bench = createLaneBench(wide);
    bench.submit('leader', twin('contract'));
    bench.submit('twin 1', twin('contract'));
    bench.submit('twin 2', twin('contract'));
    bench.submit('stranger', { cost: { kvTokens: 5 } });
    await bench.clock.settle();
    expect(bench.running()).toEqual([['leader'], ['stranger']]);
    expect(bench.snapshot().usedKvTokens).toBe(65);
    bench.calls[0]?.works[0]?.prefixReady();
    await bench.clock.settle();
    expect(bench.running()).toEqual([['leader'], ['stranger'], ['twin 1'], ['twin 2']]);
    expect(bench.snapshot().usedKvTokens).toBe(85);
    for (const call of bench.calls.slice(0, 3)) call.succeed();
    await bench.clock.settle();
    expect(bench.snapshot().usedKvTokens).toBe(60);
    bench.submit('late twin', twin('contract'));
    await bench.clock.settle();
    expect(bench.running()).toEqual([['twin 2'], ['late twin']]);
    for (const call of bench.calls) if (!call.isEnded()) call.succeed();
    await bench.clock.settle();
    expect(bench.snapshot().usedKvTokens).toBe(0);
  });

  it('are led by the next when the first ends without it', async () => {
    const bench = createLaneBench(wide);
    const leader = bench.submit('leader', twin('contract'));
    bench.submit('twin 1', twin('contract'));
    bench.submit('twin 2', twin('contract'));
    await bench.clock.settle();
    bench.calls[0]?.reject(new RangeError('too long'));
    await bench.clock.settle();
    expect(leader.outcome()).toBe('E_INTERNAL');
    expect(bench.running()).toEqual([['twin 1']]);
    // The one that has ended has nothing more to say.
    bench.calls[0]?.works[0]?.prefixReady();
    await bench.clock.settle();
    expect(bench.running()).toEqual([['twin 1']]);
  });

  it('wait for the engine, not for the caller, when the first is cancelled', async () => {
    const bench = createLaneBench(wide);
    const controller = new AbortController();
    const leader = bench.submit('leader', { ...twin('contract'), signal: controller.signal });
    bench.submit('twin', twin('contract'));
    await bench.clock.settle();
    controller.abort();
    await bench.clock.settle();
    expect(leader.outcome()).toBe('E_CANCELLED');
    expect(bench.running()).toEqual([['leader']]);
    bench.calls[0]?.fail(crash());
    await bench.clock.settle();
    expect(bench.running()).toEqual([['twin']]);
  });

  it('do not keep a question waiting for a run: it computes the prefix for itself, and its own twins wait for it', async () => {
    const bench = createLaneBench({ ...wide, concurrency: 5 });
    bench.submit('run', twin('contract'));
    await bench.clock.settle();
    bench.submit('run too', twin('contract'));
    bench.submit('asked', { ...twin('contract'), class: 'interactive' });
    await bench.clock.settle();
    expect(bench.running()).toEqual([['run'], ['asked']]);
    const { usedKvTokens } = bench.snapshot();
    bench.submit('asked too', { ...twin('contract'), class: 'interactive' });
    await bench.clock.settle();
    expect(bench.running()).toEqual([['run'], ['asked']]);
    // Theirs is there; that of the run is still being computed.
    bench.calls[1]?.works[0]?.prefixReady();
    await bench.clock.settle();
    expect(bench.running()).toEqual([['run'], ['asked'], ['asked too']]);
    expect(bench.snapshot().usedKvTokens).toBe(usedKvTokens + 10);
    for (const call of [1, 2]) bench.calls[call]?.succeed();
    await bench.clock.settle();
    expect(bench.running()).toEqual([['run']]);
    bench.calls[0]?.works[0]?.prefixReady();
    await bench.clock.settle();
    expect(bench.running()).toEqual([['run'], ['run too']]);
    for (const call of [0, 3]) bench.calls[call]?.succeed();
    await bench.clock.settle();
    expect(bench.snapshot().usedKvTokens).toBe(0);
  });

  it('keep the cells of the prefix from others as long as one of them runs', async () => {
    const bench = createLaneBench({ ...wide, interactiveReserve: { concurrency: 1, kvTokens: 40 } });
    bench.submit('asked', { ...twin('contract'), class: 'interactive' });
    await bench.clock.settle();
    bench.submit('bulk', { cost: { kvTokens: 1 } });
    await bench.clock.settle();
    // 89 of 150 cells are free, but 110 is what batch work may hold with the prefix that it shares.
    bench.calls[0]?.works[0]?.prefixReady();
    bench.submit('too much', twin('contract', 60));
    await bench.clock.settle();
    expect(bench.running()).toEqual([['asked'], ['bulk']]);
    bench.submit('asked too', { ...twin('contract', 89), class: 'interactive' });
    await bench.clock.settle();
    expect(bench.running()).toEqual([['asked'], ['bulk'], ['asked too']]);
    expect(bench.snapshot().usedKvTokens).toBe(150);
  });
});

describe('parts of work', () => {
  function createStreams() {
    const clock = createManualClock();
    const scheduler = createScheduler({ clock });
    const calls: { work: AdmittedWork<'generate'>; end(outcome: PromiseSettledResult<LaneTypes['generate']['result']>): void }[] = [];
    scheduler.addLane({
      name: 'generate',
      limits: { ...roomyLimits, batchItems: 1 },
      execute([work]) {
        const ending = createDeferred<PromiseSettledResult<LaneTypes['generate']['result']>[]>();
        if (work !== undefined) calls.push({ work, end: (outcome) => ending.resolve([outcome]) });
        return ending.promise;
      },
    });
    const submit = (deliver?: 'stream' | 'final') =>
      scheduler.submit({
        lane: 'generate',
        class: 'batch',
        input: questionRequest('Why?'),
        cost: {},
        ...(deliver === undefined ? {} : { deliver }),
      });
    return { clock, scheduler, calls, submit };
  }
  const final = (value: string): LaneTypes['generate']['result'] => ({
    type: 'final',
    text: value,
    stopReason: 'end',
    usage: { promptTokens: 1, cachedTokens: 0, restoredTokens: 0, restoreMs: 0, outputTokens: 1, prefillMs: 0, decodeMs: 0 },
    tokens: [1],
  });

  it('reach the reader as they come, and none comes after the end', async () => {
    const { clock, calls, submit } = createStreams();
    const handle = submit('stream');
    const reader = handle[Symbol.asyncIterator]();
    const first = reader.next();
    await clock.settle();
    calls[0]?.work.emit(text('a'));
    expect((await first).value).toEqual(text('a'));
    calls[0]?.work.emit(text('b'));
    calls[0]?.end({ status: 'fulfilled', value: final('ab') });
    await clock.settle();
    calls[0]?.work.emit(text('late'));
    expect((await reader.next()).value).toEqual(text('b'));
    expect((await reader.next()).done).toBe(true);
    expect((await handle.result()).text).toBe('ab');
  });

  it('are not delivered by final work, which may therefore be tried again', async () => {
    const { clock, calls, submit } = createStreams();
    const handle = submit('final');
    await clock.settle();
    calls[0]?.work.emit(text('a'));
    calls[0]?.end({ status: 'rejected', reason: crash() });
    await clock.settle();
    calls[0]?.work.emit(text('of the first attempt'));
    calls[1]?.end({ status: 'fulfilled', value: final('whole') });
    await clock.settle();
    expect(await Array.fromAsync(handle)).toEqual([]);
    expect((await handle.result()).text).toBe('whole');
  });

  it('forbid a second attempt once the first has gone to the reader', async () => {
    const { clock, calls, submit } = createStreams();
    const handle = submit('stream');
    await clock.settle();
    calls[0]?.work.emit(text('a'));
    calls[0]?.end({ status: 'rejected', reason: crash() });
    await clock.settle();
    expect(calls).toHaveLength(1);
    await expect(handle.result()).rejects.toThrow(code('E_ENGINE_CRASHED'));
    await expect(Array.fromAsync(handle)).rejects.toThrow(code('E_ENGINE_CRASHED'));
  });

  it('of the first attempt are ignored while the second runs', async () => {
    const { clock, calls, submit } = createStreams();
    const handle = submit('stream');
    const reader = handle[Symbol.asyncIterator]();
    await clock.settle();
    calls[0]?.end({ status: 'rejected', reason: crash() });
    await clock.settle();
    calls[0]?.work.emit(text('old'));
    calls[1]?.work.emit(text('new'));
    expect((await reader.next()).value).toEqual(text('new'));
  });

  it('end the work when their reader leaves the loop, waiting or running', async () => {
    const { clock, calls, submit, scheduler } = createStreams();
    const running = submit('stream');
    await clock.settle();
    calls[0]?.work.emit(text('a'));
    for await (const _part of running) break;
    expect(calls[0]?.work.signal.aborted).toBe(true);
    await expect(running.result()).rejects.toThrow(code('E_CANCELLED'));
    calls[0]?.end({ status: 'fulfilled', value: final('a') });
    const waiting = submit('stream');
    await waiting[Symbol.asyncIterator]().return?.();
    await clock.settle();
    await expect(waiting.result()).rejects.toThrow(code('E_CANCELLED'));
    expect(calls).toHaveLength(1);
    expect(scheduler.snapshot()[0]).toMatchObject({ running: 0, waiting: { batch: 0 } });
  });
});
