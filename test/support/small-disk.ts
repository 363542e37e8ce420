import type { Store } from '../../src/spec/store.ts';
import { createMemoryStore } from '../../src/store/memory/memory-store.ts';
import { MillraceError } from '../../src/errors.ts';
import { createSeededRandom } from '../../src/util/random.ts';
import { createManualClock } from '../../src/testing/manual-clock.ts';

/** A store in memory that holds so many settled items; more of them find the disk full until `makeRoom`. */
export function storeOnSmallDisk(settlements: number): Store & { makeRoom(): void } {
  const store = createMemoryStore({ clock: createManualClock(), random: createSeededRandom(3) });
  let room = settlements;
  return {
    ...store,
    async commit(operations) {
      if (operations.some(({ type }) => type === 'settleItem') && room-- <= 0) {
        throw new MillraceError('E_DISK_FULL', 'The disk is full.');
      }
      return store.commit(operations);
    },
    makeRoom() {
      room = Number.POSITIVE_INFINITY;
    },
  };
}
