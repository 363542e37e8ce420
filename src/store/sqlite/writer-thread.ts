import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { MillraceError } from '../../errors.ts';
import { systemClock } from '../../util/clock.ts';
import { createFaultPoints } from '../../util/fault-points.ts';
import { openForWriting, toStoreError } from './connection.ts';
import { lockDirectory } from './lock.ts';
import { startNumber } from './messages.ts';
import type { ThreadAnswer, ThreadData, ThreadRequest, WriterCall } from './messages.ts';
import { createGroupCommit } from './group-commit.ts';
import { createHeldPortions } from './portions.ts';
import { interruptRuns } from './run-operations.ts';
import type { Connection } from './connection.ts';
import { removeSpools } from './spool.ts';
import { refreshTextIndex } from './text-index.ts';

const maxGroup = 256;

function main(): void {
  const port = parentPort;
  if (port === null) throw new MillraceError('E_INTERNAL', 'The writer of the store runs only as a worker thread.');
  const { directory, command, isDurable = true } = workerData as ThreadData;

  function start(): { readonly connection: Connection; readonly release: () => void } {
    const startedAt = Math.round(systemClock.now() - process.uptime() * 1_000);
    const faults = createFaultPoints(process.env);
    const lock = lockDirectory(directory, { pid: process.pid, command, startedAt });
    try {
      faults.reach('lock-taken');
      removeSpools(directory);
      const connection = openForWriting(directory, faults, isDurable);
      refreshTextIndex(connection);
      interruptRuns(connection, systemClock.now());
      faults.reach('runs-interrupted');
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
    port.postMessage([{ number: startNumber, error: toStoreError(error, `Opening ${directory}`).toJSON() }] satisfies ThreadAnswer[]);
    port.close();
    return;
  }
  const { connection, release } = opened;

  /** Requests that have arrived and are not answered. */
  const arrived: ThreadRequest<WriterCall>[] = [];
  function takeArrived(): void {
    for (let more = port && receiveMessageOnPort(port); more; more = port && receiveMessageOnPort(port)) {
      arrived.push(...(more.message as readonly ThreadRequest<WriterCall>[]));
    }
  }

  const group = createGroupCommit(
    connection,
    createHeldPortions({
      directory,
      isGivenUp(document) {
        takeArrived();
        return arrived.some(({ call }) => call.type === 'forgetPortions' && call.document === document);
      },
    }),
  );

  /** What waits, up to a size, in one transaction; ahead of it what is staged, behind it what can be in none. */
  function answerArrived(): void {
    for (takeArrived(); arrived.length > 0; takeArrived()) {
      const requests: ThreadRequest<WriterCall>[] = [];
      let operations = 0;
      let alone: ThreadRequest<WriterCall> | undefined;
      while (alone === undefined && operations < maxGroup) {
        const [next] = arrived;
        if (next === undefined || (isLong(next.call) && requests.length > 0)) break;
        arrived.shift();
        if (next.call.type === 'portion' || next.call.type === 'forgetPortions') {
          port?.postMessage([group.stage(next.number, next.call)]);
          continue;
        }
        if (next.call.type === 'close' || next.call.type === 'overwriteFreed') alone = next;
        else requests.push(next);
        operations += operationsOf(next.call);
        if (isLong(next.call)) break;
      }
      if (requests.length > 0) port?.postMessage(group.commit(requests));
      if (alone?.call.type === 'overwriteFreed') port?.postMessage([group.overwriteFreed(alone.number)]);
      if (alone?.call.type === 'close') {
        connection.close();
        release();
        port?.postMessage([{ number: alone.number, value: undefined }] satisfies ThreadAnswer[]);
        port?.close();
        return;
      }
    }
  }

  port.on('message', (requests: readonly ThreadRequest<WriterCall>[]) => {
    arrived.push(...requests);
    answerArrived();
  });
  port.postMessage([{ number: startNumber, value: undefined }] satisfies ThreadAnswer[]);
}

function isLong(call: WriterCall): boolean {
  return call.type === 'commitPacked' && call.alone === true;
}

function operationsOf(call: WriterCall): number {
  if (call.type === 'commitPacked') return call.operations.count;
  return call.type === 'commit' ? call.operations.length : 1;
}

main();
