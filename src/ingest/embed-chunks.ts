import { MillraceError, toMillraceError } from '../errors.ts';
import type { Embedder } from '../spec/engine.ts';
import type { ChunkId } from '../spec/identifiers.ts';
import type { Store } from '../spec/store.ts';
import type { WorkHandle } from '../spec/work.ts';
import { type BoundedQueue, createBoundedQueue } from '../util/bounded-queue.ts';
import { inBatches } from '../util/in-batches.ts';
import type { Pulse } from '../util/pulse.ts';
import { runTogether } from '../util/run-together.ts';
import { untilAborted } from '../util/until-aborted.ts';
import type { IngestRun } from './ingest-run.ts';
import { packCalls } from './pack-calls.ts';

export interface EmbeddedCall {
  readonly chunks: number;
  readonly tokens: number;
}

type Unembedded = Awaited<ReturnType<Store['listUnembedded']>>[number];

interface SubmittedCall {
  readonly texts: readonly EmbedText[];
  readonly tokens: number;
  readonly handle: WorkHandle<never, Float32Array[]>;
}

interface ComputedCall {
  readonly tokens: number;
  readonly vectors: readonly { readonly chunk: ChunkId; readonly vector: Float32Array }[];
}

/** Chunks looked at together: sorted by length, so that a call holds texts of similar length. */
const windowChunks = 1_024;
/** Special tokens of one text. */
const specialTokens = 4;
/** Calls given to the scheduler and not yet computed: one computes, one is prepared, the others cover the time of reading a window. */
const submittedCalls = 4;
/** Computed calls that wait for a commit, and vectors of one commit: one fsync for all that is computed while another is under way. */
const computedCalls = 16;
const vectorsPerCommit = 1_024;

/**
 * Gives every chunk of the collection that has none a vector, those that earlier interrupted calls left included, and goes on while
 * `committed` tells of new documents. One feeder; `onCommitted` is called after each commit. A chunk's heading path and table header
 * are put before its text where they fit the embedder.
 */
export async function embedChunks(
  run: IngestRun,
  committed: Pulse,
  signal: AbortSignal,
  onCommitted: (call: EmbeddedCall) => Promise<void>,
): Promise<void> {
  const submitted = createBoundedQueue<SubmittedCall>({ maxItems: submittedCalls, maxBytes: Number.POSITIVE_INFINITY });
  const computed = createBoundedQueue<ComputedCall>({ maxItems: computedCalls, maxBytes: Number.POSITIVE_INFINITY });
  await runTogether(signal, [
    (stop) => submitAll(run, committed, submitted, stop),
    (stop) => awaitAll(run, submitted, computed, stop),
    (stop) => commitAll(run, computed, onCommitted, stop),
  ]);
}

async function submitAll(run: IngestRun, committed: Pulse, submitted: BoundedQueue<SubmittedCall>, signal: AbortSignal): Promise<void> {
  const { embedder, collection } = run;
  const { store } = run.parts;
  let after: ChunkId | 0 = 0;
  try {
    for (;;) {
      const more = committed.next();
      // Ids of chunks grow: what is committed later comes later.
      const window: readonly Unembedded[] = await store.listUnembedded(collection, embedder.model.hash, { after, limit: windowChunks });
      signal.throwIfAborted();
      const last = window.at(-1);
      if (last === undefined) {
        // Who tells of new documents may itself be waiting, for sources that are stuck.
        if (!(await untilAborted(more, signal))) return;
        continue;
      }
      after = last.id;
      for (const texts of packCalls(await withHeadings(window, embedder, signal), embedder.limits)) {
        const call = await submit(run, texts, signal);
        run.parts.faults?.reach('texts-submitted');
        await submitted.push(call, { signal });
      }
    }
  } finally {
    submitted.end();
  }
}

async function submit({ parts: { scheduler } }: IngestRun, texts: readonly EmbedText[], signal: AbortSignal): Promise<SubmittedCall> {
  const tokens = texts.reduce((sum, text) => sum + text.tokens, 0);
  const cost = { tokens, items: texts.length, bytes: texts.reduce((sum, { text }) => sum + text.length * 2, 0) };
  await scheduler.ready('embed', cost, signal);
  const input = { texts: texts.map(({ text }) => text), kind: 'passage' } as const;
  return { texts, tokens, handle: scheduler.submit({ lane: 'embed', class: 'background', input, cost, signal, deliver: 'final' }) };
}

async function awaitAll(
  run: IngestRun,
  submitted: AsyncIterable<SubmittedCall>,
  computed: BoundedQueue<ComputedCall>,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const call of submitted) {
      signal.throwIfAborted();
      const { tokens, vectors } = await compute(run, call, signal);
      if (vectors.length > 0) await computed.push({ tokens, vectors }, { signal });
    }
  } finally {
    computed.end();
  }
}

