import { describe, expect, it } from 'vitest';
import { crash, createLaneBench, roomyLimits } from '../../test/support/lane-bench.ts';
import { createManualClock } from '../testing/manual-clock.ts';
import { createFeeders } from './feeders.ts';
import { createLoad } from './load.ts';
import { createRoom, type Room, type Standing } from './room.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });
const never = new AbortController().signal;
const part = { class: 'batch', tenant: undefined, size: 1 } as const;

function setup(queuedItems = 8, load: Standing = { items: 0, bytes: 0 }) {
  const clock = createManualClock();
  const current = { ...load };
  const createHall = (): Room => createRoom({ ...roomyLimits, queuedItems, queuedBytes: 1_000 }, clock, createLoad(), () => current);
  const [room, other] = [createHall(), createHall()];
  const feeders = createFeeders();
  const admitted: string[] = [];
  const refused: string[] = [];
  const wait = (name: string, bytes = 0, rooms: readonly Room[] = [room]): (() => void) =>
    feeders.wait({
      needs: rooms.map((one) => ({ room: one, bytes })),
      onReady() {
        admitted.push(name);
        for (const one of rooms) one.keepPlace(part, bytes, { forMs: 1_000, onExpiry: feeders.admit });
      },
      onRefused: (error) => refused.push(`${name} ${error.code}`),
    });
  return { clock, feeders, room, other, current, admitted, refused, wait };
}

describe('feeders', () => {
  it('fill the waiting room to three quarters, first come first served', () => {
    const { feeders, room, current, admitted, wait } = setup(8);
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) wait(name);
    expect(admitted).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect(room.items()).toBe(6);
    for (let submitted = 0; submitted < 6; submitted += 1) room.usePlace(0);
    current.items = 5;
    feeders.admit();
    expect(admitted.at(-1)).toBe('g');
  });

  it('are held back by bytes in order of arrival, and large work is let in alone', () => {
    const { feeders, room, current, admitted, wait } = setup(8, { items: 1, bytes: 10 });
    wait('large', 900);
    wait('small', 1);
    expect(admitted).toEqual([]);
    current.bytes = 0;
    current.items = 0;
    feeders.admit();
    expect(admitted).toEqual(['large']);
    room.usePlace(900);
    current.bytes = 900;
    feeders.admit();
    expect(admitted).toEqual(['large']);
    current.bytes = 0;
    feeders.admit();
    expect(admitted).toEqual(['large', 'small']);
  });

  it('let those behind one that gives up in', () => {
    const { admitted, wait } = setup(8, { items: 1, bytes: 700 });
    const giveUp = wait('large', 900);
    wait('small', 10);
    giveUp();
    giveUp();
    expect(admitted).toEqual(['small']);
  });

  it('get all the rooms they want or none, and keep younger ones out of those', () => {
    const { feeders, room, other, admitted, wait } = setup(1);
    const place = other.keepPlace(part, 0);
    wait('both', 0, [room, other]);
    wait('one', 0, [room]);
    expect(admitted).toEqual([]);
    place.leave();
    feeders.admit();
    expect(admitted).toEqual(['both']);
    room.clear();
    feeders.admit();
    expect(admitted).toEqual(['both', 'one']);
  });

  it('lose the place they do not use within a second', async () => {
    const { clock, room, admitted, wait } = setup(1);
    wait('asleep', 300);
    wait('next', 300);
    await clock.advance(999);
    expect(admitted).toEqual(['asleep']);
    await clock.advance(1);
    expect(admitted).toEqual(['asleep', 'next']);
    expect([room.items(), room.bytes()]).toEqual([1, 300]);
    room.usePlace(300);
    expect(clock.pendingTimers).toBe(0);
  });

  it('are refused together', () => {
    const { feeders, admitted, refused, wait } = setup(2);
    for (const name of ['a', 'b', 'c']) wait(name);
    feeders.refuseAll(crash());
    feeders.refuseAll(crash());
    expect(admitted).toEqual(['a']);
    expect(refused).toEqual(['b E_ENGINE_CRASHED', 'c E_ENGINE_CRASHED']);
  });
});

describe('waiting for room in a lane', () => {
  it('keeps a feeder waiting until there is room, and holds its place against those that did not ask', async () => {
    const bench = createLaneBench({ concurrency: 1, batchItems: 1, queuedItems: 4 });
    for (const name of ['running', 'w1', 'w2', 'w3']) bench.submit(name);
    await bench.clock.settle();
    let isReady = false;
    const ready = bench.scheduler.ready('embed', {}, never).then(() => (isReady = true));
    await bench.clock.settle();
    expect(isReady).toBe(false);
    bench.calls[0]?.succeed();
    await ready;
    // Two wait, one is promised a place: one more fits.
    expect(bench.submit('asked 1', { class: 'interactive' }).outcome()).toBeUndefined();
    await expect(bench.submit('asked 2', { class: 'interactive' }).handle.result()).rejects.toThrow(code('E_OVERLOADED'));
    const fed = bench.submit('fed');
    await bench.clock.settle();
    expect(fed.outcome()).toBeUndefined();
  });

  it('counts the bytes that were promised', async () => {
    const bench = createLaneBench({ concurrency: 1, batchItems: 1 });
    await bench.scheduler.ready('embed', { bytes: 700 }, never);
    await expect(bench.submit('asked', { class: 'interactive', cost: { bytes: 400 } }).handle.result()).rejects.toThrow(
      code('E_OVERLOADED'),
    );
    bench.submit('fed', { cost: { bytes: 700 } });
    bench.submit('asked', { class: 'interactive', cost: { bytes: 300 } });
    await bench.clock.settle();
    expect(bench.snapshot().queuedBytes).toBe(1_000);
  });

  it('ends with the signal, and refuses what can never be admitted', async () => {
    const bench = createLaneBench({ concurrency: 1, batchItems: 1, queuedItems: 1 });
    bench.submit('running');
    await bench.clock.settle();
    bench.submit('waiting');
    await bench.clock.settle();
    const controller = new AbortController();
    const stopped = bench.scheduler.ready('embed', {}, controller.signal);
    const behind = bench.scheduler.ready('embed', {}, never);
    controller.abort();
    await expect(stopped).rejects.toThrow(code('E_CANCELLED'));
    bench.calls[0]?.succeed();
    await behind;
    await expect(bench.scheduler.ready('embed', {}, controller.signal)).rejects.toThrow(code('E_CANCELLED'));
    await expect(bench.scheduler.ready('embed', { tokens: 101 }, never)).rejects.toThrow(code('E_WORK_TOO_LARGE'));
    await expect(bench.scheduler.ready('rerank', {}, never)).rejects.toThrow(code('E_INTERNAL'));
  });
});
