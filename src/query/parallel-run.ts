import { MillraceError, toMillraceError } from '../errors.ts';
import type { Pipeline } from '../spec/pipeline.ts';
import { prepareBatch } from './ask-many.ts';
import type { QueryParts } from './parts.ts';
import { type PipelineDefaults, type ResolvedPipeline, resolvePipeline } from './resolve-pipeline.ts';
import { askItems, type ItemInput, type QuestionRun } from './run/ask-items.ts';
import { itemKey } from './run/question-source.ts';
import type { BatchCall, RunSummaryBody } from './run/run-batch.ts';

/** One of the pipelines of a run, ready or not. */
export interface RunPipeline {
  /** As it was given; stands in the error of each item that fails. */
  readonly given: Pipeline;
  readonly resolved: ResolvedPipeline;
  /** What decides its answers besides the questions; null where it could not be made ready. */
  readonly hash: string | null;
  /** Of its collection, now. */
  readonly revision: number;
  /** Why it could not be made ready: each of its items fails with this, and no other. */
  readonly failure: MillraceError | undefined;
}

/** @throws MillraceError E_PIPELINE_INVALID where one is not valid or two have the same name: then nothing begins */
export function resolvePipelines(pipelines: readonly Pipeline[], defaults: PipelineDefaults): readonly ResolvedPipeline[] {
  const resolved = pipelines.map((pipeline) => resolvePipeline(pipeline, defaults));
  const names = new Set<string>();
  for (const { name } of resolved) {
    if (names.has(name)) {
      throw new MillraceError('E_PIPELINE_INVALID', `Two pipelines are called "${name}".`, {
        remedy: 'Give each a name of its own; without names, pipelines that are equal are one.',
        details: { name },
      });
    }
    names.add(name);
  }
  return resolved;
}

/** Loads what each pipeline needs, one after the other. One that cannot be made ready is told by its items. */
export async function preparePipelines(
  parts: QueryParts,
  pipelines: readonly Pipeline[],
  defaults: PipelineDefaults,
  signal: AbortSignal,
): Promise<readonly RunPipeline[]> {
  const prepared: RunPipeline[] = [];
  for (const [number, resolved] of resolvePipelines(pipelines, { ...defaults, stages: parts.stages }).entries()) {
    const given = pipelines[number] as Pipeline;
    try {
      const { hash, revision } = await prepareBatch(parts, resolved, signal);
      prepared.push({ given, resolved, hash, revision, failure: undefined });
    } catch (error) {
      signal.throwIfAborted();
      const failure = toMillraceError(error);
      if (failure.code === 'E_SHUTTING_DOWN' || failure.code.startsWith('E_STORE')) throw failure;
      prepared.push({ given, resolved, hash: null, revision: 0, failure });
    }
  }
  return prepared;
}

export interface ParallelRun extends QuestionRun {
  readonly pipelines: readonly RunPipeline[];
  /** Part of the keys of the items of each pipeline. */
  readonly keys: readonly string[];
  /** The pipeline of each question, by number; undefined: all pipelines for every question. */
  readonly order: readonly number[] | undefined;
}

/** A model that is missing is missing for one pipeline. */
const failsAlone: ReadonlySet<string> = new Set(['E_MODEL_NOT_INSTALLED']);

/**
 * Every input through its pipelines, next to each other, so that what they have in common is done once: the vector of the question, the
 * hits of equal retrieval, the tokens of an equal beginning of the prompt, a whole answer of pipelines that are equal. A pipeline that
 * fails does so alone, with its configuration in the error.
 */
export function parallelRun(parts: QueryParts, run: ParallelRun, call: BatchCall): Promise<RunSummaryBody> {
  const { pipelines, keys, order, limits } = run;
  const all = pipelines.map((_, number) => number);
  return askItems(
    parts,
    { ...run, limits: { ...limits, ordered: limits.ordered ?? true } },
    {
      failsAlone,
      expand(input, place) {
        const numbers = order === undefined ? all : order.slice(place, place + 1);
        if (numbers.length === 0) throw new MillraceError('E_RUN_CHANGED', 'There are more inputs now than the run began with.');
        return numbers.map((number) => {
          const pipeline = { number, name: pipelines[number]?.resolved.name ?? '' };
          return { key: itemKey(input, keys[number] ?? ''), input: { ...input, place, pipeline } satisfies ItemInput };
        });
      },
      async answer({ pipeline: named }, ask) {
        const pipeline = named === undefined ? undefined : pipelines[named.number];
        if (pipeline === undefined) throw new MillraceError('E_INTERNAL', `The run has no pipeline ${named?.number ?? 'for an item'}.`);
        if (pipeline.failure !== undefined) throw ofPipeline(pipeline, pipeline.failure);
        try {
          return await ask(pipeline.resolved, pipeline.revision);
        } catch (error) {
          throw ofPipeline(pipeline, toMillraceError(error));
        }
      },
    },
    call,
  );
}

/** The same error, with the configuration that failed. */
function ofPipeline({ given, resolved }: RunPipeline, error: MillraceError): MillraceError {
  return new MillraceError(error.code, `Pipeline "${resolved.name}": ${error.message}`, {
    remedy: error.remedy,
    cause: error,
    details: { ...error.details, pipeline: given },
    delivered: error.delivered,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  });
}
