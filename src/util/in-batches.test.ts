import { describe, expect, it } from 'vitest';
import { createManualClock } from '../testing/manual-clock.ts';
import { createBoundedQueue } from './bounded-queue.ts';
import { inBatches } from './in-batches.ts';

function setup(limits: { readonly maxItems?: number; readonly maxBytes?: number } = {}) {
  const clock = createManualClock();
  const queue = createBoundedQueue<number>({ maxItems: 1_000, maxBytes: Number.POSITIVE_INFINITY });
  const options = { maxItems: 3, maxBytes: 100, ...limits, bytesOf: (item: number) => item, quietMs: 5, clock };
  return { clock, queue, batches: inBatches(queue, options) };
}

describe('inBatches', () => {
  it('gives full batches without waiting, and what is left at the end', async () => {
    const { queue, batches, clock } = setup();
    for (const item of [1, 2, 3, 4, 5, 6, 7]) await queue.push(item);
    queue.end();
    expect(await Array.fromAsync(batches)).toEqual([[1, 2, 3], [4, 5, 6], [7]]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('gives a small batch when nothing arrives for the quiet time, counted from the last arrival', async () => {
    const { queue, batches, clock } = setup();
    await queue.push(1);
    const first = batches.next();
    await clock.advance(4);
    await queue.push(2);
    await clock.advance(4);
    expect(await Promise.race([first, Promise.resolve('waiting')])).toBe('waiting');
    await clock.advance(1);
    expect((await first).value).toEqual([1, 2]);
    const second = batches.next();
    await queue.push(3);
    queue.end();
    expect((await second).value).toEqual([3]);
    expect((await batches.next()).done).toBe(true);
  });

  it('closes a batch that holds enough bytes', async () => {
    const { queue, batches } = setup({ maxItems: 100, maxBytes: 10 });
    for (const item of [4, 4, 4, 50, 1, 9, 3]) await queue.push(item);
    queue.end();
    expect(await Array.fromAsync(batches)).toEqual([[4, 4, 4], [50], [1, 9], [3]]);
  });

  it('fails with its source, after the batch before', async () => {
    const { queue, batches } = setup();
    for (const item of [1, 2, 3, 4]) await queue.push(item);
    queue.end(new Error('broken'));
    expect((await batches.next()).value).toEqual([1, 2, 3]);
    await expect(batches.next()).rejects.toThrow('broken');
  });

  it('does not wait for a silent source when its consumer leaves', async () => {
    const { queue, batches } = setup({ maxItems: 1 });
    await queue.push(1);
    expect((await batches.next()).value).toEqual([1]);
    await expect(batches.return(undefined)).resolves.toMatchObject({ done: true });
  });
});
