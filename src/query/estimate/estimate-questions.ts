import type { BatchQuestion } from '../../spec/runs.ts';
import type { Estimate } from '../../spec/estimates.ts';
import type { BatchPipeline } from '../ask-many.ts';
import { defaultConcurrency } from '../run/ask-items.ts';
import type { QueryParts } from '../parts.ts';
import { answerQuestion } from '../pipeline.ts';
import { storedAnswer } from '../run/settled-question.ts';
import { type EstimateCall, generationTime, ratesOf, type SampledAnswer } from './generation-time.ts';

/** The first of them computes what the others share. */
const sampleSize = 2;
/** Of an item in the record, besides its question and its answer. */
const itemBytes = 300;

/** Counts the questions, answers the first ones, and tells what all would take. */
export async function estimateQuestions(
  parts: QueryParts,
  questions: Iterable<BatchQuestion> | AsyncIterable<BatchQuestion>,
  pipeline: BatchPipeline,
  call: EstimateCall,
): Promise<Estimate> {
  const first: string[] = [];
  const sample: SampledAnswer[] = [];
  let items = 0;
  let questionBytes = 0;
  for await (const given of questions) {
    call.signal.throwIfAborted();
    items += 1;
    const question = typeof given === 'string' ? given : given.question;
    questionBytes += question.length;
    const isReadable = typeof given === 'string' || given.unreadable === undefined;
    if (first.length < sampleSize && isReadable && question.trim() !== '') first.push(question);
  }
  for (const question of items < call.leastItems ? [] : first) {
    const answer = await answerQuestion(parts, question, pipeline.pipeline, { class: 'batch', signal: call.signal }, undefined);
    const { usage, timings } = answer;
    sample.push({ usage, timings, storedBytes: JSON.stringify(storedAnswer(answer, pipeline.revision)).length });
  }
  const rates = ratesOf(sample);
  const last = sample.at(-1)?.usage;
  const promptTokens = items * ((last?.promptTokens ?? 0) - (last?.cachedTokens ?? 0));
  const concurrency = call.concurrency ?? defaultConcurrency;
  return {
    items,
    unchanged: 0,
    sampled: sample.length,
    newTokens: Math.round(promptTokens + items * rates.outputTokens),
    reusedTokens: items * (last?.cachedTokens ?? 0),
    ...generationTime(rates, { items, promptTokens, concurrency }),
    diskBytes: Math.round(questionBytes + items * (itemBytes + rates.storedBytes)),
  };
}
