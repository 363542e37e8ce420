import type { Clock } from '../util/clock.ts';

/** New vectors that are worth extending the index, once no more come. */
const worthwhile = 2_000;
const quietMs = 1_000;
/** New vectors after which it is extended while more come: until then searches look through them one by one, a microsecond each. */
const urgent = 100_000;

export interface IndexNotices {
  /** Whether any vectors came at all. */
  readonly any: boolean;
  added(vectors: number): void;
  stop(): void;
}

/** Tells when new vectors are to go into the vector index: soon after a burst of them, not in the middle of it, where they cost it time. */
export function createIndexNotices(clock: Pick<Clock, 'after'>, notice: () => void): IndexNotices {
  let waiting = 0;
  let any = false;
  let cancel: (() => void) | undefined;

  function tell(): void {
    waiting = 0;
    stop();
    notice();
  }

  function stop(): void {
    cancel?.();
    cancel = undefined;
  }

  return {
    get any() {
      return any;
    },
    added(vectors) {
      if (vectors === 0) return;
      any = true;
      waiting += vectors;
      stop();
      if (waiting >= urgent) tell();
      else if (waiting >= worthwhile) cancel = clock.after(quietMs, tell, { keepAlive: false });
    },
    stop,
  };
}
