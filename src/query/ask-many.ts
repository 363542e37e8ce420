import { MillraceError } from '../errors.ts';
import type { AskOptions } from '../spec/answers.ts';
import type { BatchQuestion } from '../spec/runs.ts';
import type { RunItem } from '../spec/store.ts';
import { hashOf } from '../util/hash.ts';
import type { QueryParts } from './parts.ts';
import { answerQuestion, queryDefaults } from './pipeline.ts';
import { promptVersion } from './prompt.ts';
import type { RunJournal } from './run/journal.ts';
import type { RunCounts } from './run/progress.ts';
import { type QuestionInput, questionItems } from './run/question-source.ts';
import { type BatchCall, type BatchLimits, runBatch, type RunSummaryBody } from './run/run-batch.ts';
import { settledQuestion, storedAnswer } from './run/settled-question.ts';

export const batchDefaults = { concurrency: 10 } as const;

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
  readonly limits: BatchLimits;
}

/** Many questions, each settled once: its own failure is its own, and what was settled is told after it is in the journal. */
export function askMany(parts: QueryParts, run: BatchRun, call: BatchCall): Promise<RunSummaryBody> {
  const { journal, before, limits, options, pipeline, questions, stored } = run;
  return runBatch(
    parts.clock,
    {
      journal,
      before,
      limits,
      concurrency: batchDefaults.concurrency,
      source: (onFound) =>
        questions === undefined
          ? nothing()
          : questionItems({ questions, pipelineHash: pipeline.hash, ...(stored === undefined ? {} : { stored }), onFound }),
      async execute(item, bounds) {
        const input = item.input as QuestionInput;
        if (input.unreadable !== undefined) throw MillraceError.fromJSON(input.unreadable as Parameters<typeof MillraceError.fromJSON>[0]);
        const answer = await answerQuestion(parts, input.question, { ...options, class: options.class ?? 'batch' }, bounds, undefined);
        return storedAnswer(answer, pipeline.revision);
      },
      tell(item) {
        const settled = settledQuestion(item);
        return { event: { type: 'item-settled', item: settled }, outcome: settled };
      },
    },
    call,
  );
}

async function* nothing(): AsyncIterable<never> {}
