import { MillraceError } from '../errors.ts';
import type { WorkClass } from '../spec/engine.ts';
import type { LaneName } from '../spec/work.ts';
import type { Clock } from '../util/clock.ts';

/** What became of an executor call, as far as it tells of the engine: one that was cancelled or refused its input tells nothing. */
export type CallEnd = 'crashed' | 'completed' | 'other';

/**
 * Spares an engine that crashes at every call (a circuit breaker, M. T. Nygard, "Release It!", 2007): after some crashes in a row its lane
 * pauses, then one call tries whether it works again, and the pause grows as long as it does not. What waits goes on waiting, until the
 * trials have failed too.
 */
export interface Circuit {
  /** What may start: as the limits say, nothing, or a single call. */
  state(): 'closed' | 'open' | 'trying';
  record(end: CallEnd): void;
  /** Why work of this class should not come now: nobody who waits in person comes into a pause, and nobody at all once trials failed. */
  refusal(workClass: WorkClass): MillraceError | undefined;
  clear(): void;
}

/** Calls that crash in a row before the lane pauses; where calls share a process one crash ends several. */
const mostCrashes = 10;
const pause = { firstMs: 1_000, longestMs: 30_000 } as const;
/** Trials that fail before what waits is told so. */
const mostTrials = 3;

export function createCircuit(
  lane: LaneName,
  clock: Pick<Clock, 'monotonic' | 'after'>,
  on: { /** The pause is over. */ readonly trial: () => void; /** The trials failed. */ readonly givenUp: (error: MillraceError) => void },
): Circuit {
  let crashes = 0;
  let failedTrials = 0;
  let state: ReturnType<Circuit['state']> = 'closed';
  let pausedUntil = 0;
  let stopTimer = (): void => undefined;

  function open(): void {
    const pauseMs = Math.min(pause.longestMs, pause.firstMs * 2 ** failedTrials);
    state = 'open';
    pausedUntil = clock.monotonic() + pauseMs;
    stopTimer = clock.after(pauseMs, () => {
      state = 'trying';
      on.trial();
    });
  }

  function close(): void {
    stopTimer();
    state = 'closed';
    crashes = 0;
    failedTrials = 0;
  }

  function unavailable(): MillraceError {
    const retryAfterMs = Math.max(100, Math.round(pausedUntil - clock.monotonic()));
    return new MillraceError('E_ENGINE_UNAVAILABLE', `The engine of lane "${lane}" has crashed at each of its last ${crashes} calls.`, {
      retryAfterMs,
      details: { lane, crashes },
    });
  }

  return {
    state: () => state,
    record(end) {
      if (end === 'other') return;
      if (end === 'completed') return close();
      crashes += 1;
      if (state === 'open' || (state === 'closed' && crashes < mostCrashes)) return;
      failedTrials += state === 'trying' ? 1 : 0;
      open();
      if (failedTrials >= mostTrials) on.givenUp(unavailable());
    },
    refusal(workClass) {
      if (state !== 'open' || (workClass !== 'interactive' && failedTrials < mostTrials)) return undefined;
      return unavailable();
    },
    clear: close,
  };
}
