import type { Timeouts } from '../spec/answers.ts';
import type { WorkClass } from '../spec/engine.ts';
import type { BatchQuestion } from '../spec/runs.ts';
import type { RunItem } from '../spec/store.ts';
import { hashOf } from '../util/hash.ts';
import type { QueryParts } from './parts.ts';

import { promptVersion } from './prompt.ts';
import type { ResolvedPipeline } from './resolve-pipeline.ts';
import type { RunJournal } from './run/journal.ts';
import type { RunCounts } from './run/progress.ts';
import { itemKey, type QuestionInput, questionItems, requireReadable } from './run/question-source.ts';
import { type BatchCall, type BatchLimits, runBatch, type RunSummaryBody } from './run/run-batch.ts';
import { answerCaller } from './shared-answer.ts';
import { settledQuestion, storedAnswer } from './run/settled-question.ts';

export const batchDefaults = { concurrency: 10 } as const;

/** A pipeline made ready for a batch: its models are loaded. */
export interface BatchPipeline {
  readonly pipeline: ResolvedPipeline;
  /** What decides the answers besides the questions: equal hash, equal answers (on one revision of the collection). */
  readonly hash: string;
  /** Revision of the collection now. */
  readonly revision: number;
}

/** Loads the models of the batch, so that a missing one fails the run and not each of its questions. */
export async function prepareBatch(parts: QueryParts, pipeline: ResolvedPipeline, signal: AbortSignal): Promise<BatchPipeline> {
  const { collection, mode } = pipeline.retrieve;
  const embedder = mode === 'text' ? undefined : await parts.embedder(collection);
  const generator =
    pipeline.generate.by === 'quotes' || pipeline.stages.generate !== undefined
      ? undefined
      : await parts.generator(() => undefined, pipeline.generate.model);
  const { rerank } = pipeline;
  const reranker = rerank.by === 'cross-encoder' ? await parts.reranker(rerank.model) : undefined;
  signal.throwIfAborted();
  const status = (await parts.store.collections()).find((one) => one.collection === collection);
  return {
    pipeline,
    hash: hashOf({
      pipeline: pipeline.hash,
      promptVersion,
      generator: generator?.model.hash,
      embedder: embedder?.model.hash,
      reranker: reranker?.model.hash,
    }),
    revision: status?.revision ?? 0,
  };
}

export interface BatchRun {
  /** Undefined to ask only what is in the journal. */
  readonly questions: Iterable<BatchQuestion> | AsyncIterable<BatchQuestion> | undefined;
  readonly pipeline: BatchPipeline;
  /** Default `batch`. */
  readonly class?: WorkClass | undefined;
  readonly tenant?: string | undefined;
  readonly cache?: boolean | undefined;
  readonly timeouts?: Timeouts | undefined;
  readonly journal: RunJournal;
  /** The run's items from an earlier life, in order of number. */
  readonly stored?: (after: number, limit: number) => Promise<readonly RunItem[]>;
  /** What was found and settled in an earlier life. */
  readonly before: RunCounts;
  readonly limits: BatchLimits;
}

/** Many questions, each settled once: its own failure is its own, and what was settled is told after it is in the journal. */
export function askMany(parts: QueryParts, run: BatchRun, call: BatchCall): Promise<RunSummaryBody> {
  const { journal, before, limits, pipeline, questions, stored, tenant } = run;
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
          : questionItems({
              questions,
              expand: (input) => [{ key: itemKey(input, pipeline.hash), input }],
              ...(stored === undefined ? {} : { stored }),
              onFound,
            }),
      async execute(item, bounds) {
        const input = item.input as QuestionInput;
        requireReadable(input);
        const answer = await answerCaller(
          parts,
          input.question,
          pipeline.pipeline,
          { ...bounds, class: run.class ?? 'batch', tenant, cache: run.cache, timeouts: run.timeouts },
          undefined,
        );
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
