import type { LaneLimits } from '../spec/work.ts';
import type { Clock } from '../util/clock.ts';
import type { Load, Part } from './load.ts';
import { feederShare } from './policy.ts';

/** A place in a lane that is kept for work which has not been submitted yet. */
export interface Place {
  /** The place is used or not wanted any more. Harmless when called again. */
  leave(): void;
}

/** The waiting room of a lane: what waits and what was promised a place, in pieces and bytes. */
export interface Room {
  /** Pieces that wait or have a place, and bytes of waiting, running and promised work. */
  items(): number;
  bytes(): number;
  /** Whether a feeder's work may come. Feeders leave a part of the room to work that comes without asking; large work is let in alone. */
  hasPlace(bytes: number): boolean;
  /** Kept until it is left, or for `forMs`. `onExpiry` is called when its time is over. */
  keepPlace(part: Part, bytes: number, expiry?: { readonly forMs: number; readonly onExpiry: () => void }): Place;
  /** Work came that is not interactive: it takes the oldest place with an expiry that is large enough. */
  usePlace(bytes: number): void;
  clear(): void;
}

/** What stands in a lane: pieces of work that wait, and bytes held by waiting and running work. */
export interface Standing {
  readonly items: number;
  readonly bytes: number;
}

interface KeptPlace extends Place {
  readonly bytes: number;
}

export function createRoom(limits: LaneLimits, clock: Clock, load: Load, standing: () => Standing): Room {
  const places = new Set<KeptPlace>();
  /** Those with an expiry, the oldest first. */
  const expiring = new Set<KeptPlace>();
  let promisedBytes = 0;

  const items = (): number => standing().items + places.size;
  const bytes = (): number => standing().bytes + promisedBytes;

  return {
    items,
    bytes,
    hasPlace(wanted) {
      if (items() === 0 && bytes() === 0) return true;
      return (
        items() + 1 <= Math.max(1, Math.floor(limits.queuedItems * feederShare)) && bytes() + wanted <= limits.queuedBytes * feederShare
      );
    },
    keepPlace(part, size, expiry) {
      const cancel =
        expiry === undefined
          ? undefined
          : clock.after(
              expiry.forMs,
              () => {
                place.leave();
                expiry.onExpiry();
              },
              { keepAlive: false },
            );
      const place: KeptPlace = {
        bytes: size,
        leave() {
          if (!places.delete(place)) return;
          expiring.delete(place);
          cancel?.();
          promisedBytes -= size;
          load.remove(part);
        },
      };
      places.add(place);
      if (expiry !== undefined) expiring.add(place);
      promisedBytes += size;
      load.add(part);
      return place;
    },
    usePlace(wanted) {
      for (const place of expiring) {
        if (place.bytes < wanted) continue;
        place.leave();
        return;
      }
    },
    clear() {
      for (const place of places) place.leave();
    },
  };
}
