/**
 * How many threads the next step should use. The threads of a step wait for each other after every operation without giving up their
 * core; when other programs need a core too, each wait lasts until the thread that was set aside gets its turn, and a step takes many
 * times as long as it would with fewer threads. So the number follows the cores that the threads really get.
 */
export interface ThreadPolicy {
  /** @param small true when the step would be short: only such a one tries whether more cores are free. */
  threads(nowMs: number, small: boolean): number;
  /** What a step took: elapsed time, and the processor time of all its threads, in ms. */
  observe(step: { readonly threads: number; readonly elapsedMs: number; readonly processorMs: number; readonly nowMs: number }): void;
}

/** Steps are judged together until they took so long: processor time is told in ticks of up to 16 ms. */
const windowMs = 100;
/** Threads that got less than this share of their time were kept waiting. */
const fairShare = 0.8;
/** Until more threads are tried again; doubled each time that it was too early, halved while all threads get their cores. */
const firstWaitMs = 200;
const longestWaitMs = 30_000;

export function createThreadPolicy(most: number): ThreadPolicy {
  let current = most;
  let window = { elapsedMs: 0, processorMs: 0 };
  let waitMs = firstWaitMs;
  let tryAtMs = 0;
  /** What to go back to when the cores are not free. */
  let before = most;

  return {
    threads(nowMs, small) {
      if (current < most && small && nowMs >= tryAtMs) {
        before = current;
        current = most;
        window = { elapsedMs: 0, processorMs: 0 };
      }
      return current;
    },
    observe({ threads, elapsedMs, processorMs, nowMs }) {
      if (threads !== current || most === 1) return;
      window.elapsedMs += elapsedMs;
      window.processorMs += processorMs;
      if (window.elapsedMs < windowMs) return;
      const share = window.processorMs / (window.elapsedMs * threads);
      window = { elapsedMs: 0, processorMs: 0 };
      if (share >= fairShare) {
        if (current === most) {
          waitMs = Math.max(firstWaitMs, waitMs / 2);
          before = most;
        }
        return;
      }
      const failedTry = current === most && before < most;
      if (failedTry) waitMs = Math.min(waitMs * 2, longestWaitMs);
      current = failedTry ? before : Math.max(1, Math.min(current - 1, Math.floor(current * share)));
      before = most;
      tryAtMs = nowMs + waitMs;
    },
  };
}
