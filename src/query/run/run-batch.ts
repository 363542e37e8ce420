import { MillraceError } from '../../errors.ts';
import type { AskManyOptions, RunEvent, RunSummary } from '../../spec/runs.ts';
import type { RunItem } from '../../spec/store.ts';
import { type Clock, longestTimerMs } from '../../util/clock.ts';
import type { JournalItem, RunJournal } from './journal.ts';
import { createProgress, type RunCounts, type SettledOutcome } from './progress.ts';
import { runItems } from './run-items.ts';
import { withSettlement } from './settled-question.ts';

type WithoutStamp<Event> = Event extends RunEvent ? Omit<Event, 'sequence' | 'at' | 'runId'> : never;
export type RunEventBody = WithoutStamp<RunEvent>;
export type RunSummaryBody = Omit<RunSummary, 'sequence' | 'at' | 'runId'>;

export type BatchLimits = Pick<AskManyOptions, 'concurrency' | 'ordered' | 'questionTimeoutMs' | 'maxTimeMs'>;

/** Bounds one call by the run's signal, its own time and the closing of everything. */
export type BoundedCall = <Result>(
  limits: { readonly signal: AbortSignal; readonly timeoutMs: number | undefined },
  work: (call: { readonly signal: AbortSignal; readonly deadline?: number }) => Promise<Result>,
) => Promise<Result>;

/** What a run at work is given besides its items. */
export interface BatchCall {
  readonly signal: AbortSignal;
  readonly bounded: BoundedCall;
  readonly emit: (event: RunEventBody) => Promise<void>;
  /** Generations at work now. */
  readonly running: () => number;
}

/** What differs from one kind of run to the next. */
export interface BatchWork {
  readonly journal: RunJournal;
  /** What was found and settled in an earlier life. */
  readonly before: RunCounts;
  readonly limits: BatchLimits;
  readonly concurrency: number;
  /** As with `runItems`. */
  readonly failsAlone?: ReadonlySet<string>;
  /** The items that are not in the journal yet; tells how many there are, and with `all` once there are no more. `onFound` rejects when the run has stopped. */
  source(onFound: (found: number, all: boolean) => Promise<void>): AsyncIterable<readonly JournalItem[]>;
  /** One item, inside the limits of a call; what it rejects with becomes the item's error. */
  execute(item: RunItem, call: { readonly signal: AbortSignal; readonly deadline?: number }): Promise<unknown>;
  /** A settled item as it is told, and as it counts. */
  tell(item: RunItem): { readonly event: RunEventBody; readonly outcome: SettledOutcome };
}

/** A batch of any kind from where it stands to its end: items are told once they are settled, progress at most once a second. */
export async function runBatch(clock: Clock, work: BatchWork, { signal, bounded, emit, running }: BatchCall): Promise<RunSummaryBody> {
  const { journal, limits } = work;
  const progress = createProgress(clock, work.before);
  const outOfTime = new AbortController();
  const stopTimer =
    limits.maxTimeMs === undefined
      ? undefined
      : clock.after(
          Math.min(limits.maxTimeMs, longestTimerMs),
          () => outOfTime.abort(new MillraceError('E_DEADLINE_EXCEEDED', 'The time of the run is over.')),
          { keepAlive: false },
        );
  let stopped = false;

  async function tellProgress(): Promise<void> {
    if (!progress.due()) return;
    const event = progress.event();
    await journal.note(progress.counts());
    await emit(event);
  }

  const end = async (state: 'done' | 'interrupted') => {
    await journal.end(state, progress.counts());
    return { type: 'run-end' as const, state, ...progress.summary() };
  };

  try {
    await runItems({
      clock,
      journal,
      source: work.source(async (found, all) => {
        // A reader that was waiting when the run stopped must not set it running again.
        if (stopped) throw new MillraceError('E_CANCELLED', 'The run has stopped.');
        progress.found(found, all);
        if (all) await journal.note(progress.counts());
      }),
      concurrency: limits.concurrency ?? work.concurrency,
      ordered: limits.ordered ?? false,
      ...(work.failsAlone === undefined ? {} : { failsAlone: work.failsAlone }),
      execute: (item, until) => bounded({ signal: until, timeoutMs: limits.questionTimeoutMs }, (call) => work.execute(item, call)),
      async onSettled(item, settlement) {
        const { event, outcome } = work.tell(withSettlement(item, settlement));
        progress.settled(outcome, running());
        await emit(event);
        await tellProgress();
      },
      signal: AbortSignal.any([signal, outOfTime.signal]),
    });
    return await end('done');
  } catch (error) {
    stopped = true;
    // A closing store says so itself when it is next opened for writing.
    const ended = end('interrupted');
    if (error !== outOfTime.signal.reason || signal.aborted) {
      await ended.catch(() => undefined);
      throw error;
    }
    return await ended;
  } finally {
    stopTimer?.();
  }
}
