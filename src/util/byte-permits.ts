import { createDeferred, type Deferred } from './deferred.ts';

/** Bounds the bytes that are in hand at the same time: first come, first served, no policy. */
export interface BytePermits {
  /**
   * Resolves when `bytes` more may be held, with the function that gives them back. More than the limit is admitted alone. Rejects
   * with the signal's reason when it is aborted first.
   */
  take(bytes: number, signal: AbortSignal): Promise<() => void>;
  readonly held: number;
}

export function createBytePermits(maxBytes: number): BytePermits {
  const waiting: { readonly bytes: number; readonly turn: Deferred<void> }[] = [];
  let held = 0;

  function admit(): void {
    for (let next = waiting[0]; next !== undefined && (held === 0 || held + next.bytes <= maxBytes); next = waiting[0]) {
      waiting.shift();
      held += next.bytes;
      next.turn.resolve();
    }
  }

  function giveBack(bytes: number): () => void {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      held -= bytes;
      admit();
    };
  }

  return {
    get held() {
      return held;
    },
    async take(bytes, signal) {
      signal.throwIfAborted();
      if (waiting.length === 0 && (held === 0 || held + bytes <= maxBytes)) {
        held += bytes;
        return giveBack(bytes);
      }
      const entry = { bytes, turn: createDeferred<void>() };
      waiting.push(entry);
      const onAbort = (): void => {
        const index = waiting.indexOf(entry);
        if (index === -1) return;
        waiting.splice(index, 1);
        entry.turn.reject(signal.reason);
        admit();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      await entry.turn.promise.finally(() => signal.removeEventListener('abort', onAbort));
      return giveBack(bytes);
    },
  };
}
