import { type MillraceError, toMillraceError } from '../errors.ts';
import type { OperationOutcome, StoreOperation } from '../spec/store.ts';
import { inBatches } from '../util/in-batches.ts';
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

/** Commits what was prepared, several documents in one transaction, and acknowledges each. Ends the call when the record fails. */
export async function commitInBatches(
  { parts, limits }: IngestRun,
  prepared: AsyncIterable<PreparedCommit>,
  batchSize: number,
  onCommitted: () => void,
  signal: AbortSignal,
): Promise<void> {
  const { store, clock, faults } = parts;

  async function commit(batch: readonly PreparedCommit[]): Promise<void> {
    let outcomes: readonly OperationOutcome[];
    try {
      faults?.reach('documents-handed');
      outcomes = await store.commit(batch.map(({ operation }) => operation));
      faults?.reach('documents-acknowledged');
    } catch (thrown) {
      const error = toMillraceError(thrown, 'E_STORE_FAILED');
      if (storeFailures.has(error.code)) throw error;
      return commitSingly(batch, error);
    }
    onCommitted();
    for (const [index, one] of batch.entries()) await one.committed(outcomes[index] ?? { done: false });
  }

  /** Finds the one document that the record cannot take. When it does not even take the note about it, the record has failed. */
  async function commitSingly(batch: readonly PreparedCommit[], error: MillraceError): Promise<void> {
    const [only] = batch;
    if (batch.length > 1) {
      for (const one of batch) await commit([one]);
      return;
    }
    const instead = only?.refused(error);
    if (instead === undefined) throw error;
    await commit([instead]);
  }

  const batches = inBatches(prepared, {
    maxItems: batchSize,
    maxBytes: limits.commitLength,
    bytesOf: ({ length }) => length,
    quietMs: limits.commitQuietMs,
    clock,
  });
  for await (const batch of batches) {
    signal.throwIfAborted();
    await commit(batch);
  }
  signal.throwIfAborted();
}
