import { expect, it } from 'vitest';
import { createManualClock } from '../testing/manual-clock.ts';
import { longestTimerMs } from '../util/clock.ts';
import { createTimeLimit } from './time-limit.ts';

it('asks no timer for more than it can hold', () => {
  const delays: number[] = [];
  const clock = createManualClock();
  const after: typeof clock.after = (delayMs, callback, options) => {
    delays.push(delayMs);
    return clock.after(delayMs, callback, options);
  };
  createTimeLimit({ after }, 30 * 24 * 60 * 60 * 1_000, new AbortController().signal).end();
  createTimeLimit({ after }, 1_000, new AbortController().signal).end();
  expect(delays).toEqual([longestTimerMs, 1_000]);
});
