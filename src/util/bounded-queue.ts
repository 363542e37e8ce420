import { createDeferred, type Deferred } from './deferred.ts';

/**
 * A bounded hand-over between a producer and a consumer: first in, first out, limited in items and bytes, with backpressure
 * (`push` waits while it is full) and no policy. One item is always admitted into an empty queue, however large.
 */
export interface BoundedQueue<T> extends AsyncIterable<T> {
  /** Resolves when the item is in the queue; rejects when the queue was closed or the signal aborted. */
  push(item: T, options?: { readonly bytes?: number; readonly signal?: AbortSignal }): Promise<void>;
  /** No more items come; the consumer gets what is left, then the end (or `error`). */
  end(error?: unknown): void;
  readonly size: number;
  readonly bytes: number;
}

export function createBoundedQueue<T>(limits: { readonly maxItems: number; readonly maxBytes: number }): BoundedQueue<T> {
  const held: { readonly item: T; readonly bytes: number }[] = [];
  const producers: Deferred<void>[] = [];
  const consumers: Deferred<void>[] = [];
  let heldBytes = 0;
  let ended = false;
  let failure: Error | undefined;

  const wake = (waiting: Deferred<void>[]): void => {
    for (const one of waiting.splice(0)) one.resolve();
  };
  const full = (bytes: number): boolean => held.length > 0 && (held.length >= limits.maxItems || heldBytes + bytes > limits.maxBytes);

  return {
    get size() {
      return held.length;
    },
    get bytes() {
      return heldBytes;
    },
    async push(item, { bytes = 0, signal } = {}) {
      while (!ended && full(bytes)) {
        signal?.throwIfAborted();
        const turn = createDeferred<void>();
        const onAbort = (): void => turn.reject(signal?.reason);
        signal?.addEventListener('abort', onAbort, { once: true });
        producers.push(turn);
        await turn.promise.finally(() => signal?.removeEventListener('abort', onAbort));
      }
      signal?.throwIfAborted();
      if (ended) throw failure ?? new Error('The queue is closed.');
      held.push({ item, bytes });
      heldBytes += bytes;
      wake(consumers);
    },
    end(error) {
      if (ended) return;
      ended = true;
      if (error !== undefined) failure = error instanceof Error ? error : new Error('The producer failed.', { cause: error });
      wake(producers);
      wake(consumers);
    },
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          const next = held.shift();
          if (next !== undefined) {
            heldBytes -= next.bytes;
            wake(producers);
            yield next.item;
          } else if (ended) {
            if (failure !== undefined) throw failure;
            return;
          } else {
            const turn = createDeferred<void>();
            consumers.push(turn);
            await turn.promise;
          }
        }
      } finally {
        ended = true;
        held.length = 0;
        heldBytes = 0;
        wake(producers);
      }
    },
  };
}
