import type { OwnerOptions } from '../query/run/ask-items.ts';
import { noCounts } from '../query/run/progress.ts';
import { type PipelineItemInput, settledQuestion } from '../query/run/settled-question.ts';
import { createTransientJournal } from '../query/run/transient-journal.ts';
import { parallelRun, preparePipelines, type RunPipeline } from '../query/parallel-run.ts';
import type { PipelineDefaults } from '../query/resolve-pipeline.ts';
import { definedOnly, otherModel, requireInputs } from './question-runs.ts';
import { foundIn, type RunAtWork, type RunKind, type RunRecords } from './run-records.ts';
import type { Pipeline } from '../spec/pipeline.ts';
import type { BatchQuestion, ParallelRunOptions, PipelineInput, RetryChoice } from '../spec/runs.ts';
import type { RunItem, RunRecord } from '../spec/store.ts';
import { hashOf } from '../util/hash.ts';

/** What the record keeps of a run of several pipelines. */
interface ParallelRunDefinition {
  readonly pipelines: readonly Pipeline[];
  readonly order?: readonly number[];
  /** Of each pipeline, with the weights of its models; null where it could not be made ready when the run began. */
  readonly hashes: readonly (string | null)[];
  readonly keys: readonly string[];
  readonly defaults: PipelineDefaults;
  readonly options: OwnerOptions;
  readonly label: Readonly<Record<string, string>>;
}

type Inputs = Iterable<BatchQuestion> | AsyncIterable<BatchQuestion>;

/** Every pipeline on every input, or each input with its own pipeline. */
export interface ParallelWork {
  readonly pipelines: readonly Pipeline[];
  readonly inputs: Inputs;
  readonly order?: readonly number[];
}

/** Pairs as the pipelines among them and which of these each input goes through. */
export function workOfPairs(pairs: readonly PipelineInput[]): ParallelWork {
  const numbers = new Map<string, number>();
  const pipelines: Pipeline[] = [];
  const order = pairs.map(({ pipeline }) => {
    const key = hashOf(pipeline);
    const number = numbers.get(key) ?? pipelines.push(pipeline) - 1;
    numbers.set(key, number);
    return number;
  });
  return { pipelines, order, inputs: pairs.map(({ input }) => input) };
}

/** Runs of kind `parallel-run`. */
export function createParallelRuns(records: RunRecords, questionDefaults: PipelineDefaults) {
  const { query, store } = records;

  async function unchanged(run: RunRecord, signal: AbortSignal): Promise<readonly RunPipeline[]> {
    const { pipelines, defaults, hashes } = run.definition as ParallelRunDefinition;
    const prepared = await preparePipelines(query, pipelines, defaults, signal);
    for (const [number, { hash }] of prepared.entries()) {
      const before = hashes[number] ?? null;
      if (before !== null && hash !== null && hash !== before) throw otherModel(run.id);
    }
    return prepared;
  }

  const kind: RunKind = {
    async resume(run, inputs, limits, signal): Promise<RunAtWork> {
      const { order, keys, options, label } = run.definition as ParallelRunDefinition;
      const pipelines = await unchanged(run, signal);
      const before = await records.count(run, settledQuestion);
      requireInputs(run.id, inputs, before, label);
      const journal = await records.goOn(run.id);
      const stored = (after: number, limit: number) => store.listRunItems(run.id, { after, limit });
      return {
        journal,
        before,
        work: (call) =>
          parallelRun(query, { ...options, questions: inputs, pipelines, keys, order, journal, stored, before, limits }, call),
      };
    },
    async reopen(run, which, signal) {
      const pipelines = await unchanged(run, signal);
      requireInputs(run.id, undefined, foundIn(run), (run.definition as ParallelRunDefinition).label);
      for await (const page of records.settledPages(run.id)) {
        const items = page.filter((item) => isChosen(item, which, pipelines));
        if (items.length > 0) await store.commit([{ type: 'renewRunItems', run: run.id, items }]);
      }
    },
  };

  return {
    kind,
    async start(
      { pipelines: given, inputs, order }: ParallelWork,
      { concurrency, ordered, durable, questionTimeoutMs, maxTimeMs, label, collection, ...options }: Omit<ParallelRunOptions, 'signal'>,
      signal: AbortSignal,
    ): Promise<RunAtWork> {
      const defaults: PipelineDefaults = { ...questionDefaults, ...definedOnly({ collection }) };
      const pipelines = await preparePipelines(query, given, defaults, signal);
      const keys = pipelines.map(({ hash, resolved }) => hash ?? resolved.hash);
      const definition: ParallelRunDefinition = {
        pipelines: given,
        ...definedOnly({ order }),
        hashes: pipelines.map(({ hash }) => hash),
        keys,
        defaults,
        options,
        label: label ?? {},
      };
      const journal = (durable ?? store.writable) ? await records.create('parallel-run', definition) : createTransientJournal(query.clock);
      const limits = definedOnly({ concurrency, ordered, questionTimeoutMs, maxTimeMs });
      return {
        journal,
        before: noCounts,
        work: (call) =>
          parallelRun(query, { ...options, questions: inputs, pipelines, keys, order, journal, before: noCounts, limits }, call),
      };
    },
  };
}

function isChosen(item: RunItem, which: RetryChoice, pipelines: readonly RunPipeline[]): boolean {
  if (which === 'failed') return item.status === 'failed' || item.status === 'expired';
  const settled = settledQuestion(item);
  if (settled.status !== 'done') return false;
  if (which === 'empty') return settled.abstained;
  const { number } = (item.input as PipelineItemInput).pipeline;
  return settled.revision !== null && settled.revision < (pipelines[number]?.revision ?? 0);
}
