import type { Answer } from '../../spec/answers.ts';
import type { SettledQuestion } from '../../spec/runs.ts';
import type { RunItem } from '../../spec/store.ts';
import type { Settlement } from './journal.ts';
import type { QuestionInput } from './question-source.ts';

/** What the input of an item says besides, where a run has several pipelines. */
export interface PipelineItemInput {
  readonly place: number;
  readonly pipeline: { readonly number: number; readonly name: string };
}

/**
 * What is stored of an answer: all but the hits, which are found again by a search, and what the item itself says. The documents of the hits
 * stay: an answer may hold words of one that it does not cite, and is blanked when that is purged.
 */
export type StoredAnswer = Pick<
  SettledQuestion,
  'answer' | 'abstained' | 'citations' | 'documents' | 'unsupported' | 'timings' | 'usage' | 'model' | 'revision'
>;

export function storedAnswer(answer: Answer, revision: number): StoredAnswer {
  const { answer: text, abstained, citations, unsupported, timings, usage, model, hits } = answer;
  const documents = [...new Set(hits.map(({ document }) => document))];
  return { answer: text, abstained, citations, documents, unsupported, timings, usage, model, revision };
}

const nothing: StoredAnswer & Pick<SettledQuestion, 'stale'> = {
  answer: null,
  abstained: false,
  citations: [],
  unsupported: [],
  timings: null,
  usage: null,
  model: null,
  revision: null,
  stale: false,
};

/** An item of the record that is settled, as it is told. */
export function settledQuestion(item: RunItem): SettledQuestion {
  const { question, id = null, place, pipeline } = item.input as QuestionInput & Partial<PipelineItemInput>;
  return {
    index: place ?? item.number,
    ...(pipeline === undefined ? {} : { pipeline }),
    id,
    question,
    status: item.status ?? 'failed',
    ...nothing,
    // One that was opened again and cancelled still has its former answer in the record.
    ...(item.status === 'done' ? (item.result as StoredAnswer | null) : null),
    error: item.error,
    attempts: item.attempt,
    startedAt: item.startedAt === null ? null : new Date(item.startedAt).toISOString(),
    endedAt: new Date(item.endedAt ?? 0).toISOString(),
  };
}

/** A claimed item as it is after its settlement. */
export function withSettlement(item: RunItem, settlement: Settlement): RunItem {
  return {
    ...item,
    state: 'settled',
    status: settlement.status,
    result: settlement.result ?? null,
    error: settlement.error ?? null,
    endedAt: settlement.at,
  };
}
