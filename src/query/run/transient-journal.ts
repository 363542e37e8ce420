import type { RunId } from '../../spec/identifiers.ts';
import type { RunItem } from '../../spec/store.ts';
import type { Clock } from '../../util/clock.ts';
import { createDeferred, type Deferred } from '../../util/deferred.ts';
import { untilAborted } from '../../util/until-aborted.ts';
import type { JournalItem, RunJournal } from './journal.ts';

/** Items that may wait to be claimed; the reader of the input waits meanwhile. */
const maxWaiting = 1_000;

/** The journal of a run that nobody wants to resume: items are forgotten once they are settled. */
export function createTransientJournal(clock: Clock): RunJournal {
  const waiting: JournalItem[] = [];
  let room: Deferred<void> | undefined;

  return {
    runId: null,
    async append(items, signal) {
      while (waiting.length >= maxWaiting) {
        room ??= createDeferred<void>();
        await untilAborted(room.promise, signal);
      }
      waiting.push(...items);
    },
    async claim(limit) {
      const claimed = waiting.splice(0, limit).map(({ number, key, input }): RunItem => ({
        run: '' as RunId,
        number,
        key,
        input,
        state: 'claimed',
        status: null,
        attempt: 1,
        fence: 1,
        result: null,
        error: null,
        startedAt: clock.now(),
        endedAt: null,
      }));
      if (waiting.length < maxWaiting) {
        room?.resolve();
        room = undefined;
      }
      return claimed;
    },
    settle: () => Promise.resolve(true),
    end: () => Promise.resolve(),
    note: () => Promise.resolve(),
  };
}
