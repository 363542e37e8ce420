import { createDeferred } from './deferred.ts';

/** One at a time for each key, in the order of asking; different keys do not wait for each other. */
export interface Turns {
  /** Resolves when all who asked for this key before are done, with the function that ends the turn. Rejects when the signal is aborted. */
  take(key: string, signal: AbortSignal): Promise<() => void>;
}

export function createTurns(): Turns {
  const last = new Map<string, Promise<void>>();
  return {
    async take(key, signal) {
      signal.throwIfAborted();
      const before = last.get(key);
      const turn = createDeferred<void>();
      const mine = (before ?? Promise.resolve()).then(() => turn.promise);
      last.set(key, mine);
      // Not at `end`: who gave up waiting ends while the one before is still at work, and the next has to wait for that one.
      void mine.then(() => {
        if (last.get(key) === mine) last.delete(key);
      });
      const end = (): void => turn.resolve();
      if (before === undefined) return end;
      const aborted = createDeferred<void>();
      const onAbort = (): void => aborted.reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        await Promise.race([before, aborted.promise]);
        return end;
      } catch (error) {
        end();
        throw error;
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    },
  };
}
