import { expect, it } from 'vitest';
import { MillraceError } from '../../errors.ts';
import { createManualClock } from '../../testing/manual-clock.ts';
import { longestTimerMs } from '../../util/clock.ts';
import type { RunJournal } from './journal.ts';
import { noCounts } from './progress.ts';
import { type BatchCall, type BatchWork, runBatch } from './run-batch.ts';
import { createTransientJournal } from './transient-journal.ts';

const clock = createManualClock();
const { signal } = new AbortController();
const call: BatchCall = { signal, bounded: (_limits, work) => work({ signal }), emit: () => Promise.resolve(), running: () => 0 };

function nothingToDo(maxTimeMs: number, journal: Partial<RunJournal> = {}): BatchWork {
  return {
    journal: { ...createTransientJournal(clock), ...journal },
    before: noCounts,
    limits: { maxTimeMs },
    concurrency: 1,
    async *source(onFound) {
      await onFound(0, true);
      yield [];
    },
    execute: () => Promise.reject(new Error('There is no item.')),
    tell: () => {
      throw new Error('There is no item.');
    },
  };
}

it('fails with what stops it, also when its time is over meanwhile', async () => {
  const ends: string[] = [];
  async function end(state: 'done' | 'interrupted'): Promise<void> {
    ends.push(state);
    if (state === 'interrupted') return;
    await clock.advance(1_000);
    throw new MillraceError('E_DISK_FULL', 'The disk is full.');
  }
  await expect(runBatch(clock, nothingToDo(500, { end }), call)).rejects.toMatchObject({ code: 'E_DISK_FULL' });
  expect(ends).toEqual(['done', 'interrupted']);
});

it('asks no timer for more than it can hold', async () => {
  const delays: number[] = [];
  const after: typeof clock.after = (delayMs, callback, options) => {
    delays.push(delayMs);
    return clock.after(delayMs, callback, options);
  };
  await runBatch({ ...clock, after }, nothingToDo(30 * 24 * 60 * 60 * 1_000), call);
  expect(delays).toEqual([longestTimerMs]);
});
