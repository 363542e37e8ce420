import { expect, it } from 'vitest';
import { createManualClock } from '../testing/manual-clock.ts';
import { createTurnMonitor } from './turn-monitor.ts';

it('tells the most processor time between two looks, and begins anew at each reading', async () => {
  const clock = createManualClock();
  let used = 0;
  const monitor = createTurnMonitor(clock, () => used);
  for (const more of [3, 70, 1]) {
    used += more;
    await clock.advance(20);
  }
  expect(monitor.read().longestTurnCpuMs).toBe(70);
  used += 5;
  await clock.advance(20);
  expect(monitor.read().longestTurnCpuMs).toBe(5);
  expect(monitor.read()).toEqual({ delayMs: expect.objectContaining({ p50: expect.any(Number) }), longestTurnCpuMs: null });
  monitor.stop();
  expect(clock.pendingTimers).toBe(0);
});

it('says nothing of processor time where Node cannot tell', async () => {
  const clock = createManualClock();
  const monitor = createTurnMonitor(clock, () => null);
  await clock.advance(100);
  expect(monitor.read().longestTurnCpuMs).toBeNull();
  monitor.stop();
});
