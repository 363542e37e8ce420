import type { Deadline } from '../spec/time.ts';
import type { Clock } from '../util/clock.ts';

/** Longest delay that every timer implementation can hold. */
const maxTimerMs = 2_147_483_647;

/** Calls `onPast` when the deadline is past, however far away it is. Returns a function that cancels. */
export function atDeadline(clock: Clock, deadline: Deadline, onPast: () => void): () => void {
  if (!Number.isFinite(deadline)) return () => undefined;
  let cancel = arm();
  return () => cancel();

  function arm(): () => void {
    return clock.after(Math.min(Math.max(0, deadline - clock.monotonic()), maxTimerMs), () => {
      // Timers count whole milliseconds and may be a little early; very long ones are armed again.
      if (deadline - clock.monotonic() > 1) cancel = arm();
      else onPast();
    });
  }
}
