import type { DocumentId } from './spec/identifiers.ts';
import type { PrefixKeeper } from './spec/prefixes.ts';
import type { Store, StoreOperation } from './spec/store.ts';

/** Operations after which a document may be on record no more. */
const removing: ReadonlySet<StoreOperation['type']> = new Set(['removeSource', 'commitDocument', 'commitSource']);

/**
 * A store that has what is kept of a document's prefixes deleted when the document leaves the record: before a removal is answered,
 * soon after a new version, and when the directory is opened for writing, for what a process that ended left.
 */
export interface SweptStore extends Store {
  sweepSoon(): void;
  /** Resolves when no sweep is running or due. */
  swept(): Promise<void>;
}

export function sweptStore(store: Store, prefixes: Pick<PrefixKeeper, 'sweep'>): SweptStore {
  let running: Promise<void> = Promise.resolve();
  let waiting: Promise<void> | undefined;

  /** At most one runs and one waits, which then sees what all have removed that asked meanwhile. */
  function sweep(): Promise<void> {
    waiting ??= running.then(async () => {
      waiting = undefined;
      const work = prefixes.sweep(async (document) => (await store.readDocument(document as DocumentId)) !== undefined);
      running = work.then(
        () => undefined,
        () => undefined,
      );
      await work;
    });
    return waiting;
  }

  /** What it leaves undone after a failure, the next one does. */
  function sweepSoon(): void {
    sweep().catch(() => undefined);
  }

  return {
    ...store,
    sweepSoon,
    async swept() {
      await waiting?.catch(() => undefined);
      await running;
    },
    async commit(operations) {
      const outcomes = await store.commit(operations);
      const changes = operations.filter(({ type }, index) => removing.has(type) && outcomes[index]?.done === true);
      if (changes.some(({ type }) => type === 'removeSource')) await sweep();
      else if (changes.length > 0) sweepSoon();
      return outcomes;
    },
    async purgeSource(collection, key) {
      const report = await store.purgeSource(collection, key);
      if (report !== undefined) await sweep();
      return report;
    },
  };
}
