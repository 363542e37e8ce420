import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createManualClock } from '../testing/manual-clock.ts';
import { systemClock } from './clock.ts';

const manual = createManualClock();

/** What sleeps on the manual clock is woken by the test; the system's wakes by itself. */
describe.each([
  ['the system clock', systemClock, (): Promise<void> => Promise.resolve()],
  ['the manual clock', manual, (): Promise<void> => manual.advance(10)],
])('%s', (_name, clock, pass) => {
  it('sleeps, and does not listen any more when it wakes', async () => {
    const controller = new AbortController();
    const sleeping = clock.sleep(1, controller.signal);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    await pass();
    await sleeping;
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  it('wakes at an abort with its reason, at once', async () => {
    const controller = new AbortController();
    const sleeping = clock.sleep(2 ** 30, controller.signal);
    controller.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow('enough');
    await expect(clock.sleep(2 ** 30, controller.signal)).rejects.toThrow('enough');
  });

  it('does not call what was cancelled', async () => {
    const called: string[] = [];
    const cancel = clock.after(1, () => called.push('cancelled'));
    const ringing = new Promise<void>((resolve) => {
      clock.after(2, () => {
        called.push('kept');
        resolve();
      });
    });
    cancel();
    await pass();
    await ringing;
    cancel();
    expect(called).toEqual(['kept']);
  });

  it('never runs backwards', () => {
    const first = clock.monotonic();
    expect(clock.monotonic()).toBeGreaterThanOrEqual(first);
  });
});

describe('the manual clock', () => {
  it('has no timer left when everything that slept was woken', () => {
    expect(manual.pendingTimers).toBe(0);
  });
});
