import { MillraceError } from '../errors.ts';
import { estimateQuestions } from '../query/estimate/estimate-questions.ts';
import type { Estimate, EstimateOptions } from '../spec/estimates.ts';
import { askMany, type BatchPipeline, prepareBatch } from '../query/ask-many.ts';
import { type PipelineDefaults, pipelineOf } from '../query/resolve-pipeline.ts';
import type { OwnerOptions } from '../query/run/ask-items.ts';
import { noCounts, type RunCounts } from '../query/run/progress.ts';
import { settledQuestion } from '../query/run/settled-question.ts';
import { createTransientJournal } from '../query/run/transient-journal.ts';
import { createQuestionMarks } from './stale-items.ts';
import { foundIn, type RunAtWork, type RunKind, type RunRecords } from './run-records.ts';
import type { AskOptions } from '../spec/answers.ts';
import type { RunId } from '../spec/identifiers.ts';
import type { AskManyOptions, BatchQuestion, SettledQuestion } from '../spec/runs.ts';
import type { RunRecord } from '../spec/store.ts';

type Questions = Iterable<BatchQuestion> | AsyncIterable<BatchQuestion>;

/** What the record keeps of how a run's questions are asked. */
interface QuestionRunDefinition {
  readonly options: AskOptions;
  /** What the open directory set where neither options nor pipeline said anything; runs of earlier versions have it among the options. */
  readonly defaults?: PipelineDefaults;
  readonly pipelineHash: string;
  readonly label: Readonly<Record<string, string>>;
}

/** Runs of kind `ask-many`. */
export function createQuestionRuns(records: RunRecords, questionDefaults: PipelineDefaults) {
  const { query, store } = records;

  async function unchanged(run: RunRecord, signal: AbortSignal): Promise<BatchPipeline> {
    const { options, defaults, pipelineHash } = run.definition as QuestionRunDefinition;
    const pipeline = await prepareBatch(query, pipelineOf(options, { ...defaults, stages: query.stages }), signal);
    if (pipeline.hash !== pipelineHash) throw otherModel(run.id);
    return pipeline;
  }

  async function reopenAbstained(id: RunId): Promise<void> {
    for await (const page of records.settledPages(id)) {
      const items = page.filter((item) => item.status === 'done' && settledQuestion(item).abstained);
      if (items.length > 0) await store.commit([{ type: 'renewRunItems', run: id, items }]);
    }
  }

  const kind: RunKind = {
    async resume(run, questions, limits, signal): Promise<RunAtWork> {
      const { options, label } = run.definition as QuestionRunDefinition;
      const pipeline = await unchanged(run, signal);
      const before = await records.count(run, settledQuestion);
      requireInputs(run.id, questions, before, label);
      const journal = await records.goOn(run.id);
      const stored = (after: number, limit: number) => store.listRunItems(run.id, { after, limit });
      return {
        journal,
        before,
        work: (call) => askMany(query, { questions, ...ownerOf(options), pipeline, journal, stored, before, limits }, call),
      };
    },
    async reopen(run, which, signal) {
      const { revision } = await unchanged(run, signal);
      requireInputs(run.id, undefined, foundIn(run), (run.definition as QuestionRunDefinition).label);
      if (which === 'empty') return reopenAbstained(run.id);
      await store.commit([
        which === 'failed'
          ? { type: 'reopenItems', run: run.id, statuses: ['failed', 'expired'] }
          : { type: 'reopenItems', run: run.id, statuses: ['done'], olderThanRevision: revision },
      ]);
    },
  };

  return {
    kind,
    async start(
      questions: Questions,
      { concurrency, ordered, durable, questionTimeoutMs, maxTimeMs, label, ...options }: Omit<AskManyOptions, 'signal'>,
      signal: AbortSignal,
    ): Promise<RunAtWork> {
      const pipeline = await prepareBatch(query, pipelineOf(options, { ...questionDefaults, stages: query.stages }), signal);
      const definition: QuestionRunDefinition = { options, defaults: questionDefaults, pipelineHash: pipeline.hash, label: label ?? {} };
      const journal = (durable ?? store.writable) ? await records.create('ask-many', definition) : createTransientJournal(query.clock);
      const limits = definedOnly({ concurrency, ordered, questionTimeoutMs, maxTimeMs });
      return {
        journal,
        before: noCounts,
        work: (call) => askMany(query, { questions, ...ownerOf(options), pipeline, journal, before: noCounts, limits }, call),
      };
    },
    async estimate(questions: Questions, options: AskManyOptions & EstimateOptions, signal: AbortSignal): Promise<Estimate> {
      const { concurrency, leastItems = 0, ordered: _o, durable: _d, questionTimeoutMs: _q, maxTimeMs: _m, label: _l, ...asked } = options;
      const pipeline = await prepareBatch(query, pipelineOf(asked, { ...questionDefaults, stages: query.stages }), signal);
      return estimateQuestions(query, questions, pipeline, { signal, concurrency, leastItems });
    },
    async *items(run: RunRecord): AsyncIterable<SettledQuestion> {
      const marked = createQuestionMarks(store, run);
      for await (const page of records.settledPages(run.id)) yield* await marked(page);
    },
  };
}

function ownerOf({ class: workClass, tenant, cache, timeouts }: AskOptions): OwnerOptions {
  return definedOnly({ class: workClass, tenant, cache, timeouts });
}

/** @throws MillraceError E_RUN_CHANGED where a run stopped while its input was read and the input is not there again */
export function requireInputs(
  id: RunId,
  inputs: unknown,
  before: Pick<RunCounts, 'found' | 'allFound'>,
  label: Readonly<Record<string, string>>,
): void {
  if (inputs !== undefined || before.allFound) return;
  throw new MillraceError('E_RUN_CHANGED', `The run ${id} stopped before all its questions were read, so they are needed again.`, {
    details: { label, found: before.found },
  });
}

export function otherModel(id: RunId): MillraceError {
  return new MillraceError('E_RUN_CHANGED', `The run ${id} was begun with another model or another version of the prompt.`, {
    remedy: 'Open the directory with the model it began with (--model), or start a new run.',
  });
}

export function definedOnly<Options extends Readonly<Record<string, unknown>>>(
  options: Options,
): { [Name in keyof Options]?: NonNullable<Options[Name]> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}
