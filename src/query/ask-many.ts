import { MillraceError } from '../errors.ts';
import type { AskOptions } from '../spec/answers.ts';
import type { AskManyOptions, BatchQuestion, RunEvent, RunSummary } from '../spec/runs.ts';
import type { RunItem } from '../spec/store.ts';
import { hashOf } from '../util/hash.ts';
import type { QueryParts } from './parts.ts';
import { answerQuestion, queryDefaults } from './pipeline.ts';
import { promptVersion } from './prompt.ts';
import type { RunJournal } from './run/journal.ts';
import { createProgress, type RunCounts } from './run/progress.ts';
import { type QuestionInput, questionItems } from './run/question-source.ts';
import { runItems } from './run/run-items.ts';
import { settledQuestion, storedAnswer, withSettlement } from './run/settled-question.ts';

export const batchDefaults = { concurrency: 10 } as const;

/** Bounds one call by the run's signal, its own time and the closing of everything. */
export type BoundedCall = <Result>(
  limits: { readonly signal: AbortSignal; readonly timeoutMs: number | undefined },
  work: (call: { readonly signal: AbortSignal; readonly deadline?: number }) => Promise<Result>,
) => Promise<Result>;

/** What decides the answers besides the questions: equal hash, equal answers (on one revision of the collection). */
export interface BatchPipeline {
  readonly hash: string;
  /** Revision of the collection now. */
  readonly revision: number;
}

/** Loads the models of the batch, so that a missing one fails the run and not each of its questions. */
export async function prepareBatch(parts: QueryParts, options: AskOptions, signal: AbortSignal): Promise<BatchPipeline> {
  const collection = options.collection ?? queryDefaults.collection;
  const embedder = options.mode === 'text' ? undefined : await parts.embedder(collection);
  const generator = options.quotesOnly === true ? undefined : await parts.generator(() => undefined);
  signal.throwIfAborted();
  const status = (await parts.store.collections()).find((one) => one.collection === collection);
  const { collection: _, timeoutMs: __, class: ___, tenant: ____, ...asked } = options;
  return {
    hash: hashOf({ collection, options: asked, promptVersion, generator: generator?.model.hash, embedder: embedder?.model.hash }),
    revision: status?.revision ?? 0,
  };
}

export interface BatchRun {
  /** Undefined to ask only what is in the journal. */
  readonly questions: Iterable<BatchQuestion> | AsyncIterable<BatchQuestion> | undefined;
  /** Those of the answers; the rest of a batch's options stand beside them. */
  readonly options: AskOptions;
  readonly pipeline: BatchPipeline;
  readonly journal: RunJournal;
  /** The run's items from an earlier life, in order of number. */
  readonly stored?: (after: number, limit: number) => Promise<readonly RunItem[]>;
  /** What was found and settled in an earlier life. */
  readonly before: RunCounts;
  readonly limits: Pick<AskManyOptions, 'concurrency' | 'ordered' | 'questionTimeoutMs' | 'maxTimeMs'>;
}

export type RunEventBody = RunEvent extends infer Each ? (Each extends RunEvent ? Omit<Each, 'sequence' | 'at' | 'runId'> : never) : never;

/** Many questions, each settled once: its own failure is its own, and what was settled is told after it is in the journal. */
export async function askMany(
  parts: QueryParts,
  run: BatchRun,
  call: { readonly signal: AbortSignal; readonly bounded: BoundedCall },
  emit: (event: RunEventBody) => Promise<void>,
): Promise<Omit<RunSummary, 'sequence' | 'at' | 'runId'>> {
  const { clock } = parts;
  const { journal, limits, options, pipeline } = run;
  const progress = createProgress(clock, run.before);
  const outOfTime = new AbortController();
  const stopTimer =
    limits.maxTimeMs === undefined
      ? undefined
      : clock.after(limits.maxTimeMs, () => outOfTime.abort(new MillraceError('E_DEADLINE_EXCEEDED', 'The time of the run is over.')), {
          keepAlive: false,
        });

  async function tellProgress(): Promise<void> {
    if (!progress.due()) return;
    const event = progress.event();
    await journal.note(progress.counts());
    await emit(event);
  }

  async function execute(item: RunItem, signal: AbortSignal): Promise<unknown> {
    const input = item.input as QuestionInput;
    if (input.unreadable !== undefined) throw MillraceError.fromJSON(input.unreadable as Parameters<typeof MillraceError.fromJSON>[0]);
    const answer = await call.bounded({ signal, timeoutMs: limits.questionTimeoutMs }, (bounds) =>
      answerQuestion(parts, input.question, { ...options, class: options.class ?? 'batch' }, bounds, undefined),
    );
    return storedAnswer(answer, pipeline.revision);
  }

  const end = async (state: 'done' | 'interrupted') => {
    await journal.end(state, progress.counts());
    return { type: 'run-end' as const, state, ...progress.summary() };
  };

  try {
    await runItems({
      clock,
      journal,
      source:
        run.questions === undefined
          ? nothing()
          : questionItems({
              questions: run.questions,
              pipelineHash: pipeline.hash,
              ...(run.stored === undefined ? {} : { stored: run.stored }),
              async onFound(found, all) {
                progress.found(found, all);
                if (all) await journal.note(progress.counts());
              },
            }),
      concurrency: limits.concurrency ?? batchDefaults.concurrency,
      ordered: limits.ordered ?? false,
      execute,
      async onSettled(item, settlement) {
        const settled = settledQuestion(withSettlement(item, settlement));
        progress.settled(settled);
        await emit({ type: 'item-settled', item: settled });
        await tellProgress();
      },
      signal: AbortSignal.any([call.signal, outOfTime.signal]),
    });
    return await end('done');
  } catch (error) {
    // A closing store says so itself when it is next opened for writing.
    const ended = end('interrupted');
    if (!outOfTime.signal.aborted || call.signal.aborted) {
      await ended.catch(() => undefined);
      throw error;
    }
    return await ended;
  } finally {
    stopTimer?.();
  }
}

async function* nothing(): AsyncIterable<never> {}
