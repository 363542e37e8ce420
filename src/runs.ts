import { MillraceError, toMillraceError } from './errors.ts';
import type { OpenCalls } from './open-calls.ts';
import { askMany, type BatchPipeline, type BatchRun, prepareBatch } from './query/ask-many.ts';
import type { QueryParts } from './query/parts.ts';
import { createDurableJournal, type RunJournal } from './query/run/journal.ts';
import { noCounts, type RunCounts } from './query/run/progress.ts';
import { settledQuestion } from './query/run/settled-question.ts';
import { createTransientJournal } from './query/run/transient-journal.ts';
import type { AskOptions } from './spec/answers.ts';
import type { RunId } from './spec/identifiers.ts';
import type { Mill, MillStream } from './spec/mill.ts';
import type { AskManyOptions, BatchQuestion, ResumeOptions, RunEvent, RunSummary, SettledQuestion } from './spec/runs.ts';
import type { RunRecord, Store } from './spec/store.ts';
import { createEventStream } from './util/event-stream.ts';
import type { Random } from './util/random.ts';

export interface RunsParts {
  readonly query: QueryParts;
  readonly store: Store;
  readonly random: Random;
  readonly calls: OpenCalls;
  /** Under those of each batch. */
  readonly questionDefaults: Pick<AskOptions, 'contextTokens' | 'maxTokens'>;
}

type Questions = Iterable<BatchQuestion> | AsyncIterable<BatchQuestion>;

/** What the record keeps of how a run's questions are asked. */
interface RunDefinition {
  readonly options: AskOptions;
  readonly pipelineHash: string;
  readonly label: Readonly<Record<string, string>>;
}

/** Stored items read at once, for counting. */
const pageItems = 1_000;

