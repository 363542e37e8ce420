import type { Scheduler } from '../spec/work.ts';
import type { Clock } from '../util/clock.ts';

/** Time in which nobody wants anything of the machine. */
export interface IdlePeriod {
  /** Aborted at once when anybody does. */
  readonly signal: AbortSignal;
}

export interface IdleWatch {
  /** For everybody but the work of idle times, which goes to the scheduler that is watched. */
  readonly scheduler: Scheduler;
  /**
   * Resolves when something was done since the last idle period and nothing has waited or run for `quietMs`. Rejects with the reason of
   * the signal. One caller at a time.
   */
  idle(quietMs: number, signal: AbortSignal): Promise<IdlePeriod>;
}

/** Tells when the scheduler has nothing to do. It sees what is asked for and when it ends, and changes nothing about it. */
export function watchIdle(inner: Scheduler, clock: Pick<Clock, 'after'>): IdleWatch {
  let open = 0;
  let worked = false;
  let period: AbortController | undefined;
  let waiting: { readonly quietMs: number; readonly resolve: (period: IdlePeriod) => void } | undefined;
  let stopTimer = (): void => undefined;

  function begin(): void {
    open += 1;
    worked = true;
    stopTimer();
    period?.abort();
    period = undefined;
  }

  function end(): void {
    open -= 1;
    arm();
  }

  function arm(): void {
    stopTimer();
    if (open > 0 || !worked || waiting === undefined) return;
    const { quietMs, resolve } = waiting;
    stopTimer = clock.after(
      quietMs,
      () => {
        waiting = undefined;
        worked = false;
        period = new AbortController();
        resolve({ signal: period.signal });
      },
      { keepAlive: false },
    );
  }

  return {
    scheduler: {
      ...inner,
      submit(work) {
        begin();
        const handle = inner.submit(work);
        handle.result().then(end, end);
        return handle;
      },
      async admit(request) {
        begin();
        try {
          return await inner.admit(request);
        } finally {
          end();
        }
      },
    },
    idle(quietMs, signal) {
      return new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason as Error);
        const onAbort = (): void => {
          waiting = undefined;
          stopTimer();
          reject(signal.reason as Error);
        };
        signal.addEventListener('abort', onAbort, { once: true });
        waiting = {
          quietMs,
          resolve(begun) {
            signal.removeEventListener('abort', onAbort);
            resolve(begun);
          },
        };
        arm();
      });
    },
  };
}
