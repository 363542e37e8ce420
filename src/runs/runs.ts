import { MillraceError, toMillraceError } from '../errors.ts';
import type { OpenCalls } from '../open-calls.ts';
import { createQuestionRuns, definedOnly } from './question-runs.ts';
import type { QueryParts } from '../query/parts.ts';
import type { PipelineDefaults } from '../query/resolve-pipeline.ts';
import { createTableRuns } from './table-runs.ts';
import { createParallelRuns, type ParallelWork } from './parallel-runs.ts';
import { createRunRecords, type RunAtWork, type RunKind } from './run-records.ts';
import type { RunId } from '../spec/identifiers.ts';
import type { Mill, MillStream } from '../spec/mill.ts';
import type {
  AskManyOptions,
  BatchQuestion,
  ParallelRunOptions,
  ResumeOptions,
  RetryChoice,
  RunEvent,
  RunSummary,
  SettledQuestion,
} from '../spec/runs.ts';
import type { RunRecord, Store } from '../spec/store.ts';
import type { SettledCell, TableOptions, TableQuestion } from '../spec/tables.ts';
import type { LaneSnapshot } from '../spec/work.ts';
import { createEventStream } from '../util/event-stream.ts';
import type { Random } from '../util/random.ts';

export interface RunsParts {
  readonly query: QueryParts;
  readonly store: Store;
  readonly random: Random;
  readonly calls: OpenCalls;
  /** Under those of each batch. */
  readonly questionDefaults: PipelineDefaults;
  /** Relative names of documents are meant from here. */
  readonly workingDirectory: string;
}

type Questions = Iterable<BatchQuestion> | AsyncIterable<BatchQuestion>;

