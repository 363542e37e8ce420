import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createOrder } from './order.ts';

const never = new AbortController().signal;

it('tells each place once and in order, in whatever order they come, and holds no more than its window', async () => {
  const histories = fc
    .record({
      count: fc.integer({ min: 1, max: 40 }),
      window: fc.integer({ min: 1, max: 12 }),
      slow: fc.array(fc.boolean(), { maxLength: 40 }),
    })
    .chain((shape) =>
      fc.record({
        shape: fc.constant(shape),
        arrival: fc.shuffledSubarray(
          Array.from({ length: shape.count }, (_, place) => place),
          { minLength: shape.count, maxLength: shape.count },
        ),
      }),
    );
  await fc.assert(
    fc.asyncProperty(histories, async ({ shape: { count, window, slow }, arrival }) => {
      const order = createOrder(window, never);
      const told: number[] = [];
      let free = 0;
      const calls = arrival.map((place) => {
        const call = order.tell(place, async () => {
          if (slow[place] === true) await Promise.resolve();
          told.push(place);
        });
        return call.then(() => void (free += 1));
      });
      await Promise.all(calls);
      expect(told).toEqual(Array.from({ length: count }, (_, place) => place));
      expect(free).toBe(count);
    }),
  );
});

it('lets nobody go on whose place fills the window, until the one that is missing has come', async () => {
  const order = createOrder(2, never);
  const told: number[] = [];
  const gone: number[] = [];
  const tell = (place: number): Promise<void> =>
    order.tell(place, () => Promise.resolve(void told.push(place))).then(() => void gone.push(place));
  await tell(1);
  const calls = [tell(2)];
  await new Promise((turn) => setImmediate(turn));
  expect([told, gone]).toEqual([[], [1]]);
  calls.push(tell(0));
  await Promise.all(calls);
  expect(told).toEqual([0, 1, 2]);
  expect(gone).toHaveLength(3);
});

it('lets those who wait go with the reason of the run that stopped', async () => {
  const stop = new AbortController();
  const order = createOrder(1, stop.signal);
  const waiting = order.tell(1, () => Promise.resolve());
  stop.abort(new Error('The run has stopped.'));
  await expect(waiting).rejects.toThrow('The run has stopped.');
});