/** Failures of a text. Every other one is of the engine, and ends the call. */
const ofText = new Set(['E_CONTEXT_EXCEEDED', 'E_INPUT_INVALID']);

/** A text that the embedder refuses is left without a vector, counted and told: its chunk is found by its words. */
async function compute(run: IngestRun, { texts, tokens, handle }: SubmittedCall, signal: AbortSignal): Promise<ComputedCall> {
  let vectors: readonly Float32Array[];
  try {
    vectors = await handle.result();
  } catch (thrown) {
    signal.throwIfAborted();
    const error = toMillraceError(thrown);
    if (!ofText.has(error.code)) throw error;
    if (texts.length === 1) {
      noteRefused(run, error);
      return { tokens: 0, vectors: [] };
    }
    const found: ComputedCall[] = [];
    for (const text of texts) found.push(await compute(run, await submit(run, [text], signal), signal));
    return { tokens: found.reduce((sum, one) => sum + one.tokens, 0), vectors: found.flatMap((one) => one.vectors) };
  }
  if (vectors.length !== texts.length) {
    throw new MillraceError('E_INTERNAL', `The embedder gave ${vectors.length} vectors for ${texts.length} texts.`);
  }
  const ofChunks = vectors.map((vector, index) => ({ chunk: (texts[index] as EmbedText).id, vector }));
  const sound = ofChunks.filter(({ vector }) => isFinite(vector));
  for (let missing = sound.length; missing < ofChunks.length; missing += 1) {
    noteRefused(run, new MillraceError('E_INPUT_INVALID', 'The embedder gave a vector that is not of finite numbers.'));
  }
  return { tokens, vectors: sound };
}

/** By index: a callback a number costs several times as much. */
function isFinite(vector: Float32Array): boolean {
  for (let index = 0; index < vector.length; index += 1) if (!Number.isFinite(vector[index])) return false;
  return true;
}

function noteRefused({ counts }: IngestRun, error: MillraceError): void {
  const { chunks = 0, error: first = error.toJSON() } = counts.unembedded ?? {};
  counts.unembedded = { chunks: chunks + 1, error: first };
}

async function commitAll(
  { parts, embedder, limits }: IngestRun,
  computed: BoundedQueue<ComputedCall>,
  onCommitted: (call: EmbeddedCall) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { store, clock, faults } = parts;
  const { hash: embedderHash, dimensions } = embedder.model;
  const bytesOf = ({ vectors }: ComputedCall): number => vectors.length;
  const batches = inBatches(computed, {
    maxItems: computedCalls,
    maxBytes: vectorsPerCommit,
    bytesOf,
    quietMs: limits.vectorsQuietMs,
    clock,
  });
  for await (const calls of batches) {
    signal.throwIfAborted();
    const vectors = calls.flatMap((call) => call.vectors);
    try {
      faults?.reach('vectors-handed');
      await store.commit([{ type: 'commitVectors', embedderHash, dimensions, vectors }]);
      faults?.reach('vectors-acknowledged');
    } catch (error) {
      // Who waits to hand over learns why.
      computed.end(error);
      throw error;
    }
    await onCommitted({ chunks: vectors.length, tokens: calls.reduce((sum, { tokens }) => sum + tokens, 0) });
  }
}

interface EmbedText {
  readonly id: ChunkId;
  readonly text: string;
  readonly tokens: number;
}

/** A text that stands below no heading and in no table is as long as the record says. */
async function withHeadings(window: readonly Unembedded[], embedder: Embedder, signal: AbortSignal): Promise<EmbedText[]> {
  const headed = new Map<ChunkId, string>();
  for (const { id, text, headingPath, tableHeader } of window) {
    if (headingPath.length === 0 && tableHeader === null) continue;
    headed.set(
      id,
      [...(headingPath.length === 0 ? [] : [headingPath.join(' > ')]), ...(tableHeader === null ? [] : [tableHeader]), text].join('\n'),
    );
  }
  const counts = headed.size === 0 ? [] : await embedder.tokenizer.countTokens([...headed.values()], signal);
  const headedTokens = new Map([...headed.keys()].map((id, index) => [id, counts[index] ?? 0]));
  const room = embedder.model.maxInputTokens - 2 * specialTokens;
  return window.map(({ id, text, tokens }) => {
    const whole = headedTokens.get(id) ?? Number.POSITIVE_INFINITY;
    return whole <= room
      ? { id, text: headed.get(id) ?? text, tokens: whole + specialTokens }
      : { id, text, tokens: tokens + specialTokens };
  });
}
