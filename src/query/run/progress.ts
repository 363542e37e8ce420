import type { Usage } from '../../spec/answers.ts';
import type { RunEvent } from '../../spec/runs.ts';
import type { ItemStatus } from '../../spec/store.ts';
import type { Clock } from '../../util/clock.ts';

/** Where a run stands; kept in its record. */
export interface RunCounts {
  readonly found: number;
  readonly allFound: boolean;
  readonly done: number;
  readonly failed: number;
  readonly expired: number;
  /** Of the done ones. */
  readonly abstained: number;
}

/** What a settled item adds to the counts. */
export interface SettledOutcome {
  readonly status: ItemStatus;
  readonly abstained: boolean;
  readonly usage: Usage | null;
}

export const noCounts: RunCounts = { found: 0, allFound: false, done: 0, failed: 0, expired: 0, abstained: 0 };

/** Longest silence and shortest distance of two progress events. */
const progressMs = 1_000;

type ProgressEvent = Omit<Extract<RunEvent, { type: 'run-progress' }>, 'sequence' | 'at' | 'runId'>;

/** Counts of a run, those of its earlier life included; rates are of this life only. */
export function createProgress(clock: Clock, before: RunCounts) {
  const counts = { ...before };
  const startedAt = clock.monotonic();
  let toldAt = startedAt;
  let settledNow = 0;
  let computedTokens = 0;
  let reusedTokens = 0;
  let generated = 0;
  let together = 0;

  const settledInAll = (): number => counts.done + counts.failed + counts.expired;

  return {
    found(found: number, all: boolean): void {
      counts.found = Math.max(counts.found, found);
      counts.allFound = all;
    },
    /** @param running generations at work when the item settled */
    settled(item: SettledOutcome, running: number): void {
      settledNow += 1;
      if ((item.usage?.outputTokens ?? 0) > 0) {
        generated += 1;
        together += running + 1;
      }
      if (item.status === 'done') counts.done += 1;
      else if (item.status === 'expired') counts.expired += 1;
      else counts.failed += 1;
      if (item.abstained) counts.abstained += 1;
      reusedTokens += item.usage?.cachedTokens ?? 0;
      computedTokens += (item.usage?.promptTokens ?? 0) - (item.usage?.cachedTokens ?? 0) + (item.usage?.outputTokens ?? 0);
    },
    /** True at most once a second. */
    due(): boolean {
      const now = clock.monotonic();
      if (now - toldAt < progressMs) return false;
      toldAt = now;
      return true;
    },
    counts: (): RunCounts => ({ ...counts }),
    event(): ProgressEvent {
      const seconds = (clock.monotonic() - startedAt) / 1_000;
      const rate = (amount: number): number | null => (seconds > 0 && settledNow > 0 ? amount / seconds : null);
      const itemsPerSecond = rate(settledNow);
      const left = counts.found - settledInAll();
      return {
        type: 'run-progress',
        ...counts,
        itemsPerSecond,
        remainingMs: itemsPerSecond === null || !counts.allFound ? null : Math.round((left / itemsPerSecond) * 1_000),
        computedTokensPerSecond: rate(computedTokens),
        reusedTokensPerSecond: rate(reusedTokens),
        occupancy: generated === 0 ? null : together / generated,
      };
    },
    summary() {
      const { done, failed, expired, abstained } = counts;
      return { items: counts.found, done, failed, expired, abstained, elapsedMs: clock.monotonic() - startedAt };
    },
  };
}
