import type { DocumentId } from './spec/identifiers.ts';
import type { PrefixKeeper } from './spec/prefixes.ts';
import type { Store } from './spec/store.ts';

/**
 * A store that has what is kept of a document's prefixes deleted when the document leaves the record: soon after a removal or a
 * new version, and when the directory is opened for writing, for what a process that ended left.
 */
export interface SweptStore extends Store {
  sweepSoon(): void;
  /** Resolves when no sweep is running or due. Never rejects: the keeper tells why one failed. */
  swept(): Promise<void>;
}

export function sweptStore(store: Store, prefixes: Pick<PrefixKeeper, 'sweep'>): SweptStore {
  let running: Promise<void> = Promise.resolve();
  let waiting: Promise<void> | undefined;

  /**
   * At most one runs and one waits, which then sees what all have removed that asked meanwhile. What is removed stays removed when one
   * fails: the keeper tells of it, and the next one does what was left.
   */
  function sweepSoon(): void {
    waiting ??= running.then(() => {
      waiting = undefined;
      const work = prefixes.sweep(async (document) => (await store.readDocument(document as DocumentId)) !== undefined);
      running = work.then(
        () => undefined,
        () => undefined,
      );
      return running;
    });
  }

  return {
    ...store,
    sweepSoon,
    async swept() {
      await waiting;
      await running;
    },
    async commit(operations) {
      const outcomes = await store.commit(operations);
      if (outcomes.some(({ documentLeft }) => documentLeft === true)) sweepSoon();
      return outcomes;
    },
  };
}
