import { Worker } from 'node:worker_threads';
import { MillraceError } from '../../errors.ts';
import { createDeferred } from '../../util/deferred.ts';
import type { Deferred } from '../../util/deferred.ts';
import { entryUrl } from '../../util/entry.ts';
import { startNumber } from './messages.ts';
import type { ThreadAnswer, ThreadData, ThreadRequest } from './messages.ts';

/** Calls that may wait for one thread; more are refused with `E_OVERLOADED`. */
const maxWaiting = 10_000;

/** One thread of the store, seen from the main thread. */
export interface ThreadClient<Call> {
  /** Calls not yet answered. */
  readonly waiting: number;
  readonly ended: boolean;
  call(call: Call): Promise<unknown>;
  /** Ends the thread at once; what waits fails with `E_SHUTTING_DOWN`. */
  terminate(): Promise<void>;
}

/** Starts a thread and waits until it has opened the record. Rejects with the error it could not open it for. */
export async function startThread<Call>(entry: 'store-writer' | 'store-reader', data: ThreadData): Promise<ThreadClient<Call>> {
  // Threads hold few objects for long: a small young generation keeps their heaps small.
  const worker = new Worker(entryUrl(entry), { workerData: data, execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: 4 } });
  const waiting = new Map<number, Deferred<unknown>>();
  const started = createDeferred<unknown>();
  waiting.set(startNumber, started);
  let nextNumber = startNumber + 1;
  let ended = false;

  function end(reason: MillraceError): void {
    ended = true;
    for (const deferred of waiting.values()) deferred.reject(reason);
    waiting.clear();
  }
  worker.on('message', (answers: readonly ThreadAnswer[]) => {
    for (const answer of answers) {
      const deferred = waiting.get(answer.number);
      waiting.delete(answer.number);
      if ('error' in answer) deferred?.reject(MillraceError.fromJSON(answer.error));
      else deferred?.resolve(answer.value);
    }
    if (waiting.size === 0) worker.unref();
  });
  worker.on('error', (error) => {
    end(
      new MillraceError('E_STORE_FAILED', `A thread of the store ended: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      }),
    );
  });
  worker.on('exit', () => end(new MillraceError('E_SHUTTING_DOWN', 'The store was closed.')));

  /** Calls of one turn go in one message: each message wakes the thread. */
  let outgoing: ThreadRequest<Call>[] = [];
  function sendOutgoing(): void {
    const requests = outgoing;
    outgoing = [];
    send(requests);
  }
  function send(requests: readonly ThreadRequest<Call>[]): void {
    try {
      worker.postMessage(requests);
    } catch (error) {
      // A call that cannot be copied fails alone.
      const [only] = requests;
      if (requests.length > 1) for (const request of requests) send([request]);
      else if (only !== undefined) {
        waiting.get(only.number)?.reject(error);
        waiting.delete(only.number);
      }
    }
  }

  await started.promise;
  return {
    get waiting() {
      return waiting.size;
    },
    get ended() {
      return ended;
    },
    call(call) {
      if (ended) return Promise.reject(new MillraceError('E_SHUTTING_DOWN', 'The store was closed.'));
      if (waiting.size >= maxWaiting) {
        return Promise.reject(
          new MillraceError('E_OVERLOADED', `More than ${maxWaiting} calls wait for the store.`, { retryAfterMs: 100 }),
        );
      }
      const number = nextNumber;
      nextNumber += 1;
      const deferred = createDeferred<unknown>();
      waiting.set(number, deferred);
      worker.ref();
      outgoing.push({ number, call });
      if (outgoing.length === 1) process.nextTick(sendOutgoing);
      return deferred.promise;
    },
    async terminate() {
      await worker.terminate();
    },
  };
}
