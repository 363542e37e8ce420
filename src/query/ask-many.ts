import { hashOf } from '../util/hash.ts';
import type { QueryParts } from './parts.ts';
import { promptVersion } from './prompt.ts';
import type { ResolvedPipeline } from './resolve-pipeline.ts';
import { askItems, type QuestionRun } from './run/ask-items.ts';
import { itemKey } from './run/question-source.ts';
import type { BatchCall, RunSummaryBody } from './run/run-batch.ts';

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

export interface BatchRun extends QuestionRun {
  readonly pipeline: BatchPipeline;
}

/** Many questions for one pipeline. */
export function askMany(parts: QueryParts, { pipeline: batch, ...run }: BatchRun, call: BatchCall): Promise<RunSummaryBody> {
  const { pipeline, hash, revision } = batch;
  return askItems(
    parts,
    run,
    {
      expand: (input) => [{ key: itemKey(input, hash), input }],
      answer: (_, ask) => ask(pipeline, revision),
    },
    call,
  );
}
