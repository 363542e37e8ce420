import { MillraceError } from './errors.ts';
import type { CallOptions, EmbedKind, Embedder, GenerateLaneName, Generator, Reranker } from './spec/engine.ts';
import { type DocumentParser, type StreamedBytes, togetherBytes } from './spec/parser.ts';
import type { AdmittedWork, LaneDefinition, LaneTypes } from './spec/work.ts';
import { allAborted } from './util/all-aborted.ts';

/** How each engine is put to work by the scheduler: budgets from what the engine reports, one executor each. */

const queuedItems = 10_000;
const queuedBytes = 256 * 1024 * 1024;

export function generateLane(generator: Generator): LaneDefinition<GenerateLaneName> {
  const { sequences, kvTokens } = generator.capacity();
  return {
    name: generator.lane ?? 'generate',
    limits: {
      concurrency: sequences,
      // A question begins at once, however full a run keeps the rest.
      ...(sequences > 1 ? { interactiveReserve: { concurrency: 1, kvTokens: Math.floor(kvTokens / sequences) } } : {}),
      batchItems: 1,
      batchTokens: Number.POSITIVE_INFINITY,
      kvTokens,
      queuedItems,
      queuedBytes,
    },
    execute: (batch) => Promise.allSettled(batch.map((work) => generateOne(generator, work))),
  };
}

async function generateOne(generator: Generator, work: AdmittedWork<GenerateLaneName>): Promise<LaneTypes['generate']['result']> {
  for await (const part of generator.generate(work.input, { class: work.class, signal: work.signal })) {
    if (part.type === 'final') return part;
    // Nothing for the caller: as a part it would count as delivered, and the work would not be tried again after a crash.
    if (part.type === 'prefix-ready') work.prefixReady();
    else work.emit(part);
  }
  work.signal.throwIfAborted();
  throw new TypeError('The generator ended without a final part.');
}

export function embedLane(embedder: Embedder): LaneDefinition<'embed'> {
  const { batchItems, batchTokens } = embedder.limits;
  return {
    name: 'embed',
    limits: {
      // One batch computes, one is prepared, and a question need not wait for either: the engine lets it in at its next step.
      concurrency: 3,
      interactiveReserve: { concurrency: 1, kvTokens: 0 },
      batchItems,
      batchTokens,
      kvTokens: 0,
      queuedItems,
      queuedBytes,
    },
    execute: (batch) => embedBatch(embedder, batch),
  };
}

/**
 * Texts of one kind go into one call; a batch that mixes queries and passages makes two. A call is cancelled when nobody wants any of its
 * vectors any more; until then it goes on for those who do.
 */
async function embedBatch(embedder: Embedder, batch: readonly AdmittedWork<'embed'>[]): Promise<PromiseSettledResult<Float32Array[]>[]> {
  const outcomes: PromiseSettledResult<Float32Array[]>[] = [];
  for (const kind of ['query', 'passage'] as const) {
    const members = batch.map((work, index) => ({ work, index })).filter(({ work }) => work.input.kind === kind);
    if (members.length === 0) continue;
    const { signal, release } = allAborted(members.map(({ work }) => work.signal));
    const urgent = members.map(({ work }) => work.class).toSorted((a, b) => order[a] - order[b])[0] ?? 'background';
    const texts = members.flatMap(({ work }) => work.input.texts);
    const [outcome] = await Promise.allSettled([embedAll(embedder, texts, kind, { class: urgent, signal })]);
    release();
    let taken = 0;
    for (const { work, index } of members) {
      const count = work.input.texts.length;
      outcomes[index] =
        outcome?.status === 'fulfilled'
          ? { status: 'fulfilled', value: outcome.value.slice(taken, taken + count) }
          : { status: 'rejected', reason: outcome?.reason as unknown };
      taken += count;
    }
  }
  return outcomes;
}

async function embedAll(
  embedder: Embedder,
  texts: readonly string[],
  kind: EmbedKind,
  options: CallOptions,
): Promise<readonly Float32Array[]> {
  options.signal.throwIfAborted();
  const vectors = await embedder.embed(texts, kind, options);
  if (vectors.length === texts.length) return vectors;
  throw new MillraceError('E_INTERNAL', `The embedder gave ${vectors.length} vectors for ${texts.length} texts.`);
}

const order = { interactive: 0, batch: 1, background: 2 } as const;

/**
 * One query with its passages is one item and one call: the engine cuts it into steps, between which other work of its device has its
 * turn.
 */
export function rerankLane(reranker: Reranker): LaneDefinition<'rerank'> {
  return {
    name: 'rerank',
    limits: {
      // One call computes, one is prepared, one is kept for a question.
      concurrency: 3,
      interactiveReserve: { concurrency: 1, kvTokens: 0 },
      batchItems: 1,
      batchTokens: Number.POSITIVE_INFINITY,
      kvTokens: 0,
      queuedItems,
      queuedBytes,
    },
    execute: (batch) => Promise.allSettled(batch.map((work) => rerankOne(reranker, work))),
  };
}

async function rerankOne(reranker: Reranker, { input, class: workClass, signal }: AdmittedWork<'rerank'>): Promise<Float32Array> {
  signal.throwIfAborted();
  const scores = await reranker.score(input.query, input.passages, { class: workClass, signal });
  if (scores.length === input.passages.length) return scores;
  throw new MillraceError('E_INTERNAL', `The reranker gave ${scores.length} scores for ${input.passages.length} passages.`);
}

/** Small files that go to a child in one exchange. */
const filesTogether = 32;

/** For a parser that takes files only as a whole. */
async function wholeBytes(bytes: Uint8Array | StreamedBytes, signal: AbortSignal): Promise<Uint8Array> {
  if (bytes instanceof Uint8Array) return bytes;
  const whole = new Uint8Array(bytes.length);
  let position = 0;
  for await (const piece of bytes.read(signal)) {
    whole.set(piece, position);
    position += piece.length;
  }
  return whole;
}

export function parseLane(parser: DocumentParser): LaneDefinition<'parse'> {
  return {
    name: 'parse',
    // Each call has a child of its own.
    sharesFate: false,
    limits: {
      concurrency: parser.concurrency,
      batchItems: parser.parseEach === undefined ? 1 : filesTogether,
      batchTokens: togetherBytes,
      kvTokens: 0,
      queuedItems,
      // Files up to the largest that is read at all may wait; the ingest pipeline bounds how many do.
      queuedBytes: 2 * 1024 * 1024 * 1024,
    },
    execute: (batch) =>
      parser.parseEach === undefined
        ? Promise.allSettled(
            batch.map(async ({ input, signal }) => parser.parse({ ...input, bytes: await wholeBytes(input.bytes, signal) }, signal)),
          )
        : parser.parseEach(batch.map(({ input, signal }) => ({ request: input, signal }))),
  };
}
