import type { ErrorData } from '../../spec/failure.ts';
import type { RunId } from '../../spec/identifiers.ts';
import type { ItemStatus, RunItem, Store } from '../../spec/store.ts';
import type { Clock } from '../../util/clock.ts';

export interface JournalItem {
  /** Place in the input, from 0. */
  readonly number: number;
  readonly key: string;
  readonly input: unknown;
}

export interface Settlement {
  readonly status: ItemStatus;
  readonly result?: unknown;
  readonly error?: ErrorData;
  /** ms UTC. */
  readonly at: number;
}

/** Where the items of a run wait, are claimed and are settled. Each method is true once its promise resolves. */
export interface RunJournal {
  /** Null when the run is not in the record. */
  readonly runId: RunId | null;
  append(items: readonly JournalItem[], signal: AbortSignal): Promise<void>;
  /** Up to `limit` pending items, lowest number first. */
  claim(limit: number): Promise<readonly RunItem[]>;
  /** False when another claim has settled the item. */
  settle(item: RunItem, settlement: Settlement): Promise<boolean>;
  end(state: 'done' | 'interrupted', progress: unknown): Promise<void>;
  note(progress: unknown): Promise<void>;
}

/** One process writes to a directory, and a new writer takes over all claims: the lease only bounds a claim of this process. */
const leaseMs = 24 * 60 * 60 * 1_000;

/** The journal in the record: what it says is kept through a kill. */
export function createDurableJournal(store: Pick<Store, 'commit' | 'claimItems'>, clock: Clock, run: RunId): RunJournal {
  const setState = (state: 'running' | 'done' | 'interrupted', progress: unknown) =>
    store.commit([{ type: 'setRunState', run, state, progress, at: clock.now() }]).then(() => undefined);
  return {
    runId: run,
    async append(items) {
      await store.commit([{ type: 'appendRunItems', run, items }]);
    },
    claim(limit) {
      const at = clock.now();
      return store.claimItems(run, { limit, leaseUntil: at + leaseMs, at });
    },
    async settle(item, settlement) {
      const [outcome] = await store.commit([{ type: 'settleItem', run, number: item.number, fence: item.fence, ...settlement }]);
      return outcome?.done ?? false;
    },
    end: setState,
    note: (progress) => setState('running', progress),
  };
}
