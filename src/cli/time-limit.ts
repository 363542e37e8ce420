import { MillraceError } from '../errors.ts';
import { type Clock, longestTimerMs } from '../util/clock.ts';

/** What stops a command cleanly after a time: its signal, and whether it was the time. */
export interface TimeLimit {
  readonly signal: AbortSignal;
  isOver(): boolean;
  end(): void;
}

export function createTimeLimit(clock: Pick<Clock, 'after'>, ms: number | undefined, signal: AbortSignal): TimeLimit {
  const over = new AbortController();
  const stopTimer =
    ms === undefined
      ? () => undefined
      : clock.after(
          Math.min(ms, longestTimerMs),
          () => over.abort(new MillraceError('E_DEADLINE_EXCEEDED', 'The time of the command is over.')),
          { keepAlive: false },
        );
  return {
    signal: AbortSignal.any([signal, over.signal]),
    isOver: () => over.signal.aborted && !signal.aborted,
    end: stopTimer,
  };
}
