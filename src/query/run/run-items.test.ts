import { expect, it } from 'vitest';
import type { RunItem } from '../../spec/store.ts';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createDeferred } from '../../util/deferred.ts';
import type { JournalItem } from './journal.ts';
import { runItems } from './run-items.ts';
import { createTransientJournal } from './transient-journal.ts';

const itemOf = (number: number): JournalItem => ({ number, key: String(number), input: null });

it('puts all workers to work on what came while one of them looked for more', async () => {
  const clock = createManualClock();
  const inner = createTransientJournal(clock);
  const [more, end, looking, looked] = [createDeferred<void>(), createDeferred<void>(), createDeferred<void>(), createDeferred<void>()];
  let claims = 0;
  const running = new Map<number, () => void>();

  const run = runItems({
    clock,
    journal: {
      ...inner,
      async claim(limit) {
        claims += 1;
        const found = await inner.claim(limit);
        // This look finds nothing, and takes longer than it takes others to come.
        if (claims === 3) {
          looking.resolve();
          await looked.promise;
        }
        return found;
      },
    },
    source: (async function* () {
      yield [itemOf(0), itemOf(1)];
      await more.promise;
      yield [itemOf(2), itemOf(3)];
      await end.promise;
    })(),
    concurrency: 2,
    ordered: false,
    execute: ({ number }: RunItem) => new Promise<void>((resolve) => void running.set(number, resolve)),
    onSettled: ({ number }) => Promise.resolve(void running.delete(number)),
    signal: new AbortController().signal,
  });
  await clock.settle();
  expect([...running.keys()]).toEqual([0, 1]);

  running.get(0)?.();
  await looking.promise;
  more.resolve();
  await clock.settle();
  running.get(1)?.();
  await clock.settle();
  looked.resolve();
  await clock.settle();
  expect([...running.keys()]).toEqual([2, 3]);

  for (const finish of running.values()) finish();
  end.resolve();
  await run;
});