/** The batches of one open directory: those in the record, and those that are at work here. Arguments are checked by the caller. */
export function createRuns({ query, store, random, calls, questionDefaults, workingDirectory }: RunsParts) {
  const { clock } = query;
  const records = createRunRecords(query, store, random);
  const questionRuns = createQuestionRuns(records, questionDefaults);
  const tableRuns = createTableRuns(records, tableDefaultsOf(questionDefaults), workingDirectory);
  const parallelRuns = createParallelRuns(records, questionDefaults);
  const kinds: Readonly<Record<string, RunKind>> = {
    'ask-many': questionRuns.kind,
    table: tableRuns.kind,
    'parallel-run': parallelRuns.kind,
  };
  /** Runs at work in this process, with what stops them. */
  const atWork = new Map<RunId, AbortController>();

  /** @param id of a run that is in the record: it is at work from this turn on */
  function stream(
    id: RunId | undefined,
    signal: AbortSignal | undefined,
    begin: (signal: AbortSignal) => Promise<RunAtWork & { readonly resumed: boolean }>,
  ): MillStream<RunEvent, RunSummary> {
    let sequence = 0;
    let runId: RunId | null = null;
    const started = clock.monotonic();
    const stamp = () => ({ sequence: ++sequence, at: new Date(clock.now()).toISOString(), runId });
    const outer = signal === undefined ? calls.closing : AbortSignal.any([signal, calls.closing]);
    return createEventStream<RunEvent, RunSummary>(
      rejectingOurs(async (producer) => {
        const stop = new AbortController();
        if (id !== undefined) {
          requireRest(id);
          atWork.set(id, stop);
        }
        const until = AbortSignal.any([producer.signal, stop.signal]);
        try {
          const { journal, before, work, resumed } = await begin(until);
          ({ runId } = journal);
          if (runId !== null) atWork.set(runId, stop);
          await producer.emit({ type: 'run-start', ...stamp(), resumed, settled: before.done + before.failed + before.expired });
          const ended = await work({
            signal: until,
            bounded: calls.run,
            running: () => generationsOf(query.scheduler.snapshot()),
            emit: (event) => producer.emit({ ...event, ...stamp() }),
          });
          const summary: RunSummary = { ...ended, ...stamp() };
          await producer.emit(summary);
          return summary;
        } finally {
          for (const own of [id, runId]) if (own !== undefined && own !== null) atWork.delete(own);
        }
      }),
      {
        signal: outer,
        failed: (error) => ({
          type: 'run-failed',
          ...stamp(),
          error: toMillraceError(error).toJSON(),
          elapsedMs: clock.monotonic() - started,
        }),
      },
    );
  }

  async function requireRun(id: RunId): Promise<RunRecord> {
    const run = await store.readRun(id);
    if (run !== undefined) return run;
    throw new MillraceError('E_NOT_FOUND', `There is no run ${id} in this directory.`, { remedy: 'See "millrace runs list".' });
  }

  async function requireKind(id: RunId, kinds: readonly string[], instead: string): Promise<RunRecord> {
    const run = await requireRun(id);
    if (kinds.includes(run.kind)) return run;
    throw new MillraceError('E_RUN_STATE', `The run ${id} is of kind "${run.kind}".`, { remedy: `Read it with ${instead}.` });
  }

  function requireRest(id: RunId): void {
    if (!atWork.has(id)) return;
    throw new MillraceError('E_RUN_STATE', `The run ${id} is at work in this process.`);
  }

  /** The run and its kind, once it is sure that it may go on. */
  async function requireOpen(id: RunId): Promise<{ readonly run: RunRecord; readonly kind: RunKind }> {
    const run = await requireRun(id);
    if (run.state === 'cancelled') throw new MillraceError('E_RUN_STATE', `The run ${id} was cancelled.`, { remedy: 'Start a new run.' });
    const kind = kinds[run.kind];
    if (kind === undefined) throw new MillraceError('E_RUN_STATE', `The run ${id} is of kind "${run.kind}", which cannot be resumed.`);
    return { run, kind };
  }

  return {
    askMany(
      questions: Questions,
      options: Omit<AskManyOptions, 'signal'>,
      signal: AbortSignal | undefined,
    ): MillStream<RunEvent, RunSummary> {
      return stream(undefined, signal, async (until) => ({ ...(await questionRuns.start(questions, options, until)), resumed: false }));
    },

    table(
      questions: readonly TableQuestion[],
      options: Omit<TableOptions, 'signal'>,
      signal: AbortSignal | undefined,
    ): MillStream<RunEvent, RunSummary> {
      return stream(undefined, signal, async (until) => ({ ...(await tableRuns.start(questions, options, until)), resumed: false }));
    },

    parallelRun(
      work: ParallelWork,
      options: Omit<ParallelRunOptions, 'signal'>,
      signal: AbortSignal | undefined,
    ): MillStream<RunEvent, RunSummary> {
      return stream(undefined, signal, async (until) => ({ ...(await parallelRuns.start(work, options, until)), resumed: false }));
    },

    resume(id: RunId, questions: Questions | undefined, limits: Omit<ResumeOptions, 'signal'>, signal: AbortSignal | undefined) {
      return stream(id, signal, async (until) => {
        const { run, kind } = await requireOpen(id);
        return { ...(await kind.resume(run, questions, limits, until)), resumed: true };
      });
    },

    retry(id: RunId, which: RetryChoice, limits: Omit<ResumeOptions, 'signal'>, signal: AbortSignal | undefined) {
      return stream(id, signal, async (until) => {
        const { run, kind } = await requireOpen(id);
        await kind.reopen(run, which, until);
        return { ...(await kind.resume(await requireRun(id), undefined, limits, until)), resumed: true };
      });
    },

    estimateQuestions: questionRuns.estimate,
    estimateTable: tableRuns.estimate,
    list: () => store.listRuns(),
    show: requireRun,
    async *items(id: RunId): AsyncIterable<SettledQuestion> {
      yield* questionRuns.items(await requireKind(id, ['ask-many', 'parallel-run'], 'runs.cells'));
    },
    async *cells(id: RunId): AsyncIterable<SettledCell> {
      yield* tableRuns.cells(id, await requireKind(id, ['table'], 'runs.items'));
    },

    async stale(id: RunId): Promise<number> {
      const run = await requireRun(id);
      let count = 0;
      for await (const { stale } of run.kind === 'table' ? tableRuns.cells(id, run) : questionRuns.items(run)) if (stale) count += 1;
      return count;
    },

    async cancel(id: RunId): Promise<void> {
      const run = await requireRun(id);
      if (run.state === 'done') throw new MillraceError('E_RUN_STATE', `The run ${id} is done already.`);
      await store.commit([{ type: 'setRunState', run: id, state: 'cancelled', at: clock.now() }]);
      atWork.get(id)?.abort(new MillraceError('E_CANCELLED', `The run ${id} was cancelled.`));
    },

    async delete(id: RunId): Promise<void> {
      await requireRun(id);
      requireRest(id);
      await store.commit([{ type: 'deleteRun', run: id }]);
    },
  } satisfies Record<string, unknown> & { readonly list: Mill['runs']['list'] };
}

function tableDefaultsOf({ contextTokens, maxTokens }: PipelineDefaults) {
  return definedOnly({ contextTokens, maxTokens });
}

/** The same work, which rejects with errors of the catalogue only. */
function rejectingOurs<Given, Result>(work: (given: Given) => Promise<Result>): (given: Given) => Promise<Result> {
  return async (given) => {
    try {
      return await work(given);
    } catch (error) {
      throw toMillraceError(error);
    }
  };
}

function generationsOf(lanes: readonly LaneSnapshot[]): number {
  return lanes.reduce((sum, { lane, running }) => sum + (lane === 'generate' || lane.startsWith('generate:') ? running : 0), 0);
}
