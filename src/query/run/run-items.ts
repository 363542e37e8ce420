import { toMillraceError } from '../../errors.ts';
import type { RunItem } from '../../spec/store.ts';
import type { Clock } from '../../util/clock.ts';
import { createDeferred } from '../../util/deferred.ts';
import { untilAborted } from '../../util/until-aborted.ts';
import type { JournalItem, RunJournal, Settlement } from './journal.ts';
import { createOrder } from './order.ts';

export interface RunItemsOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly journal: RunJournal;
  /** The items in order of number, in batches of what is appended together; those in the journal already are left out. */
  readonly source: AsyncIterable<readonly JournalItem[]>;
  /** Items in work at the same time. */
  readonly concurrency: number;
  /** What `execute` rejects with becomes the item's error; an item whose run was stopped meanwhile stays open. */
  execute(item: RunItem, signal: AbortSignal): Promise<unknown>;
  /** Called once an item's settlement is true: as items settle, or with `ordered` one after another in the order of claiming. */
  onSettled(item: RunItem, settlement: Settlement): Promise<void>;
  readonly ordered: boolean;
  /** Of the errors that stop a run those that here fail their item alone. */
  readonly failsAlone?: ReadonlySet<string>;
  readonly signal: AbortSignal;
}

/** Errors of the machine, not of the item: they stop the run, whose open items can be resumed. */
const stopping = new Set([
  'E_SHUTTING_DOWN',
  'E_STORE_FAILED',
  'E_STORE_CORRUPT',
  'E_DISK_FULL',
  'E_LOCKED',
  'E_MODEL_NOT_INSTALLED',
  'E_ENGINE_UNAVAILABLE',
]);

/** Settled items that may wait for an earlier one, in multiples of `concurrency`. */
const orderWindow = 8;

/**
 * The core of every run: feed ∥ (claim → execute → settle → tell) × `concurrency`. Resolves when every item is settled; rejects with the
 * first reason that stops it, once nothing is in work any more.
 */
export async function runItems({
  clock,
  journal,
  source,
  concurrency,
  execute,
  onSettled,
  ordered,
  failsAlone,
  signal,
}: RunItemsOptions): Promise<void> {
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  const claims = createClaims(journal, concurrency, stop.signal);
  const order = ordered ? createOrder(concurrency * orderWindow, stop.signal) : undefined;
  let handedOut = 0;

  async function feed(): Promise<void> {
    const batches = source[Symbol.asyncIterator]();
    const following = async () => {
      // Nothing is asked of the iterable whose failure nobody would hear.
      stop.signal.throwIfAborted();
      // A caller's iterable that never answers must not keep a stopped run from ending.
      return untilAborted(batches.next(), stop.signal);
    };
    try {
      for (let next = await following(); next.done !== true; next = await following()) {
        await journal.append(next.value, stop.signal);
        claims.arrived();
      }
      claims.end();
    } finally {
      void batches.return?.().catch(() => undefined);
    }
  }

  async function work(): Promise<void> {
    for (let item = await claims.next(); item !== undefined; item = await claims.next()) {
      const place = handedOut++;
      const settled = item;
      const settlement = await attempt(settled);
      const isOurs = await journal.settle(settled, settlement);
      const tell = (): Promise<void> => (isOurs ? onSettled(settled, settlement) : Promise.resolve());
      await (order === undefined ? tell() : order.tell(place, tell));
    }
  }

  async function attempt(item: RunItem): Promise<Settlement> {
    try {
      const result = await execute(item, stop.signal);
      return { status: 'done', result, at: clock.now() };
    } catch (thrown) {
      stop.signal.throwIfAborted();
      const error = toMillraceError(thrown);
      if (stopping.has(error.code) && failsAlone?.has(error.code) !== true) throw error;
      return { status: error.code === 'E_DEADLINE_EXCEEDED' ? 'expired' : 'failed', error: error.toJSON(), at: clock.now() };
    }
  }

  const stopped = (reason: unknown): void => {
    if (!stop.signal.aborted) stop.abort(reason);
  };
  try {
    await Promise.all([feed, ...Array.from({ length: concurrency }, () => work)].map((part) => part().catch(stopped)));
    if (stop.signal.aborted) throw toMillraceError(stop.signal.reason);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Hands claimed items to the workers; claims as many at once as there are workers. */
function createClaims(journal: RunJournal, limit: number, signal: AbortSignal) {
  const claimed: RunItem[] = [];
  /** The claim that is being made, and what it was sure to see. */
  let claiming: { readonly made: Promise<void>; readonly arrivals: number } | undefined;
  let arrival = createDeferred<void>();
  let arrivals = 0;
  let ended = false;

  async function claim(): Promise<void> {
    try {
      claimed.push(...(await journal.claim(limit)));
    } finally {
      claiming = undefined;
    }
  }

  return {
    /** Something was appended. */
    arrived(): void {
      arrivals += 1;
      arrival.resolve();
      arrival = createDeferred<void>();
    },
    /** Nothing more will be appended. */
    end(): void {
      ended = true;
      arrivals += 1;
      arrival.resolve();
    },
    /** Undefined when every item was handed out. */
    async next(): Promise<RunItem | undefined> {
      for (;;) {
        signal.throwIfAborted();
        const item = claimed.shift();
        if (item !== undefined) return item;
        // Read before the claim: what is appended while it runs is not missed.
        const wasEnded = ended;
        const { promise } = arrival;
        const seen = arrivals;
        claiming ??= { made: claim(), arrivals };
        const { made, arrivals: covered } = claiming;
        await made;
        // A claim that another began earlier may have missed what came before this one asked.
        if (claimed.length > 0 || covered < seen) continue;
        if (wasEnded) return undefined;
        await untilAborted(promise, signal);
      }
    },
  };
}
