import { parentPort, workerData } from 'node:worker_threads';
import { MillraceError } from '../../errors.ts';
import { openForReading, toStoreError } from './connection.ts';
import type { Connection } from './connection.ts';
import { startNumber } from './messages.ts';
import type { ReaderCall, ThreadAnswer, ThreadData, ThreadRequest } from './messages.ts';
import { createReader } from './reader.ts';

function main(): void {
  const port = parentPort;
  if (port === null) throw new MillraceError('E_INTERNAL', 'A reader of the store runs only as a worker thread.');
  const { directory } = workerData as ThreadData;
  let connection: Connection;
  try {
    connection = openForReading(directory);
  } catch (error) {
    port.postMessage({ number: startNumber, error: toStoreError(error, `Opening ${directory}`).toJSON() } satisfies ThreadAnswer);
    port.close();
    return;
  }
  const reader = createReader(connection);

  /** One transaction: every query of the method sees the same state of the record. */
  function read(call: Extract<ReaderCall, { type: 'read' }>): unknown {
    const method = reader[call.method] as (...parameters: readonly unknown[]) => unknown;
    connection.db.exec('BEGIN');
    try {
      return method(...call.parameters);
    } finally {
      if (connection.db.inTransaction) connection.db.exec('ROLLBACK');
    }
  }

  let advancing = false;
  let closed = false;

  /** Between requests, batch by batch: a request waits for at most one batch. */
  function advanceIndex(): void {
    try {
      advancing = !closed && reader.advanceIndex();
    } catch {
      // The index is derived: the next search meets the same fault and answers for it.
      advancing = false;
    }
    if (advancing) setImmediate(advanceIndex);
  }

  port.on('message', ({ number, call }: ThreadRequest<ReaderCall>) => {
    if (call.type === 'close') {
      closed = true;
      connection.close();
      port.postMessage({ number, value: undefined } satisfies ThreadAnswer);
      port.close();
      return;
    }
    try {
      port.postMessage({ number, value: read(call) } satisfies ThreadAnswer);
    } catch (error) {
      port.postMessage({ number, error: toStoreError(error, 'Reading the record').toJSON() } satisfies ThreadAnswer);
    }
    if (!advancing && call.method === 'searchVectors') {
      advancing = true;
      setImmediate(advanceIndex);
    }
  });
  port.postMessage({ number: startNumber, value: undefined } satisfies ThreadAnswer);
}

main();