/** The batches of one open directory: those in the record, and those that are at work here. Arguments are checked by the caller. */
export function createRuns({ query, store, random, calls, questionDefaults }: RunsParts) {
  const { clock } = query;
  /** Runs at work in this process, with what stops them. */
  const atWork = new Map<RunId, AbortController>();

  function stream(
    signal: AbortSignal | undefined,
    begin: (signal: AbortSignal) => Promise<{ readonly batch: BatchRun; readonly resumed: boolean }>,
  ): MillStream<RunEvent, RunSummary> {
    let sequence = 0;
    let runId: RunId | null = null;
    const started = clock.monotonic();
    const stamp = () => ({ sequence: ++sequence, at: new Date(clock.now()).toISOString(), runId });
    const until = signal === undefined ? calls.closing : AbortSignal.any([signal, calls.closing]);
    return createEventStream<RunEvent, RunSummary>(
      async (producer) => {
        const { batch, resumed } = await begin(producer.signal);
        runId = batch.journal.runId;
        const stop = new AbortController();
        if (runId !== null) atWork.set(runId, stop);
        try {
          const { done, failed, expired } = batch.before;
          await producer.emit({ type: 'run-start', ...stamp(), resumed, settled: done + failed + expired });
          const call = { signal: AbortSignal.any([producer.signal, stop.signal]), bounded: calls.run };
          const ended = await askMany(query, batch, call, (event) => producer.emit({ ...event, ...stamp() }));
          const summary: RunSummary = { ...ended, ...stamp() };
          await producer.emit(summary);
          return summary;
        } finally {
          if (runId !== null) atWork.delete(runId);
        }
      },
      {
        signal: until,
        failed: (error) => ({
          type: 'run-failed',
          ...stamp(),
          error: toMillraceError(error).toJSON(),
          elapsedMs: clock.monotonic() - started,
        }),
      },
    );
  }

  async function createRun(options: AskOptions, pipeline: BatchPipeline, label: RunDefinition['label']): Promise<RunJournal> {
    const at = clock.now();
    const run = random.uuid(at) as RunId;
    const definition: RunDefinition = { options, pipelineHash: pipeline.hash, label };
    await store.commit([{ type: 'createRun', run, kind: 'ask-many', definition, items: [], at }]);
    return createDurableJournal(store, clock, run);
  }

  async function requireRun(id: RunId): Promise<RunRecord> {
    const run = await store.readRun(id);
    if (run !== undefined) return run;
    throw new MillraceError('E_NOT_FOUND', `There is no run ${id} in this directory.`, { remedy: 'See "millrace runs list".' });
  }

  function requireRest(run: RunRecord): void {
    if (!atWork.has(run.id)) return;
    throw new MillraceError('E_RUN_STATE', `The run ${run.id} is at work in this process.`);
  }

  async function resumed(id: RunId, questions: Questions | undefined, limits: ResumeOptions, signal: AbortSignal): Promise<BatchRun> {
    const run = await requireRun(id);
    requireRest(run);
    if (run.state === 'cancelled') throw new MillraceError('E_RUN_STATE', `The run ${id} was cancelled.`, { remedy: 'Start a new run.' });
    const definition = run.definition as RunDefinition;
    const counts = await countItems(run);
    if (questions === undefined && !counts.allFound) {
      throw new MillraceError('E_RUN_CHANGED', `The run ${id} stopped before all its questions were read, so they are needed again.`, {
        details: { label: definition.label, found: counts.found },
      });
    }
    const pipeline = await prepareBatch(query, definition.options, signal);
    if (pipeline.hash !== definition.pipelineHash) {
      throw new MillraceError('E_RUN_CHANGED', `The run ${id} was begun with another model or another version of the prompt.`, {
        remedy: 'Open the directory with the model it began with (--model), or start a new run.',
      });
    }
    await store.commit([{ type: 'setRunState', run: id, state: 'running', at: clock.now() }]);
    return {
      questions,
      options: definition.options,
      pipeline,
      journal: createDurableJournal(store, clock, id),
      stored: (after, limit) => store.listRunItems(id, { after, limit }),
      before: counts,
      limits,
    };
  }

  /** From the items themselves: the progress in the record may be a second old. */
  async function countItems(run: RunRecord): Promise<RunCounts> {
    let abstained = 0;
    for await (const item of settledItems(run.id)) if (item.abstained) abstained += 1;
    const { pending, claimed, settled } = run.items;
    const { done, failed, expired } = run.outcomes;
    const allFound = (run.progress as Partial<RunCounts> | null)?.allFound ?? false;
    return { found: pending + claimed + settled, allFound, done, failed, expired, abstained };
  }

  async function* settledItems(id: RunId): AsyncIterable<SettledQuestion> {
    let after = -1;
    for (;;) {
      const page = await store.listRunItems(id, { after, limit: pageItems, state: 'settled' });
      yield* page.map(settledQuestion);
      if (page.length < pageItems) return;
      after = page.at(-1)?.number ?? after;
    }
  }

  return {
    askMany(
      questions: Questions,
      options: Omit<AskManyOptions, 'signal'>,
      signal: AbortSignal | undefined,
    ): MillStream<RunEvent, RunSummary> {
      const { concurrency, ordered, durable, questionTimeoutMs, maxTimeMs, label, ...asked } = options;
      return stream(signal, async (until) => {
        const answering: AskOptions = { ...questionDefaults, ...asked };
        const pipeline = await prepareBatch(query, answering, until);
        const isDurable = durable ?? store.writable;
        const journal = isDurable ? await createRun(answering, pipeline, label ?? {}) : createTransientJournal(clock);
        const limits = definedOnly({ concurrency, ordered, questionTimeoutMs, maxTimeMs });
        return { batch: { questions, options: answering, pipeline, journal, before: noCounts, limits }, resumed: false };
      });
    },

    resume(id: RunId, questions: Questions | undefined, limits: Omit<ResumeOptions, 'signal'>, signal: AbortSignal | undefined) {
      return stream(signal, async (until) => ({ batch: await resumed(id, questions, limits, until), resumed: true }));
    },

    retry(id: RunId, which: 'failed' | 'stale', limits: Omit<ResumeOptions, 'signal'>, signal: AbortSignal | undefined) {
      return stream(signal, async (until) => {
        const run = await requireRun(id);
        requireRest(run);
        const { options } = run.definition as RunDefinition;
        const { revision } = await prepareBatch(query, options, until);
        await store.commit([
          which === 'failed'
            ? { type: 'reopenItems', run: id, statuses: ['failed', 'expired'] }
            : { type: 'reopenItems', run: id, statuses: ['done'], olderThanRevision: revision },
        ]);
        return { batch: await resumed(id, undefined, limits, until), resumed: true };
      });
    },

    list: () => store.listRuns(),
    show: requireRun,
    items: settledItems,

    async cancel(id: RunId): Promise<void> {
      const run = await requireRun(id);
      if (run.state === 'done') throw new MillraceError('E_RUN_STATE', `The run ${id} is done already.`);
      await store.commit([{ type: 'setRunState', run: id, state: 'cancelled', at: clock.now() }]);
      atWork.get(id)?.abort(new MillraceError('E_CANCELLED', `The run ${id} was cancelled.`));
    },

    async delete(id: RunId): Promise<void> {
      requireRest(await requireRun(id));
      await store.commit([{ type: 'deleteRun', run: id }]);
    },
  } satisfies Record<string, unknown> & { readonly list: Mill['runs']['list'] };
}

function definedOnly<Options extends Readonly<Record<string, unknown>>>(
  options: Options,
): { [Name in keyof Options]?: NonNullable<Options[Name]> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}
