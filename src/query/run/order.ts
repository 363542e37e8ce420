import { createDeferred } from '../../util/deferred.ts';
import { untilAborted } from '../../util/until-aborted.ts';

/** Tells what happened at places 0, 1, … in that order, whatever the order it happened in. */
export interface Order {
  /** Runs `tell` once all earlier places were told. Waits while `window` later places are held. */
  tell(place: number, tell: () => Promise<void>): Promise<void>;
}

/** @param window most places that are held because an earlier one has not come yet */
export function createOrder(window: number, signal: AbortSignal): Order {
  const held = new Map<number, () => Promise<void>>();
  let next = 0;
  let telling = false;
  let freed = createDeferred<void>();

  async function tellAll(): Promise<void> {
    telling = true;
    try {
      for (let tell = held.get(next); tell !== undefined; tell = held.get(next)) {
        held.delete(next);
        await tell();
        next += 1;
        freed.resolve();
        freed = createDeferred<void>();
      }
    } finally {
      telling = false;
    }
  }

  return {
    async tell(place, tell) {
      held.set(place, tell);
      if (!telling) await tellAll();
      while (held.size >= window) await untilAborted(freed.promise, signal);
    },
  };
}
