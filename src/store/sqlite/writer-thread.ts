import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { MillraceError } from '../../errors.ts';
import { systemClock } from '../../util/clock.ts';
import { createFaultPoints } from '../../util/fault-points.ts';
import { openForWriting, toStoreError } from './connection.ts';
import { lockDirectory } from './lock.ts';
import { startNumber } from './messages.ts';
import type { ThreadAnswer, ThreadData, ThreadRequest, WriterCall } from './messages.ts';
import { createGroupCommit } from './group-commit.ts';
import { interruptRuns } from './run-operations.ts';
import type { Connection } from './connection.ts';
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
    port.postMessage({ number: startNumber, error: toStoreError(error, `Opening ${directory}`).toJSON() } satisfies ThreadAnswer);
    port.close();
    return;
  }
  const { connection, release } = opened;
  const group = createGroupCommit(connection);

  function commitWaiting(first: ThreadRequest<WriterCall>): void {
    const requests: ThreadRequest<WriterCall>[] = [];
    let operations = 0;
    let last: ThreadRequest<WriterCall> | undefined;
    let next: ThreadRequest<WriterCall> | undefined = first;
    while (next !== undefined) {
      if (next.call.type === 'close' || next.call.type === 'overwriteFreed') {
        last = next;
        break;
      }
      requests.push(next);
      operations += next.call.type === 'commit' ? next.call.operations.length : 1;
      if (operations >= maxGroup || port === null) break;
      next = receiveMessageOnPort(port)?.message as typeof next;
    }
    if (requests.length > 0) for (const answer of group.commit(requests)) port?.postMessage(answer);
    if (last?.call.type === 'overwriteFreed') port?.postMessage(group.overwriteFreed(last.number));
    if (last?.call.type === 'close') {
      connection.close();
      release();
      port?.postMessage({ number: last.number, value: undefined } satisfies ThreadAnswer);
      port?.close();
    }
  }

  port.on('message', commitWaiting);
  port.postMessage({ number: startNumber, value: undefined } satisfies ThreadAnswer);
}

main();
