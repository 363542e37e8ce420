import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { createBoundedQueue } from './bounded-queue.ts';

async function settled(promise: Promise<unknown>): Promise<boolean> {
  let is = false;
  const settle = (): void => {
    is = true;
  };
  promise.then(settle, settle);
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  return is;
}

describe('createBoundedQueue', () => {
  it('hands over in order and ends', async () => {
    const queue = createBoundedQueue<number>({ maxItems: 10, maxBytes: 100 });
    await queue.push(1);
    await queue.push(2);
    queue.end();
    const got: number[] = [];
    for await (const item of queue) got.push(item);
    expect(got).toEqual([1, 2]);
  });

  it('makes the producer wait at the limit of items and of bytes', async () => {
    for (const limits of [
      { maxItems: 1, maxBytes: 1_000 },
      { maxItems: 10, maxBytes: 10 },
    ]) {
      const queue = createBoundedQueue<number>(limits);
      await queue.push(1, { bytes: 10 });
      const second = queue.push(2, { bytes: 10 });
      expect(await settled(second)).toBe(false);
      const iterator = queue[Symbol.asyncIterator]();
      expect((await iterator.next()).value).toBe(1);
      await second;
      expect(queue.size).toBe(1);
    }
  });

  it('admits one item that is larger than the limit into an empty queue', async () => {
    const queue = createBoundedQueue<string>({ maxItems: 2, maxBytes: 1 });
    await queue.push('large', { bytes: 1_000 });
    expect(queue.bytes).toBe(1_000);
  });

  it('gives the consumer what was pushed before a failure, then the failure', async () => {
    const queue = createBoundedQueue<number>({ maxItems: 2, maxBytes: 10 });
    await queue.push(1);
    queue.end(new Error('broken'));
    const iterator = queue[Symbol.asyncIterator]();
    expect((await iterator.next()).value).toBe(1);
    await expect(iterator.next()).rejects.toThrow('broken');
  });

  it('releases a waiting producer when the consumer leaves or its signal aborts', async () => {
    const queue = createBoundedQueue<number>({ maxItems: 1, maxBytes: 10 });
    const controller = new AbortController();
    await queue.push(1);
    const aborted = queue.push(2, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    // The item that the consumer takes makes room for the first of them.
    const admitted = queue.push(3);
    const waiting = queue.push(4);
    for await (const _ of queue) break;
    await admitted;
    await expect(waiting).rejects.toThrow('closed');
  });

  it('keeps the order of arrival: who comes while others wait waits behind them', async () => {
    const queue = createBoundedQueue<string>({ maxItems: 1, maxBytes: 10 });
    await queue.push('first');
    const large = queue.push('large', { bytes: 20 });
    const small = queue.push('small');
    const iterator = queue[Symbol.asyncIterator]();
    expect((await iterator.next()).value).toBe('first');
    // There is room since the turn before; the ones that wait have it.
    const late = queue.push('late');
    await large;
    expect(await settled(small)).toBe(false);
    expect((await iterator.next()).value).toBe('large');
    expect((await iterator.next()).value).toBe('small');
    expect((await iterator.next()).value).toBe('late');
    await Promise.all([small, late]);
  });

  it('lets nothing small overtake something large that waits, and gives the bytes of what was taken back', async () => {
    const queue = createBoundedQueue<string>({ maxItems: 10, maxBytes: 10 });
    await queue.push('first', { bytes: 6 });
    const large = queue.push('large', { bytes: 5 });
    const small = queue.push('small', { bytes: 1 });
    expect(await settled(small)).toBe(false);
    const iterator = queue[Symbol.asyncIterator]();
    const taken = [(await iterator.next()).value];
    await Promise.all([large, small, queue.push('last', { bytes: 4 })]);
    expect([queue.size, queue.bytes]).toEqual([3, 10]);
    for (let item = 0; item < 3; item += 1) taken.push((await iterator.next()).value);
    expect(taken).toEqual(['first', 'large', 'small', 'last']);
    expect(queue.bytes).toBe(0);
  });

  it('lets those behind one who stopped waiting in', async () => {
    const queue = createBoundedQueue<string>({ maxItems: 10, maxBytes: 10 });
    await queue.push('first', { bytes: 5 });
    const controller = new AbortController();
    const large = queue.push('large', { bytes: 9, signal: controller.signal });
    const small = queue.push('small', { bytes: 5 });
    controller.abort(new Error('stop'));
    await expect(large).rejects.toThrow('stop');
    await small;
    expect(queue.bytes).toBe(10);
  });

  it('refuses those who wait when it is closed', async () => {
    const queue = createBoundedQueue<string>({ maxItems: 1, maxBytes: 10 });
    await queue.push('first');
    const waiting = queue.push('second');
    queue.end();
    await expect(waiting).rejects.toThrow('closed');
    expect(await Array.fromAsync(queue)).toEqual(['first']);
  });

  it('keeps its bounds and the order of those who did not give up, whatever happens', async () => {
    const actions = fc.array(
      fc.record({
        do: fc.constantFrom('push', 'push', 'push', 'take', 'abort', 'end'),
        bytes: fc.integer({ min: 0, max: 12 }),
        whom: fc.nat(),
      }),
      { minLength: 10, maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(actions, async (steps) => {
        const queue = createBoundedQueue<number>({ maxItems: 3, maxBytes: 10 });
        const iterator = queue[Symbol.asyncIterator]();
        const pushed: { controller: AbortController; outcome: 'accepted' | 'refused' | undefined }[] = [];
        const taken: number[] = [];
        const take = (): void => void iterator.next().then(({ value, done }) => done !== true && taken.push(value));
        for (const step of steps) {
          if (step.do === 'push') {
            const one: (typeof pushed)[number] = { controller: new AbortController(), outcome: undefined };
            const number = pushed.push(one) - 1;
            queue.push(number, { bytes: step.bytes, signal: one.controller.signal }).then(
              () => (one.outcome = 'accepted'),
              () => (one.outcome = 'refused'),
            );
          } else if (step.do === 'take') take();
          else if (step.do === 'abort') pushed[step.whom % Math.max(1, pushed.length)]?.controller.abort(new Error('stop'));
          else if (step.whom % 8 === 5) queue.end();
          await settled(new Promise(() => undefined));
          expect(queue.size).toBeLessThanOrEqual(3);
          if (queue.size > 1) expect(queue.bytes).toBeLessThanOrEqual(10);
        }
        queue.end();
        while ((await iterator.next().then(({ value, done }) => done !== true && taken.push(value))) !== false);
        expect(queue.bytes).toBe(0);
        expect(pushed.filter(({ outcome }) => outcome === undefined)).toEqual([]);
        expect(taken).toEqual(pushed.flatMap(({ outcome }, number) => (outcome === 'accepted' ? [number] : [])));
      }),
      { numRuns: 200 },
    );
  });
});
