import { LRUCache } from 'lru-cache';
import type { CacheBounds, CacheStatistics } from '../spec/caches.ts';
import { createDeferred } from './deferred.ts';
import { untilAborted } from './until-aborted.ts';

/** Where a value came from: it was kept, was being computed for another, or was computed for this caller. */
export type CacheOrigin = 'kept' | 'shared' | 'computed';

export interface SharedCache<Value> {
  /**
   * The value of the key. Callers with equal `key` and `flight` that come while it is computed wait for the same computation, which goes
   * on as long as one of them wants it: an abort ends the waiting of its caller alone, that of the last one the computation. An error
   * reaches all who wait, and is not kept.
   *
   * @param flight who may wait together: callers of different urgency do not
   * @param keep false neither takes what was kept nor keeps what is computed. Default true
   */
  get(
    key: string,
    options: { readonly signal: AbortSignal; readonly flight?: string; readonly keep?: boolean },
    compute: (signal: AbortSignal) => Promise<Value>,
  ): Promise<{ readonly value: Value; readonly origin: CacheOrigin }>;
  /** Lets go of all that is kept. */
  clear(): void;
  statistics(): CacheStatistics;
}

interface Flight<Value> {
  readonly result: Promise<Value>;
  readonly stop: AbortController;
  waiting: number;
}

/** Values that are dear to compute: the latest used are kept within bounds, and what is asked for many times at once is computed once. */
export function createSharedCache<Value extends object | string>(
  options: CacheBounds & { readonly bytesOf: (value: Value) => number },
): SharedCache<Value> {
  const { maxItems, maxBytes, bytesOf } = options;
  const kept =
    maxItems > 0 && maxBytes > 0
      ? new LRUCache<string, Value>({
          max: maxItems,
          maxSize: maxBytes,
          sizeCalculation: (value) => Math.max(1, Math.ceil(bytesOf(value))),
        })
      : undefined;
  const flights = new Map<string, Flight<Value>>();
  const counters = { hits: 0, misses: 0, shared: 0 };

  function begin(name: string, compute: (signal: AbortSignal) => Promise<Value>, keepAs: string | undefined): Flight<Value> {
    const stop = new AbortController();
    const outcome = createDeferred<Value>();
    const flight: Flight<Value> = { result: outcome.promise, stop, waiting: 0 };
    flights.set(name, flight);
    const land = (): void => {
      if (flights.get(name) === flight) flights.delete(name);
    };
    void (async () => {
      try {
        const value = await compute(stop.signal);
        if (keepAs !== undefined) kept?.set(keepAs, value);
        land();
        outcome.resolve(value);
      } catch (error) {
        land();
        outcome.reject(error);
      }
    })();
    // The last one may have left before it fails.
    flight.result.catch(() => undefined);
    return flight;
  }

  return {
    async get(key, { signal, flight: group = '', keep = true }, compute) {
      signal.throwIfAborted();
      const found = keep ? kept?.get(key) : undefined;
      if (found !== undefined) {
        counters.hits += 1;
        return { value: found, origin: 'kept' };
      }
      const name = `${group}\n${keep}\n${key}`;
      const joined = flights.get(name);
      counters[joined === undefined ? 'misses' : 'shared'] += 1;
      const flight = joined ?? begin(name, compute, keep ? key : undefined);
      flight.waiting += 1;
      try {
        return { value: await untilAborted(flight.result, signal), origin: joined === undefined ? 'computed' : 'shared' };
      } finally {
        flight.waiting -= 1;
        if (flight.waiting === 0 && flights.get(name) === flight) {
          // Nobody may join what is being stopped.
          flights.delete(name);
          flight.stop.abort(signal.reason);
        }
      }
    },
    clear: () => kept?.clear(),
    statistics: () => ({ items: kept?.size ?? 0, bytes: kept?.calculatedSize ?? 0, ...counters }),
  };
}
