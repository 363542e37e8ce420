import { MillraceError } from '../errors.ts';
import type { LaneLimits } from '../spec/work.ts';
import type { Clock } from '../util/clock.ts';

/** What stands in a lane's waiting room: pieces of work that wait, and bytes held by waiting and running work. */
export interface Load {
  readonly items: number;
  readonly bytes: number;
}

/**
 * Feeders wait here, first come first served, until their lane has room, instead of being refused. They fill the waiting room to
 * three quarters, so that work that comes without asking (interactive calls) still finds a place.
 */
export interface Feeders {
  wait(bytes: number, onReady: () => void, onRefused: (error: MillraceError) => void): () => void;
  /** Lets in whom there is room for. Called whenever the load may have fallen. */
  admit(): void;
  /** A submission that is not interactive arrived: the oldest promise of at least this size is kept. */
  keepPromise(bytes: number): void;
  /** Room promised to feeders that have not submitted yet. */
  promised(): Load;
  refuseAll(error: MillraceError): void;
}

interface Feeder {
  readonly bytes: number;
  readonly onReady: () => void;
  readonly onRefused: (error: MillraceError) => void;
}

const feederShare = 0.75;
/** A feeder that was let in and does not submit loses its place after this time. */
const promiseMs = 1_000;
const maxFeeders = 100_000;

export function createFeeders(limits: LaneLimits, clock: Clock, load: () => Load): Feeders {
  const waiting = new Set<Feeder>();
  const promises = new Set<{ readonly bytes: number; readonly cancelExpiry: () => void }>();
  let promisedBytes = 0;

  function hasRoom(bytes: number): boolean {
    const { items, bytes: held } = load();
    const itemsAfter = items + promises.size + 1;
    const bytesAfter = held + promisedBytes + bytes;
    const isAlone = bytesAfter === bytes && items + promises.size === 0;
    return (
      isAlone || (itemsAfter <= Math.max(1, Math.floor(limits.queuedItems * feederShare)) && bytesAfter <= limits.queuedBytes * feederShare)
    );
  }

  function promise(bytes: number): void {
    const entry = { bytes, cancelExpiry: clock.after(promiseMs, expire, { keepAlive: false }) };
    function expire(): void {
      forget(entry);
      admit();
    }
    promises.add(entry);
    promisedBytes += bytes;
  }

  function forget(entry: { readonly bytes: number; readonly cancelExpiry: () => void }): void {
    if (!promises.delete(entry)) return;
    entry.cancelExpiry();
    promisedBytes -= entry.bytes;
  }

  function admit(): void {
    for (const feeder of waiting) {
      if (!hasRoom(feeder.bytes)) return;
      waiting.delete(feeder);
      promise(feeder.bytes);
      feeder.onReady();
    }
  }

  return {
    wait(bytes, onReady, onRefused) {
      if (waiting.size >= maxFeeders) {
        onRefused(new MillraceError('E_OVERLOADED', `${maxFeeders} feeders already wait for this lane.`, { retryAfterMs: 1_000 }));
        return () => undefined;
      }
      const feeder: Feeder = { bytes, onReady, onRefused };
      waiting.add(feeder);
      admit();
      return () => {
        waiting.delete(feeder);
        admit();
      };
    },
    admit,
    keepPromise(bytes) {
      for (const entry of promises) {
        if (entry.bytes < bytes) continue;
        forget(entry);
        return;
      }
    },
    promised: () => ({ items: promises.size, bytes: promisedBytes }),
    refuseAll(error) {
      const refused = [...waiting];
      waiting.clear();
      for (const entry of promises) forget(entry);
      for (const feeder of refused) feeder.onRefused(error);
    },
  };
}
