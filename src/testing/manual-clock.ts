import type { Clock } from '../util/clock.ts';
import { createHeap } from '../util/heap.ts';

/** A clock that stands still until a test moves it. Between two timers every promise that can settle does settle. */
export interface ManualClock extends Clock {
  /** Moves time forward by `ms` and calls what is due, in order of time, then of creation. */
  advance(ms: number): Promise<void>;
  /** Moves time from timer to timer until none is left that keeps the process alive. Throws after `maxTimers` (default 1,000,000). */
  runUntilIdle(options?: { readonly maxTimers?: number }): Promise<void>;
  /** Lets every promise that can settle without time passing settle. */
  settle(): Promise<void>;
  /** Timers that were neither called nor cancelled. */
  readonly pendingTimers: number;
}

export interface ManualClockOptions {
  /** `now()` at the start, ms since the Unix epoch. Default 2026-01-01T00:00:00Z. */
  readonly startAt?: number;
  /** `monotonic()` at the start, ms. Default 1,000. */
  readonly monotonicStart?: number;
}

interface Timer {
  readonly dueAt: number;
  readonly order: number;
  readonly keepAlive: boolean;
  readonly callback: () => void;
  cancelled: boolean;
}

export function createManualClock(options: ManualClockOptions = {}): ManualClock {
  const monotonicStart = options.monotonicStart ?? 1_000;
  const startAt = options.startAt ?? Date.UTC(2026, 0, 1);
  const timers = createHeap<Timer>((a, b) => a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.order < b.order));
  let current = monotonicStart;
  let order = 0;
  let pending = 0;
  let pendingKeepAlive = 0;

  function after(delayMs: number, callback: () => void, afterOptions?: { readonly keepAlive?: boolean }): () => void {
    const keepAlive = afterOptions?.keepAlive !== false;
    const timer: Timer = { dueAt: current + Math.max(0, delayMs), order: order++, keepAlive, callback, cancelled: false };
    timers.push(timer);
    pending += 1;
    if (keepAlive) pendingKeepAlive += 1;
    return () => retire(timer);
  }

  function retire(timer: Timer): void {
    if (timer.cancelled) return;
    timer.cancelled = true;
    pending -= 1;
    if (timer.keepAlive) pendingKeepAlive -= 1;
  }

  function nextTimer(): Timer | undefined {
    while (timers.peek()?.cancelled) timers.pop();
    return timers.peek();
  }

  function fire(timer: Timer): void {
    timers.pop();
    retire(timer);
    current = Math.max(current, timer.dueAt);
    timer.callback();
  }

  /** A whole turn of the event loop: all microtasks, and one round of `setImmediate` callbacks of others. */
  function settle(): Promise<void> {
    return new Promise((resolve) => {
      setImmediate(resolve);
    });
  }

  return {
    now: () => startAt + (current - monotonicStart),
    monotonic: () => current,
    after,
    sleep(delayMs, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason as Error);
          return;
        }
        const cancel = after(delayMs, () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        });
        function onAbort(): void {
          cancel();
          reject(signal?.reason as Error);
        }
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    },
    settle,
    async advance(ms) {
      const target = current + ms;
      await settle();
      for (let timer = nextTimer(); timer !== undefined && timer.dueAt <= target; timer = nextTimer()) {
        fire(timer);
        await settle();
      }
      current = target;
    },
    async runUntilIdle({ maxTimers = 1_000_000 } = {}) {
      await settle();
      for (let fired = 0; pendingKeepAlive > 0; fired += 1) {
        if (fired >= maxTimers) throw new Error(`The manual clock called ${maxTimers} timers and still is not idle.`);
        const timer = nextTimer();
        if (timer === undefined) return;
        fire(timer);
        await settle();
      }
    },
    get pendingTimers() {
      return pending;
    },
  };
}
