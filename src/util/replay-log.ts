import { createDeferred, type Deferred } from './deferred.ts';
import { untilAborted } from './until-aborted.ts';

/** What happens in one place, for any number of readers, each from the beginning and at its own pace. It holds all of it: for short stories. */
export interface ReplayLog<Item> {
  append(item: Item): void;
  /** Nothing follows. */
  end(): void;
  read(signal: AbortSignal): AsyncIterable<Item>;
}

export function createReplayLog<Item>(): ReplayLog<Item> {
  const items: Item[] = [];
  let ended = false;
  let arrival: Deferred<void> = createDeferred<void>();

  function arrive(): void {
    arrival.resolve();
    arrival = createDeferred<void>();
  }

  return {
    append(item) {
      items.push(item);
      arrive();
    },
    end() {
      ended = true;
      arrive();
    },
    async *read(signal) {
      for (let next = 0; ; next += 1) {
        while (next >= items.length) {
          if (ended) return;
          await untilAborted(arrival.promise, signal);
        }
        yield items[next] as Item;
      }
    },
  };
}
