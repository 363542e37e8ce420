import { parentPort, workerData } from 'node:worker_threads';
import { MillraceError } from '../../errors.ts';
import { createFaultPoints } from '../../util/fault-points.ts';
import { backUp } from './backup.ts';
import { openForReading, toStoreError } from './connection.ts';
import type { Connection } from './connection.ts';
import { startNumber } from './messages.ts';
import type { ReaderCall, ThreadAnswer, ThreadData, ThreadRequest } from './messages.ts';
import { createReader } from './reader.ts';

function main(): void {
  const port = parentPort;
  if (port === null) throw new MillraceError('E_INTERNAL', 'A reader of the store runs only as a worker thread.');
  const { directory, writesIndex = false } = workerData as ThreadData;
  let connection: Connection;
  try {
    connection = openForReading(directory, createFaultPoints(process.env));
  } catch (error) {
    port.postMessage({ number: startNumber, error: toStoreError(error, `Opening ${directory}`).toJSON() } satisfies ThreadAnswer);
    port.close();
    return;
  }
  const reader = createReader(connection, { directory, writesIndex });

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
  /** Numbers of the calls that wait until the vector index is whole. */
  const awaitingIndex: number[] = [];

  function answerIndexed(error?: unknown): void {
    for (const number of awaitingIndex.splice(0)) {
      port?.postMessage(
        (error === undefined
          ? { number, value: undefined }
          : { number, error: toStoreError(error, 'Building the vector index').toJSON() }) satisfies ThreadAnswer,
      );
    }
  }

  /** Between requests, batch by batch: a request waits for at most one batch. */
  function advanceIndex(): void {
    try {
      advancing = !closed && reader.advanceIndex();
      if (!advancing && awaitingIndex.length > 0) {
        reader.saveIndex();
        answerIndexed();
      }
    } catch (error) {
      // The index is derived and searches scan what it lacks: only who asked for it is told.
      advancing = false;
      answerIndexed(error);
    }
    if (advancing) setImmediate(advanceIndex);
  }

  function startAdvancing(): void {
    if (advancing) return;
    advancing = true;
    setImmediate(advanceIndex);
  }

  function saveAtClose(): void {
    try {
      reader.saveIndex();
    } catch {
      // Nothing is lost: the next process adds the rows again.
    }
  }

  port.on('message', ({ number, call }: ThreadRequest<ReaderCall>) => {
    if (call.type === 'close') {
      closed = true;
      saveAtClose();
      connection.close();
      port.postMessage({ number, value: undefined } satisfies ThreadAnswer);
      port.close();
      return;
    }
    try {
      if (call.type === 'rebuildIndex') {
        awaitingIndex.push(number);
        reader.rebuildIndex();
      } else if (call.type === 'backup') {
        port.postMessage({ number, value: backUp(connection, directory, call.target) } satisfies ThreadAnswer);
      } else {
        port.postMessage({ number, value: call.type === 'read' ? read(call) : reader.noticeNewVectors() } satisfies ThreadAnswer);
      }
    } catch (error) {
      const place = awaitingIndex.indexOf(number);
      if (place >= 0) awaitingIndex.splice(place, 1);
      port.postMessage({ number, error: toStoreError(error, 'Reading the record').toJSON() } satisfies ThreadAnswer);
    }
    if (call.type !== 'read' || call.method === 'searchVectors') startAdvancing();
  });
  port.postMessage({ number: startNumber, value: undefined } satisfies ThreadAnswer);
}

main();
