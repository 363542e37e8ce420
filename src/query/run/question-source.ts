import { MillraceError, toMillraceError } from '../../errors.ts';
import { type BatchQuestion, batchQuestion } from '../../spec/runs.ts';
import type { ErrorData } from '../../spec/failure.ts';
import type { RunItem } from '../../spec/store.ts';
import { hashOf } from '../../util/hash.ts';
import type { JournalItem } from './journal.ts';

/** What is stored of a question before it is asked. */
export interface QuestionInput {
  readonly question: string;
  readonly id?: string;
  readonly unreadable?: ErrorData;
}

/** Questions that are appended to the journal in one transaction. */
const batchSize = 256;

export interface QuestionSourceOptions {
  readonly questions: Iterable<BatchQuestion> | AsyncIterable<BatchQuestion>;
  /** The items of a question, as many for each: what is asked of which pipeline. */
  expand(input: QuestionInput, place: number): readonly Pick<JournalItem, 'key' | 'input'>[];
  /** Items of this run that are in the journal already, in order of number: they must be what the questions begin with. */
  readonly stored?: (after: number, limit: number) => Promise<readonly RunItem[]>;
  /** Called after each batch, and with `all` once there are no more. What it rejects with ends the reading. */
  readonly onFound: (found: number, all: boolean) => Promise<void>;
}

/**
 * The questions as items, numbered and keyed, without those that are stored already.
 *
 * @throws MillraceError E_RUN_CHANGED where a question differs from the stored one of its place; E_INPUT_INVALID where the input cannot be read
 */
export async function* questionItems({ questions, expand, stored, onFound }: QuestionSourceOptions): AsyncIterable<readonly JournalItem[]> {
  let number = 0;
  let place = 0;
  for await (const batch of inBatches(questions)) {
    const first = place;
    const items = batch.flatMap((question): JournalItem[] => {
      const input = questionInput(question, place);
      return expand(input, place++).map((item) => ({ ...item, number: number++ }));
    });
    const known = stored === undefined ? [] : await stored((items[0]?.number ?? 0) - 1, items.length);
    const different = known.findIndex((item, index) => items[index]?.number !== item.number || items[index]?.key !== item.key);
    if (different >= 0) {
      const width = items.length / batch.length;
      throw changed(first + Math.floor(different / width), 'it is another question, or is asked in another way');
    }
    await onFound(number, false);
    if (known.length < items.length) yield items.slice(known.length);
  }
  const [left] = stored === undefined ? [] : await stored(number - 1, 1);
  if (left !== undefined) throw changed(place, 'the input now ends before it');
  await onFound(number, true);
}

export function itemKey(input: QuestionInput, pipelineHash: string): string {
  return hashOf({ question: input.question, id: input.id, pipeline: pipelineHash });
}

/** @throws MillraceError the reason why a question of a file could not be read */
export function requireReadable({ unreadable }: QuestionInput): void {
  if (unreadable !== undefined) throw MillraceError.fromJSON(unreadable as Parameters<typeof MillraceError.fromJSON>[0]);
}

function questionInput(question: BatchQuestion, index: number): QuestionInput {
  const parsed = batchQuestion.safeParse(question);
  if (parsed.success) {
    const value = parsed.data;
    if (typeof value === 'string') return { question: value };
    return {
      question: value.question,
      ...(value.id === undefined ? {} : { id: value.id }),
      ...(value.unreadable === undefined ? {} : { unreadable: value.unreadable }),
    };
  }
  const error = new MillraceError(
    'E_INPUT_INVALID',
    `Question ${index + 1} is not valid: ${parsed.error.issues[0]?.message ?? 'unknown reason'}.`,
  );
  return { question: '', unreadable: error.toJSON() };
}

function changed(place: number, what: string): MillraceError {
  return new MillraceError('E_RUN_CHANGED', `The questions are not those that the run began with: at question ${place + 1} ${what}.`, {
    details: { index: place },
  });
}

async function* inBatches(questions: QuestionSourceOptions['questions']): AsyncIterable<readonly BatchQuestion[]> {
  let batch: BatchQuestion[] = [];
  try {
    for await (const question of questions) {
      batch.push(question);
      if (batch.length < batchSize) continue;
      yield batch;
      batch = [];
    }
  } catch (error) {
    throw toMillraceError(error, 'E_INPUT_INVALID', 'The questions could not be read');
  }
  if (batch.length > 0) yield batch;
}
