import { z } from 'zod';
import { MillraceError } from './errors.ts';
import { definePipeline } from './formats/define-pipeline.ts';
import { type ParallelWork, workOfPairs } from './runs/parallel-runs.ts';
import { batchQuestion } from './spec/runs.ts';

const maxPipelines = 100;
const maxPairs = 100_000;

/**
 * The two ways to call `parallelRun`: `(pipelines, inputs, options)` and `(pairs, options)`.
 *
 * @throws MillraceError E_PIPELINE_INVALID with the number of the pipeline, E_INPUT_INVALID
 */
export function parallelArguments(given: readonly unknown[]): { readonly work: ParallelWork; readonly options: unknown } {
  const [first, second, third] = given;
  if (!Array.isArray(first)) throw invalid('The first argument of parallelRun is a list of pipelines, or of pipelines with their inputs.');
  if (isIterable(second)) {
    if (first.length === 0 || first.length > maxPipelines) throw invalid(`parallelRun takes from 1 to ${maxPipelines} pipelines.`);
    const pipelines = first.map((value, number) => definePipeline(value, `pipeline ${number + 1}`));
    return { work: { pipelines, inputs: second as ParallelWork['inputs'] }, options: third ?? {} };
  }
  if (first.length > maxPairs) throw invalid(`parallelRun takes at most ${maxPairs} pairs of a pipeline and an input.`);
  const pairs = first.map((value: unknown, number) => {
    const pair = z.strictObject({ pipeline: z.unknown(), input: batchQuestion }).safeParse(value);
    if (!pair.success)
      throw invalid(`Pair ${number + 1} of parallelRun is not valid: ${pair.error.issues[0]?.message ?? 'unknown reason'}.`);
    return { pipeline: definePipeline(pair.data.pipeline, `pipeline of pair ${number + 1}`), input: pair.data.input };
  });
  return { work: workOfPairs(pairs), options: second ?? {} };
}

function isIterable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value);
}

function invalid(message: string): MillraceError {
  return new MillraceError('E_INPUT_INVALID', message);
}
