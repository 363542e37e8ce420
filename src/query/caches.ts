import type { AnswerEvent, Answer, Hit } from '../spec/answers.ts';
import type { Deadline } from '../spec/time.ts';
import type { CacheBounds, CacheName, CacheOptions, CacheReport } from '../spec/caches.ts';
import type { ReplayLog } from '../util/replay-log.ts';
import { createSharedCache, type SharedCache } from '../util/shared-cache.ts';

type WithoutStamp<Event> = Event extends AnswerEvent ? Omit<Event, 'sequence' | 'at'> : never;
/** An event of an answer, before it is numbered. */
export type AnswerEventBody = WithoutStamp<AnswerEvent>;

/** What is told of an answer that is being made: its events, and that the model wrote something. */
export type Told = AnswerEventBody | { readonly type: 'token' };

export interface KeptHits {
  readonly hits: readonly Hit[];
  readonly notices: readonly string[];
}

export interface QueryCaches {
  readonly embeddings: SharedCache<Float32Array>;
  readonly retrieval: SharedCache<KeptHits>;
  readonly answers: SharedCache<Answer>;
  /** Of the answers that are being made now: what was told of them so far. */
  readonly telling: Map<string, ReplayLog<Told>>;
  /** Lets go of what holds text of documents. */
  forgetTexts(): void;
  statistics(): CacheReport;
}

const megabyte = 1024 * 1024;
const bounds: Readonly<Record<CacheName, CacheBounds>> = {
  queryEmbeddings: { maxItems: 10_000, maxBytes: 32 * megabyte },
  retrieval: { maxItems: 1_000, maxBytes: 64 * megabyte },
  answers: { maxItems: 1_000, maxBytes: 64 * megabyte },
};

/** Bytes of a hit or a citation beside its text, about; and of an entry beside its value. */
const objectBytes = 600;

export function createQueryCaches(options: CacheOptions = {}): QueryCaches {
  const embeddings = createSharedCache<Float32Array>({
    ...bounds.queryEmbeddings,
    ...options.queryEmbeddings,
    bytesOf: (vector) => vector.byteLength + objectBytes,
  });
  const retrieval = createSharedCache<KeptHits>({
    ...bounds.retrieval,
    ...options.retrieval,
    bytesOf: ({ hits }) => objectBytes + bytesOfHits(hits),
  });
  const answers = createSharedCache<Answer>({
    ...bounds.answers,
    ...options.answers,
    bytesOf: ({ hits, citations, answer }) =>
      objectBytes + bytesOfHits(hits) + answer.length * 2 + citations.reduce((sum, { quote }) => sum + objectBytes + quote.length * 2, 0),
  });
  return {
    embeddings,
    retrieval,
    answers,
    telling: new Map(),
    forgetTexts() {
      retrieval.clear();
      answers.clear();
    },
    statistics: () => ({ queryEmbeddings: embeddings.statistics(), retrieval: retrieval.statistics(), answers: answers.statistics() }),
  };
}

function bytesOfHits(hits: readonly Hit[]): number {
  return hits.reduce((sum, { text }) => sum + objectBytes + text.length * 2, 0);
}

/** Share of the time that is left by which deadlines are rounded up, so that equal questions that come soon after each other share one. */
const deadlineSlack = 1 / 16;

/**
 * Who may wait for the same computation: nobody urgent for what is not, no tenant at the place of another, and nobody who has longer time
 * than the computation. Its deadline is at least that of each who waits; they end at their own.
 */
export function flightOf(call: SharedCall, now: number): { readonly flight: string; readonly deadline: Deadline | undefined } {
  const deadline = call.deadline === undefined ? undefined : roundUp(call.deadline, Math.max(1, (call.deadline - now) * deadlineSlack));
  return { flight: [call.class, call.tenant ?? '', deadline ?? ''].join('\n'), deadline };
}

export interface SharedCall {
  readonly class: string;
  readonly tenant?: string | undefined;
  readonly deadline?: Deadline | undefined;
}

/** To a whole number of a power of two that is at least `step`. */
function roundUp(value: number, step: number): number {
  const grid = 2 ** Math.ceil(Math.log2(step));
  return Math.ceil(value / grid) * grid;
}
