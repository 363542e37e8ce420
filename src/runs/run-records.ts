import type { QueryParts } from '../query/parts.ts';
import { createDurableJournal, type RunJournal } from '../query/run/journal.ts';
import type { RunCounts, SettledOutcome } from '../query/run/progress.ts';
import type { BatchCall, BatchLimits, RunSummaryBody } from '../query/run/run-batch.ts';
import type { RunId } from '../spec/identifiers.ts';
import type { BatchQuestion, RetryChoice } from '../spec/runs.ts';
import type { RunItem, RunRecord, Store, StoreOperation } from '../spec/store.ts';
import type { Random } from '../util/random.ts';

export type RunKindName = Extract<StoreOperation, { type: 'createRun' }>['kind'];

/** A run whose items can be worked on. */
export interface RunAtWork {
  readonly journal: RunJournal;
  readonly before: RunCounts;
  work(call: BatchCall): Promise<RunSummaryBody>;
}

/** What a kind of run does in its own way; its record, its stream and what stops it are alike for all. */
export interface RunKind {
  /** Goes on with the open items of a run that is in the record. `questions`, where given, must be those it began with. */
  resume(
    run: RunRecord,
    questions: Iterable<BatchQuestion> | AsyncIterable<BatchQuestion> | undefined,
    limits: BatchLimits,
    signal: AbortSignal,
  ): Promise<RunAtWork>;
  /** Makes settled items pending again; changes nothing where the run could not go on. */
  reopen(run: RunRecord, which: RetryChoice, signal: AbortSignal): Promise<void>;
}

/** What runs of every kind do with the record. */
export interface RunRecords {
  readonly query: QueryParts;
  readonly store: Store;
  /** The acknowledgement of a new run is its journal. */
  create(kind: RunKindName, definition: unknown): Promise<RunJournal>;
  /** A run of the record is at work again. */
  goOn(id: RunId): Promise<RunJournal>;
  /** Settled items in order of number. */
  settledPages(id: RunId): AsyncIterable<readonly RunItem[]>;
  /** From the items themselves: the progress in the record may be a second old. */
  count(run: RunRecord, outcome: (item: RunItem) => SettledOutcome): Promise<RunCounts>;
}

/** Stored items read at once. */
const pageItems = 1_000;

export function createRunRecords(query: QueryParts, store: Store, random: Random): RunRecords {
  const { clock } = query;

  async function* settledPages(id: RunId): AsyncIterable<readonly RunItem[]> {
    let after = -1;
    for (;;) {
      const page = await store.listRunItems(id, { after, limit: pageItems, state: 'settled' });
      yield page;
      if (page.length < pageItems) return;
      after = page.at(-1)?.number ?? after;
    }
  }

  return {
    query,
    store,
    settledPages,
    async create(kind, definition) {
      const at = clock.now();
      const run = random.uuid(at) as RunId;
      await store.commit([{ type: 'createRun', run, kind, definition, items: [], at }]);
      return createDurableJournal(store, clock, run);
    },
    async goOn(id) {
      await store.commit([{ type: 'setRunState', run: id, state: 'running', at: clock.now() }]);
      return createDurableJournal(store, clock, id);
    },
    async count(run, outcome) {
      let abstained = 0;
      for await (const page of settledPages(run.id)) abstained += page.filter((item) => outcome(item).abstained).length;
      const { done, failed, expired } = run.outcomes;
      return { ...foundIn(run), done, failed, expired, abstained };
    },
  };
}

/** How much of its input a run of the record has read. */
export function foundIn({ items: { pending, claimed, settled }, progress }: RunRecord): Pick<RunCounts, 'found' | 'allFound'> {
  return { found: pending + claimed + settled, allFound: (progress as Partial<RunCounts> | null)?.allFound ?? false };
}
