import { parentPort, workerData } from 'node:worker_threads';
import { MillraceError } from '../../errors.ts';
import { systemClock } from '../../util/clock.ts';
import { createFaultPoints } from '../../util/fault-points.ts';
import { backUp } from './backup.ts';
import { openForReading, toStoreError } from './connection.ts';
import type { Connection } from './connection.ts';
import { isLocked } from './lock.ts';
import { startNumber } from './messages.ts';
import type { ReaderCall, ThreadAnswer, ThreadData, ThreadRequest } from './messages.ts';
import { createReader } from './reader.ts';

/** Time that closing gives to a vector index that is behind, ms. */
const closeMs = 500;
/** Answers wait so long for those of the same message, ms. */
const quickMs = 2;

function main(): void {
  const port = parentPort;
  if (port === null) throw new MillraceError('E_INTERNAL', 'A reader of the store runs only as a worker thread.');
  const { directory, writesIndex = false } = workerData as ThreadData;
  let connection: Connection;
  try {
    connection = openForReading(directory, createFaultPoints(process.env));
  } catch (error) {
    port.postMessage([{ number: startNumber, error: toStoreError(error, `Opening ${directory}`).toJSON() }] satisfies ThreadAnswer[]);
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
    const failure = error === undefined ? undefined : toStoreError(error, 'Building the vector index').toJSON();
    const answers = awaitingIndex
      .splice(0)
      .map((number): ThreadAnswer => (failure === undefined ? { number, value: undefined } : { number, error: failure }));
    if (answers.length > 0) port?.postMessage(answers);
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

  /** What a process that ends gives to the next one. */
  function saveAtClose(extendsIndex: boolean): void {
    try {
      const until = systemClock.monotonic() + closeMs;
      if (writesIndex && extendsIndex) {
        reader.noticeNewVectors();
        while (systemClock.monotonic() < until && reader.advanceIndex());
      }
      reader.saveIndex();
    } catch {
      // Nothing is lost: the next process adds the rows again.
    }
  }

  /** Undefined where the answer comes later. */
  function answer({ number, call }: ThreadRequest<Exclude<ReaderCall, { type: 'close' }>>): ThreadAnswer | undefined {
    try {
      if (call.type === 'read') return { number, value: read(call) };
      if (call.type === 'hasWriter') return { number, value: isLocked(directory) };
      if (call.type === 'backup') return { number, value: backUp(connection, directory, call.target, call.partial) };
      if (call.type === 'extendIndex') return { number, value: reader.noticeNewVectors() };
      awaitingIndex.push(number);
      reader.rebuildIndex();
      return undefined;
    } catch (error) {
      const place = awaitingIndex.indexOf(number);
      if (place >= 0) awaitingIndex.splice(place, 1);
      return { number, error: toStoreError(error, 'Reading the record').toJSON() };
    }
  }

  function close(number: number, extendsIndex: boolean): void {
    closed = true;
    saveAtClose(extendsIndex);
    connection.close();
    port?.postMessage([{ number, value: undefined }] satisfies ThreadAnswer[]);
    port?.close();
  }

  port.on('message', (requests: readonly ThreadRequest<ReaderCall>[]) => {
    let answers: ThreadAnswer[] = [];
    let since = systemClock.monotonic();
    for (const { number, call } of requests) {
      if (call.type === 'close') {
        if (answers.length > 0) port.postMessage(answers);
        return close(number, call.extendsIndex);
      }
      const given = answer({ number, call });
      if (given !== undefined) answers.push(given);
      if (call.type === 'extendIndex' || call.type === 'rebuildIndex' || (call.type === 'read' && call.method === 'searchVectors')) {
        startAdvancing();
      }
      // Quick answers go together; none waits for a slow one behind it.
      if (answers.length === 0 || systemClock.monotonic() - since < quickMs) continue;
      port.postMessage(answers);
      answers = [];
      since = systemClock.monotonic();
    }
    if (answers.length > 0) port.postMessage(answers);
  });
  port.postMessage([{ number: startNumber, value: undefined }] satisfies ThreadAnswer[]);
}

main();
