import { describe, expect, it } from 'vitest';
import { createDeferred } from './deferred.ts';
import { runTogether } from './run-together.ts';

const never = new AbortController().signal;

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }));
}

describe('runTogether', () => {
  it('ends when all have ended', async () => {
    const ended: number[] = [];
    await runTogether(
      never,
      [1, 2, 3].map((number) => async () => {
        await Promise.resolve();
        ended.push(number);
      }),
    );
    expect(ended).toEqual([1, 2, 3]);
  });

  it('aborts the others at the first failure, waits for them, and fails with it', async () => {
    const slow = createDeferred<void>();
    let ended = false;
    const running = runTogether(never, [
      () => Promise.reject(new Error('first')),
      (signal) => untilAborted(signal),
      async (signal) => {
        await slow.promise;
        ended = true;
        signal.throwIfAborted();
      },
    ]);
    slow.resolve();
    await expect(running).rejects.toThrow('first');
    expect(ended).toBe(true);
  });

  it('passes an abort on, before and during the work', async () => {
    const controller = new AbortController();
    const running = runTogether(controller.signal, [untilAborted, untilAborted]);
    controller.abort(new Error('stop'));
    await expect(running).rejects.toThrow('stop');
    await expect(runTogether(controller.signal, [async (signal) => signal.throwIfAborted()])).rejects.toThrow('stop');
  });
});
