import type { Answer } from '../spec/answers.ts';
import { hashOf } from '../util/hash.ts';
import { createReplayLog } from '../util/replay-log.ts';
import { type AnswerEventBody, flightOf, type QueryCaches, type Told } from './caches.ts';
import type { QueryParts } from './parts.ts';
import { answerQuestion, type QuestionCall } from './pipeline.ts';
import { promptVersion } from './prompt.ts';
import type { ResolvedPipeline } from './resolve-pipeline.ts';
import { type TokenTimeouts, type TokenWatch, withinTimeouts } from './token-watch.ts';

type Emit = (event: AnswerEventBody) => Promise<void>;

/**
 * A question of a caller, inside its limits: `answerShared`, ended when text or end do not come in time. Where text is watched, it is
 * streamed even if nobody reads it, so that a crash of the engine is not tried again.
 */
export function answerCaller(
  parts: QueryParts,
  question: string,
  pipeline: ResolvedPipeline,
  { timeouts, ...call }: QuestionCall & { readonly timeouts?: TokenTimeouts | undefined },
  emit: Emit | undefined,
): Promise<Answer> {
  return withinTimeouts<QuestionCall, Answer>(parts.clock, timeouts, call, (bounds, watch) =>
    answerShared(parts, question, pipeline, bounds, { emit, watch }),
  );
}

interface Audience {
  readonly emit: Emit | undefined;
  readonly watch?: TokenWatch | undefined;
}

/**
 * `answerQuestion`, made once for equal questions that are asked at the same time: each of them gets all its events and its own copy,
 * and may leave without the others noticing. With `cache: true` the answer is also kept, for as long as the collection stays as it is;
 * with `cache: false` nothing is shared. `usage` counts what was computed for this caller: nothing where another paid.
 */
async function answerShared(
  parts: QueryParts,
  question: string,
  pipeline: ResolvedPipeline,
  call: QuestionCall,
  { emit, watch }: Audience,
): Promise<Answer> {
  const { caches, clock, store } = parts;
  if (caches === undefined || call.cache === false) {
    const onToken = watch?.passed;
    return answerQuestion(
      parts,
      question,
      pipeline,
      { ...call, onToken },
      emit === undefined ? undefined : (event) => hear(event, { emit, watch }),
    );
  }
  const startedAt = new Date(clock.now()).toISOString();
  const started = clock.monotonic();
  const revision = await store.readRevision(pipeline.retrieve.collection);
  const key = hashOf({ question, pipeline: pipeline.hash, promptVersion, revision });
  const shared = flightOf({ ...call, class: call.class ?? 'interactive' }, started);
  const flight = [shared.flight, emit !== undefined, watch !== undefined].join('\n');
  const telling = `${flight}\n${call.cache === true}\n${key}`;
  // A reader that breaks leaves as one who cancels: those who share the answer go on.
  const leaving = new AbortController();
  const signal = AbortSignal.any([call.signal, leaving.signal]);
  const answered = caches.answers.get(key, { signal, flight, keep: call.cache === true }, (until) =>
    tellOnce(caches, telling, (tell) =>
      answerQuestion(
        parts,
        question,
        pipeline,
        { ...call, deadline: shared.deadline, signal: until, ...(watch === undefined ? {} : { onToken: () => tell({ type: 'token' }) }) },
        emit === undefined ? undefined : (event) => Promise.resolve(tell(event)),
      ),
    ),
  );
  answered.catch(() => undefined);
  const log = caches.telling.get(telling);
  try {
    if (log !== undefined && (emit !== undefined || watch !== undefined)) {
      for await (const told of log.read(signal)) await hear(told, { emit, watch });
    }
    const { value, origin } = await answered;
    const answer = structuredClone(value);
    if (origin === 'computed') return answer;
    if (emit !== undefined && log === undefined) {
      await emit({ type: 'sources', hits: answer.hits, timings: { totalMs: clock.monotonic() - started } });
      await emit({ type: 'answer-delta', text: answer.answer });
    }
    const usage = { promptTokens: 0, cachedTokens: 0, outputTokens: 0 };
    const endedAt = new Date(clock.now()).toISOString();
    return { ...answer, usage, timings: { totalMs: clock.monotonic() - started }, startedAt, endedAt };
  } catch (error) {
    leaving.abort(error);
    throw error;
  }
}

/** Makes the answer while all who share it can read along. */
async function tellOnce(caches: QueryCaches, name: string, make: (tell: (told: Told) => void) => Promise<Answer>): Promise<Answer> {
  const log = createReplayLog<Told>();
  caches.telling.set(name, log);
  try {
    return await make(log.append);
  } finally {
    log.end();
    if (caches.telling.get(name) === log) caches.telling.delete(name);
  }
}

/** Time stands still for the watch while the reader takes what was told. */
async function hear(told: Told, { emit, watch }: Audience): Promise<void> {
  const isText = told.type === 'token' || told.type === 'answer-delta';
  if (isText) watch?.came();
  if (told.type !== 'token') await emit?.(told);
  if (isText) watch?.taken();
}
