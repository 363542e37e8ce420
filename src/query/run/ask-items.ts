import type { AskOptions } from '../../spec/answers.ts';
import type { BatchQuestion } from '../../spec/runs.ts';
import type { RunItem } from '../../spec/store.ts';
import type { QueryParts } from '../parts.ts';
import type { QuestionCall } from '../pipeline.ts';
import type { ResolvedPipeline } from '../resolve-pipeline.ts';
import { answerCaller } from '../shared-answer.ts';
import type { JournalItem, RunJournal } from './journal.ts';
import type { RunCounts } from './progress.ts';
import { type QuestionInput, questionItems, requireReadable } from './question-source.ts';
import { type BatchCall, type BatchLimits, type BatchWork, runBatch, type RunSummaryBody } from './run-batch.ts';
import { type PipelineItemInput, settledQuestion, type StoredAnswer, storedAnswer } from './settled-question.ts';

/** Whose work it is, and how urgent: no part of what decides the answers. */
export type OwnerOptions = Pick<AskOptions, 'class' | 'tenant' | 'cache' | 'timeouts'>;

/** A run whose items are questions. */
export interface QuestionRun extends OwnerOptions {
  /** Undefined to ask only what is in the journal. */
  readonly questions: Iterable<BatchQuestion> | AsyncIterable<BatchQuestion> | undefined;
  readonly journal: RunJournal;
  /** The run's items from an earlier life, in order of number. */
  readonly stored?: (after: number, limit: number) => Promise<readonly RunItem[]>;
  /** What was found and settled in an earlier life. */
  readonly before: RunCounts;
  readonly limits: BatchLimits;
}

export type ItemInput = QuestionInput & Partial<PipelineItemInput>;

/** What differs from one kind of such a run to the next. */
export interface QuestionWork extends Pick<BatchWork, 'failsAlone'> {
  /** The items of a question. */
  expand(input: QuestionInput, place: number): readonly Pick<JournalItem, 'key' | 'input'>[];
  /** @param ask puts the question to a pipeline, for a collection of this revision */
  answer(input: ItemInput, ask: (pipeline: ResolvedPipeline, revision: number) => Promise<StoredAnswer>): Promise<StoredAnswer>;
}

/** Items in work at the same time where nothing else is said. */
export const defaultConcurrency = 10;

/** Questions as items of a run, each settled once: its own failure is its own, and what was settled is told after it is in the journal. */
export function askItems(parts: QueryParts, run: QuestionRun, work: QuestionWork, call: BatchCall): Promise<RunSummaryBody> {
  const { questions, journal, stored, before, limits, class: workClass = 'batch', tenant, cache, timeouts } = run;
  return runBatch(
    parts.clock,
    {
      journal,
      before,
      limits,
      concurrency: defaultConcurrency,
      ...(work.failsAlone === undefined ? {} : { failsAlone: work.failsAlone }),
      source: (onFound) =>
        questions === undefined
          ? nothing()
          : questionItems({ questions, expand: work.expand, ...(stored === undefined ? {} : { stored }), onFound }),
      async execute(item, bounds) {
        const input = item.input as ItemInput;
        requireReadable(input);
        const asking: QuestionCall & { readonly timeouts: OwnerOptions['timeouts'] } = {
          ...bounds,
          class: workClass,
          tenant,
          cache,
          timeouts,
        };
        return work.answer(input, async (pipeline, revision) =>
          storedAnswer(await answerCaller(parts, input.question, pipeline, asking, undefined), revision),
        );
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
