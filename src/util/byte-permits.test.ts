import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBytePermits } from './byte-permits.ts';

const never = new AbortController().signal;

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let is = false;
  const settle = (): void => {
    is = true;
  };
  promise.then(settle, settle);
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  return is;
}

describe('createBytePermits', () => {
  it('lets in what fits, in order: a large one is not overtaken', async () => {
    const permits = createBytePermits(10);
    const giveBack = await permits.take(6, never);
    const large = permits.take(8, never);
    const small = permits.take(1, never);
    expect(await isSettled(large)).toBe(false);
    expect(await isSettled(small)).toBe(false);
    giveBack();
    giveBack();
    expect(await isSettled(small)).toBe(true);
    expect(permits.held).toBe(9);
    await large;
  });

  it('lets one in alone that is larger than the limit', async () => {
    const permits = createBytePermits(10);
    const giveBack = await permits.take(50, never);
    const next = permits.take(1, never);
    expect(await isSettled(next)).toBe(false);
    giveBack();
    await next;
  });

  it('forgets who stopped waiting, and lets in the next', async () => {
    const permits = createBytePermits(10);
    await permits.take(6, never);
    const controller = new AbortController();
    const large = permits.take(8, controller.signal);
    const small = permits.take(4, never);
    controller.abort(new Error('stop'));
    await expect(large).rejects.toThrow('stop');
    await small;
    expect(permits.held).toBe(10);
    await expect(permits.take(1, controller.signal)).rejects.toThrow('stop');
  });

  it('never holds more than the limit, except one alone, and gives everybody a turn', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 40 }), async (sizes) => {
        const permits = createBytePermits(20);
        let holders = 0;
        let most = 0;
        await Promise.all(
          sizes.map(async (size) => {
            const giveBack = await permits.take(size, never);
            holders += 1;
            if (permits.held > 20 && size > 0) expect(size).toBeGreaterThan(20);
            most = Math.max(most, permits.held);
            await Promise.resolve();
            holders -= 1;
            giveBack();
          }),
        );
        expect(holders).toBe(0);
        expect(permits.held).toBe(0);
        expect(most).toBeLessThanOrEqual(Math.max(20, ...sizes));
      }),
    );
  });
});
