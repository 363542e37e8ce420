import { type MillraceError, toMillraceError } from '../errors.ts';
import type { OperationOutcome, StoreOperation } from '../spec/store.ts';
import { type BoundedQueue, createBoundedQueue } from '../util/bounded-queue.ts';
import { inBatches } from '../util/in-batches.ts';
import { runTogether } from '../util/run-together.ts';
import type { IngestRun } from './ingest-run.ts';

/** One write that waits for its batch. */
export interface PreparedCommit {
  readonly operation: StoreOperation;
  /** Of the text that it holds, in UTF-16 units. */
  readonly length: number;
  /** Called after the fsync. */
  committed(outcome: OperationOutcome): Promise<void>;
  /** The record refused this one; what to write instead. */
  refused(error: MillraceError): PreparedCommit | undefined;
}

/** Failures of the record itself: no other write would do better. */
const storeFailures = new Set([
  'E_CANCELLED',
  'E_DISK_FULL',
  'E_LOCKED',
  'E_SHUTTING_DOWN',
  'E_STORE_CORRUPT',
  'E_STORE_MISSING',
  'E_STORE_VERSION',
]);

/** What became of a batch, told without throwing: it is awaited after others have been handed over. */
type Written = { readonly outcomes: readonly OperationOutcome[] } | { readonly error: MillraceError };

interface HandedBatch {
  readonly batch: readonly PreparedCommit[];
  readonly written: Promise<Written>;
}

/** Batches in the queue behind the one that is awaited; one more, handed over too, waits to enter it. The store has the next one when it is done with one. */
const handedAhead = 1;

/**
 * Commits what was prepared, several documents in one transaction, and acknowledges each, in order. The next batches are handed over while
 * one is written. Ends the call when the record fails.
 */
export async function commitInBatches(
  run: IngestRun,
  prepared: BoundedQueue<PreparedCommit>,
  batchSize: number,
  onCommitted: () => void,
  signal: AbortSignal,
): Promise<void> {
  const handed = createBoundedQueue<HandedBatch>({ maxItems: handedAhead, maxBytes: Number.POSITIVE_INFINITY });
  await runTogether(signal, [
    (stop) => handAll(run, prepared, batchSize, handed, stop),
    (stop) =>
      acknowledgeAll(run, handed, onCommitted, stop).catch((error: unknown) => {
        // Whoever waits for the next document, or for room for one, ends for the same reason.
        prepared.end(error);
        throw error;
      }),
  ]);
  signal.throwIfAborted();
}

async function handAll(
  { parts, limits }: IngestRun,
  prepared: AsyncIterable<PreparedCommit>,
  batchSize: number,
  handed: BoundedQueue<HandedBatch>,
  signal: AbortSignal,
): Promise<void> {
  const batches = inBatches(prepared, {
    maxItems: batchSize,
    maxBytes: limits.commitLength,
    bytesOf: ({ length }) => length,
    quietMs: limits.commitQuietMs,
    clock: parts.clock,
  });
  let allWritten: Promise<unknown> = Promise.resolve();
  try {
    for await (const batch of batches) {
      signal.throwIfAborted();
      const written = write(parts, batch);
      allWritten = Promise.all([allWritten, written]).then(() => undefined);
      await handed.push({ batch, written });
    }
  } finally {
    handed.end();
    // The call ends after what it gave to the store is written, also when it was cancelled.
    await allWritten;
  }
}

async function write({ store, faults }: IngestRun['parts'], batch: readonly PreparedCommit[]): Promise<Written> {
  try {
    faults?.reach('documents-handed');
    const outcomes = await store.commit(batch.map(({ operation }) => operation));
    faults?.reach('documents-acknowledged');
    return { outcomes };
  } catch (thrown) {
    return { error: toMillraceError(thrown, 'E_STORE_FAILED') };
  }
}

async function acknowledgeAll(
  { parts }: IngestRun,
  handed: AsyncIterable<HandedBatch>,
  onCommitted: () => void,
  signal: AbortSignal,
): Promise<void> {
  for await (const { batch, written } of handed) await acknowledge(batch, await written);

  async function acknowledge(batch: readonly PreparedCommit[], written: Written): Promise<void> {
    if ('error' in written) {
      if (storeFailures.has(written.error.code)) throw written.error;
      return commitSingly(batch, written.error);
    }
    onCommitted();
    for (const [index, one] of batch.entries()) await one.committed(written.outcomes[index] ?? { done: false });
  }

  /** Finds the one document that the record cannot take. When it does not even take the note about it, the record has failed. */
  async function commitSingly(batch: readonly PreparedCommit[], error: MillraceError): Promise<void> {
    const [only] = batch;
    if (batch.length > 1) {
      for (const one of batch) {
        // What a cancelled call has given up would be refused for that alone.
        signal.throwIfAborted();
        await acknowledge([one], await write(parts, [one]));
      }
      return;
    }
    const instead = only?.refused(error);
    if (instead === undefined) throw error;
    await acknowledge([instead], await write(parts, [instead]));
  }
}
