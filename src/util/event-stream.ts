import { createBoundedQueue } from './bounded-queue.ts';
import { createDeferred } from './deferred.ts';

/** A stream of events with one result. Iterate it, await `result()`, or both; leaving the loop cancels the producer. */
export interface EventStream<Event, Result> extends AsyncIterable<Event> {
  /** Settles exactly once. Works without iterating: events are then dropped, unless a loop starts in the same turn. */
  result(): Promise<Result>;
}

export interface EventProducer<Event> {
  /** Hands an event over; waits while the consumer is slow. */
  emit(event: Event): Promise<void>;
  /** Aborted when the consumer left the loop or the caller's signal was aborted. */
  readonly signal: AbortSignal;
}

/**
 * Runs `produce` at once. Up to 256 events wait for a consumer; then `emit` waits, unless nobody iterates, in which case the
 * oldest events are not kept at all once `result()` was asked for.
 */
export function createEventStream<Event, Result>(
  produce: (producer: EventProducer<Event>) => Promise<Result>,
  options: {
    readonly signal?: AbortSignal;
    readonly maxEvents?: number;
    /** The terminal event of a failure. With it iteration ends with this event instead of throwing; `result()` rejects all the same. */
    readonly failed?: (error: unknown) => Event;
  } = {},
): EventStream<Event, Result> {
  const queue = createBoundedQueue<Event>({ maxItems: options.maxEvents ?? 256, maxBytes: Number.POSITIVE_INFINITY });
  const outcome = createDeferred<Result>();
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(options.signal?.reason);
  if (options.signal?.aborted) onAbort();
  options.signal?.addEventListener('abort', onAbort, { once: true });
  let iterating = false;
  let draining = false;

  async function drain(): Promise<void> {
    if (iterating || draining) return;
    draining = true;
    for await (const _event of queue);
  }

  async function run(): Promise<void> {
    try {
      const emit = async (event: Event): Promise<void> => {
        controller.signal.throwIfAborted();
        if (!draining) await queue.push(event, { signal: controller.signal });
      };
      outcome.resolve(await produce({ emit, signal: controller.signal }));
      queue.end();
    } catch (error) {
      outcome.reject(error);
      if (options.failed === undefined) queue.end(error);
      else {
        // A consumer that left the loop closed the queue: it has no use for the event.
        if (!draining) await queue.push(options.failed(error)).catch(() => undefined);
        queue.end();
      }
    } finally {
      options.signal?.removeEventListener('abort', onAbort);
    }
  }
  const running = run();

  return {
    result() {
      // Not at once: a loop that starts in the same turn gets the events. A failure reaches the caller through `outcome`; the drained
      // copy of it is the same one.
      queueMicrotask(() => void drain().catch(() => undefined));
      return outcome.promise;
    },
    async *[Symbol.asyncIterator]() {
      iterating = true;
      const events = queue[Symbol.asyncIterator]();
      try {
        for (let next = await events.next(); next.done !== true; next = await events.next()) yield next.value;
      } finally {
        // Before the queue is closed: a producer that waits in `emit` learns why nobody wants its event.
        controller.abort(new DOMException('The consumer left the stream.', 'AbortError'));
        await events.return?.();
        await running;
      }
    },
  };
}
