import { MillraceError } from '../../errors.ts';
import type { OperationOutcome } from '../../spec/store.ts';
import { toStoreError } from './connection.ts';
import type { Connection } from './connection.ts';
import type { StagingCall, ThreadAnswer, ThreadRequest, WriterCall } from './messages.ts';
import { applyOperation, type PreparedOperation } from './operations.ts';
import { unpackOperations } from './packed-operations.ts';
import { createHeldPortions, type HeldPortions } from './portions.ts';
import { endPurge, overwriteFreed, pendingPurges, purgeSource } from './purge.ts';
import { claimItems } from './run-operations.ts';
import { rebuildTextIndex } from './verify.ts';

function applyAll(connection: Connection, held: HeldPortions, operations: readonly PreparedOperation[]): readonly OperationOutcome[] {
  return operations.map(({ operation, ids }) => applyOperation(connection, operation, ids, held));
}

function answerCall(connection: Connection, held: HeldPortions, call: WriterCall): unknown {
  switch (call.type) {
    case 'commit':
      return applyAll(connection, held, call.operations);
    case 'commitPacked':
      return applyAll(connection, held, unpackOperations(call.operations));
    case 'claimItems':
      return claimItems(connection, call.run, call.options);
    case 'writeSetting':
      connection
        .prepare('INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value')
        .run(call.key, JSON.stringify(call.value ?? null));
      return undefined;
    case 'rebuild':
      return rebuildTextIndex(connection);
    case 'purge':
      return purgeSource(connection, call.collection, call.key, call.at);
    case 'endPurge':
      return endPurge(connection, call.collection, call.key);
    case 'pendingPurges':
      return pendingPurges(connection);
    case 'unusedBlobs': {
      const used = connection.prepare('SELECT 1 FROM sources WHERE blob = ? LIMIT 1');
      return call.sha256s.filter((sha256) => used.get(sha256) === undefined);
    }
    case 'portion':
    case 'forgetPortions':
    case 'overwriteFreed':
    case 'close':
      return undefined;
  }
}

/** True after errors that leave it unknown what is on the disk: writing stops until the directory is opened again. */
function stopsWriting(error: unknown): boolean {
  const code = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? '') : '';
  return code.startsWith('SQLITE_IOERR') || code.startsWith('SQLITE_CORRUPT');
}

export interface GroupCommit {
  /**
   * One transaction for all calls: a refused call undoes itself alone, by a savepoint of its own, or with the whole transaction where it
   * is the only one. Answers are given after the fsync.
   */
  commit(requests: readonly ThreadRequest<WriterCall>[]): readonly ThreadAnswer[];
  /** What waits for its commit is not in the record. It is forgotten also where nothing is written any more. */
  stage(number: number, call: StagingCall): ThreadAnswer;
  /** Overwrites on the disk what was freed before. */
  overwriteFreed(number: number): ThreadAnswer;
}

/**
 * The writing side of the record. After a full disk the next call tries again; after an error that leaves it unknown what is on the disk
 * every later call is refused until the directory is opened again, which checks the journal.
 */
export function createGroupCommit(connection: Connection, held: HeldPortions = createHeldPortions()): GroupCommit {
  const { db } = connection;
  let broken: MillraceError | undefined;

  function fail(error: unknown): MillraceError {
    const failure = toStoreError(error, 'Writing to the record');
    if (stopsWriting(error)) {
      broken = new MillraceError(failure.code, `${failure.message} Nothing more is written; reading goes on.`, {
        remedy: 'Check the disk, then open the directory again: what was acknowledged before is kept.',
        cause: error,
      });
    }
    return broken ?? failure;
  }

  /** A failed write may have ended the transaction, or keep it from being ended: the handle is then of no use any more. */
  function rollBack(): void {
    connection.texts.discard();
    try {
      if (db.inTransaction) db.exec('ROLLBACK');
    } catch (error) {
      fail(error);
    }
  }

  function attempt(requests: readonly ThreadRequest<WriterCall>[]): readonly ThreadAnswer[] {
    const answers: ThreadAnswer[] = [];
    const { texts } = connection;
    db.exec('BEGIN IMMEDIATE');
    connection.faults.reach('transaction-begun');
    texts.defer();
    for (const { number, call } of requests) {
      // These read or rewrite the text index itself.
      if (call.type === 'rebuild' || call.type === 'purge') texts.flush();
      if (requests.length === 1) {
        // Undone with its transaction: a savepoint costs a copy of each page that is changed after it.
        answers.push({ number, value: answerCall(connection, held, call) });
        break;
      }
      const mark = texts.mark();
      db.exec('SAVEPOINT call');
      try {
        answers.push({ number, value: answerCall(connection, held, call) });
      } catch (error) {
        // A full disk or a failed write may have ended the whole transaction.
        if (!db.inTransaction || stopsWriting(error)) throw error;
        db.exec('ROLLBACK TO call');
        texts.restore(mark);
        answers.push({ number, error: fail(error).toJSON() });
      }
      db.exec('RELEASE call');
    }
    texts.flush();
    connection.faults.reach('transaction-ready');
    db.exec('COMMIT');
    connection.faults.reach('transaction-committed');
    return answers;
  }

  return {
    commit(requests) {
      if (broken !== undefined) {
        const refusal = broken.toJSON();
        return requests.map(({ number }) => ({ number, error: refusal }));
      }
      try {
        return attempt(requests);
      } catch (error) {
        const failure = fail(error).toJSON();
        rollBack();
        return requests.map(({ number }) => ({ number, error: failure }));
      }
    },
    stage(number, call) {
      try {
        if (call.type === 'forgetPortions') held.forget(call.document);
        else if (broken !== undefined) throw broken;
        else held.add(call.document, call.portion);
        connection.faults.reach('portion-staged');
        return { number, value: undefined };
      } catch (error) {
        return { number, error: toStoreError(error, 'Staging a document').toJSON() };
      }
    },
    overwriteFreed(number) {
      try {
        if (broken !== undefined) throw broken;
        overwriteFreed(connection);
        return { number, value: undefined };
      } catch (error) {
        return { number, error: fail(error).toJSON() };
      }
    },
  };
}
