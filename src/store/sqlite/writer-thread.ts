import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { MillraceError } from '../../errors.ts';
import { systemClock } from '../../util/clock.ts';
import { openForWriting, toStoreError } from './connection.ts';
import { lockDirectory } from './lock.ts';
import { startNumber } from './messages.ts';
import type { ThreadAnswer, ThreadData, ThreadRequest, WriterCall } from './messages.ts';
import { applyOperation } from './operations.ts';
import { claimItems, interruptRuns } from './run-operations.ts';
import { rebuildTextIndex } from './verify.ts';
import type { Connection } from './connection.ts';

const maxGroup = 256;

function answerCall(connection: Connection, call: WriterCall): unknown {
  switch (call.type) {
    case 'commit':
      return call.operations.map(({ operation, ids }) => applyOperation(connection, operation, ids));
    case 'claimItems':
      return claimItems(connection, call.run, call.options);
    case 'writeSetting':
      connection
        .prepare('INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value')
        .run(call.key, JSON.stringify(call.value ?? null));
      return undefined;
    case 'rebuild':
      return rebuildTextIndex(connection);
    case 'close':
      return undefined;
  }
}

/** True after errors that leave it unknown what is on the disk: writing stops until the directory is opened again. */
function stopsWriting(error: unknown): boolean {
  const code = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? '') : '';
  return code.startsWith('SQLITE_IOERR') || code.startsWith('SQLITE_CORRUPT');
}

function main(): void {
  const port = parentPort;
  if (port === null) throw new MillraceError('E_INTERNAL', 'The writer of the store runs only as a worker thread.');
  const { directory, command } = workerData as ThreadData;
  let broken: MillraceError | undefined;

  function start(): { readonly connection: Connection; readonly release: () => void } {
    const startedAt = Math.round(systemClock.now() - process.uptime() * 1_000);
    const lock = lockDirectory(directory, { pid: process.pid, command, startedAt });
    try {
      const connection = openForWriting(directory);
      interruptRuns(connection, systemClock.now());
      return { connection, release: () => lock.release() };
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  let opened: ReturnType<typeof start>;
  try {
    opened = start();
  } catch (error) {
    port.postMessage({ number: startNumber, error: toStoreError(error, `Opening ${directory}`).toJSON() } satisfies ThreadAnswer);
    port.close();
    return;
  }
  const { connection, release } = opened;

  function fail(error: unknown): MillraceError {
    const failure = toStoreError(error, 'Writing to the record');
    if (stopsWriting(error)) broken = failure;
    return failure;
  }

  /** One transaction for all calls, one savepoint each: a refused call undoes itself alone. Answers leave after the fsync. */
  function commitGroup(requests: readonly ThreadRequest<WriterCall>[]): readonly ThreadAnswer[] {
    const answers: ThreadAnswer[] = [];
    try {
      connection.db.exec('BEGIN IMMEDIATE');
      for (const { number, call } of requests) {
        connection.db.exec('SAVEPOINT call');
        try {
          answers.push({ number, value: answerCall(connection, call) });
        } catch (error) {
          // A full disk or a failed write may have ended the whole transaction.
          if (!connection.db.inTransaction || stopsWriting(error)) throw error;
          connection.db.exec('ROLLBACK TO call');
          answers.push({ number, error: fail(error).toJSON() });
        }
        connection.db.exec('RELEASE call');
      }
      connection.db.exec('COMMIT');
      return answers;
    } catch (error) {
      const failure = fail(error).toJSON();
      if (connection.db.inTransaction) connection.db.exec('ROLLBACK');
      return requests.map(({ number }) => ({ number, error: failure }));
    }
  }

  function commitWaiting(first: ThreadRequest<WriterCall>): void {
    const group: ThreadRequest<WriterCall>[] = [];
    let operations = 0;
    let closing: number | undefined;
    let next: ThreadRequest<WriterCall> | undefined = first;
    while (next !== undefined) {
      if (next.call.type === 'close') {
        closing = next.number;
        break;
      }
      group.push(next);
      operations += next.call.type === 'commit' ? next.call.operations.length : 1;
      if (operations >= maxGroup || port === null) break;
      next = receiveMessageOnPort(port)?.message as typeof next;
    }
    if (group.length > 0) {
      const refusal = broken?.toJSON();
      const answers = refusal === undefined ? commitGroup(group) : group.map(({ number }) => ({ number, error: refusal }));
      for (const answer of answers) port?.postMessage(answer);
    }
    if (closing !== undefined) {
      connection.close();
      release();
      port?.postMessage({ number: closing, value: undefined } satisfies ThreadAnswer);
      port?.close();
    }
  }

  port.on('message', commitWaiting);
  port.postMessage({ number: startNumber, value: undefined } satisfies ThreadAnswer);
}

main();
