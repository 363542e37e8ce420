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
  const producers: { readonly item: T; readonly bytes: number; readonly turn: Deferred<void> }[] = [];
  const consumers: Deferred<void>[] = [];
  let heldBytes = 0;
  let ended = false;
  let failure: Error | undefined;

  const closed = (): Error => failure ?? new Error('The queue is closed.');
  const full = (bytes: number): boolean => held.length > 0 && (held.length >= limits.maxItems || heldBytes + bytes > limits.maxBytes);

  function wakeConsumers(): void {
    for (const one of consumers.splice(0)) one.resolve();
  }

  function accept(item: T, bytes: number): void {
    held.push({ item, bytes });
    heldBytes += bytes;
    wakeConsumers();
  }

  /** Takes in whom there is room for, in order of arrival. */
  function admit(): void {
    for (let next = producers[0]; next !== undefined && !full(next.bytes); next = producers[0]) {
      producers.shift();
      accept(next.item, next.bytes);
      next.turn.resolve();
    }
  }

  function refuseProducers(): void {
    for (const { turn } of producers.splice(0)) turn.reject(closed());
  }

  return {
    get size() {
      return held.length;
    },
    get bytes() {
      return heldBytes;
    },
    async push(item, { bytes = 0, signal } = {}) {
      signal?.throwIfAborted();
      if (ended) throw closed();
      if (producers.length === 0 && !full(bytes)) {
        accept(item, bytes);
        return;
      }
      const waiting = { item, bytes, turn: createDeferred<void>() };
      producers.push(waiting);
      const onAbort = (): void => {
        const index = producers.indexOf(waiting);
        if (index === -1) return;
        producers.splice(index, 1);
        waiting.turn.reject(signal?.reason);
        admit();
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      await waiting.turn.promise.finally(() => signal?.removeEventListener('abort', onAbort));
    },
    end(error) {
      if (ended) return;
      ended = true;
      if (error !== undefined) failure = error instanceof Error ? error : new Error('The producer failed.', { cause: error });
      refuseProducers();
      wakeConsumers();
    },
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          const next = held.shift();
          if (next !== undefined) {
            heldBytes -= next.bytes;
            admit();
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
        refuseProducers();
        wakeConsumers();
      }
    },
  };
}
