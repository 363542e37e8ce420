/**
 * Bounds repetition: an engine that fails at every call gets little more calls than were asked for (a retry budget, as in Finagle).
 * Only calls are counted, however many pieces of work they held.
 */
export interface RetryBudget {
  /** A call that is no repetition has begun. */
  deposit(): void;
  /** Whether the works of a call that crashed may be tried again. */
  withdraw(): boolean;
}

/** Calls that may be repeated without any before: a device with 8 sequences may crash four times in a row. */
const most = 32;
/** Repetitions for each first call after that. */
const share = 0.05;

export function createRetryBudget(): RetryBudget {
  let left = most;
  return {
    deposit() {
      left = Math.min(most, left + share);
    },
    withdraw() {
      if (left < 1) return false;
      left -= 1;
      return true;
    },
  };
}
