/** Measures how fast the calls of a lane work, to say how long something will wait. Times are undefined until a call was measured. */
export interface Pace {
  /** A call that was not completed (failed, or cancelled) only tells that the lane is at least so slow. */
  record(call: { readonly runMs: number; readonly size: number; readonly isCompleted: boolean }): void;
  /** Time in which work of this size drains when all calls of the lane are busy. */
  drainMs(size: number): number | undefined;
  /** Time of a call of this size. */
  runMs(size: number): number | undefined;
}

/** Weight of a new observation. */
const weight = 0.2;

export function createPace(concurrency: number): Pace {
  let msPerUnit: number | undefined;
  return {
    record({ runMs, size, isCompleted }) {
      const latest = runMs / Math.max(1, size);
      if (!isCompleted && latest <= (msPerUnit ?? 0)) return;
      msPerUnit = msPerUnit === undefined ? latest : msPerUnit + weight * (latest - msPerUnit);
    },
    drainMs: (size) => (msPerUnit === undefined ? undefined : (msPerUnit * size) / concurrency),
    runMs: (size) => (msPerUnit === undefined ? undefined : msPerUnit * size),
  };
}
