import { MillraceError } from '../errors.ts';
import type { Clock } from '../util/clock.ts';
import { untilAborted } from '../util/until-aborted.ts';

export interface TokenTimeouts {
  /** From the beginning of the call to its end. */
  readonly totalMs?: number | undefined;
  /** From the beginning of the call to the first piece of text. */
  readonly firstTokenMs?: number | undefined;
  /** Longest silence between two pieces of text. */
  readonly betweenTokensMs?: number | undefined;
}

/** Watches over the text of one answer. */
export interface TokenWatch {
  /** Aborted with `E_DEADLINE_EXCEEDED` when text or end did not come in time. */
  readonly signal: AbortSignal;
  /** A piece of text came; time stands still until `taken`, so that a slow reader is not taken for a slow model. */
  came(): void;
  taken(): void;
  /** A piece of text came that nobody reads. */
  passed(): void;
  stop(): void;
}

export function createTokenWatch(clock: Clock, { totalMs, firstTokenMs, betweenTokensMs }: TokenTimeouts): TokenWatch {
  const controller = new AbortController();
  const disarmTotal = arm(totalMs, 'The answer did not end');
  let disarm = arm(firstTokenMs, 'The first piece of the answer did not come');

  function arm(afterMs: number | undefined, what: string): () => void {
    if (afterMs === undefined) return () => undefined;
    const expire = (): void => controller.abort(new MillraceError('E_DEADLINE_EXCEEDED', `${what} within ${afterMs} ms.`));
    return clock.after(Math.min(afterMs, longestTimerMs), expire, { keepAlive: false });
  }

  const taken = (): void => {
    disarm = arm(betweenTokensMs, 'The next piece of the answer did not come');
  };

  return {
    signal: controller.signal,
    came: () => disarm(),
    taken,
    passed() {
      disarm();
      taken();
    },
    stop() {
      disarm();
      disarmTotal();
    },
  };
}

interface Bounds {
  readonly signal: AbortSignal;
  readonly deadline?: number | undefined;
}

/** Runs work inside the limits. `watch` is given where pieces of text count: the work tells it of each. */
export async function withinTimeouts<Call extends Bounds, Result>(
  clock: Clock,
  timeouts: TokenTimeouts | undefined,
  call: Call,
  work: (call: Call, watch: TokenWatch | undefined) => Promise<Result>,
): Promise<Result> {
  if (timeouts === undefined) return work(call, undefined);
  const { totalMs, firstTokenMs, betweenTokensMs } = timeouts;
  const deadline = Math.min(call.deadline ?? Infinity, clock.monotonic() + (totalMs ?? Infinity));
  const watch = createTokenWatch(clock, timeouts);
  const signal = AbortSignal.any([call.signal, watch.signal]);
  try {
    const bounded = { ...call, signal, ...(Number.isFinite(deadline) ? { deadline } : {}) };
    const watched = firstTokenMs === undefined && betweenTokensMs === undefined ? undefined : watch;
    return await untilAborted(work(bounded, watched), signal);
  } finally {
    watch.stop();
  }
}

/** Longest delay that every timer implementation can hold. */
const longestTimerMs = 2_147_483_647;
