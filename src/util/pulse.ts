import { createDeferred } from './deferred.ts';

/**
 * Tells a loop that there may be something new to look at. The loop takes `next()` before it looks, so that nothing which happens
 * during the look is missed.
 */
export interface Pulse {
  beat(): void;
  /** No beat follows. */
  end(): void;
  /** Resolves at the next beat or at the end with true; with false when the end was before this call: one look is the last. */
  next(): Promise<boolean>;
}

export function createPulse(): Pulse {
  let current = createDeferred<boolean>();
  let ended = false;
  return {
    beat() {
      const beaten = current;
      current = createDeferred();
      beaten.resolve(true);
    },
    end() {
      ended = true;
      current.resolve(true);
    },
    next: () => (ended ? Promise.resolve(false) : current.promise),
  };
}
