/**
 * Time, injected everywhere it is needed so that tests control it. The only file of the project (with its manual twin in
 * `testing/`) that reads the system clock or starts a timer.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch, UTC. For records and for people; may jump. */
  now(): number;
  /** Milliseconds of a clock that never jumps. Deadlines and durations are measured on it. */
  monotonic(): number;
  /** Calls `callback` once, after `delayMs`. `keepAlive: false` lets the process end before. Returns a function that cancels. */
  after(delayMs: number, callback: () => void, options?: { readonly keepAlive?: boolean }): () => void;
  /** Settles after `delayMs`; rejects with the signal's reason when it is aborted first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** Longest delay that every timer implementation can hold, in ms: 24.8 days. Longer ones are over at once. */
export const longestTimerMs = 2_147_483_647;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, callback, options) {
    const timer = setTimeout(callback, delayMs);
    if (options?.keepAlive === false) timer.unref();
    return () => clearTimeout(timer);
  },
  sleep(delayMs, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, delayMs);
      function onAbort(): void {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      }
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  },
};
