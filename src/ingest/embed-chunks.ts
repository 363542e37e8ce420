import { MillraceError } from '../errors.ts';
import type { Embedder } from '../spec/engine.ts';
import type { ChunkId } from '../spec/identifiers.ts';
import type { Store } from '../spec/store.ts';
import type { WorkHandle } from '../spec/work.ts';
import { type BoundedQueue, createBoundedQueue } from '../util/bounded-queue.ts';
import type { Pulse } from '../util/pulse.ts';
import { runTogether } from '../util/run-together.ts';
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

/** Chunks looked at together: sorted by length, so that a call holds texts of similar length. */
const windowChunks = 256;
/** Special tokens of one text. */
const specialTokens = 4;
/** Calls given to the scheduler and not yet committed: one computes, one is prepared, the others cover the time of a commit. */
const submittedCalls = 4;

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
  await runTogether(signal, [
    (stop) => submitAll(run, committed, submitted, stop),
    async (stop) => {
      for await (const call of submitted) {
        stop.throwIfAborted();
        await onCommitted(await commitVectors(run, call));
      }
    },
  ]);
}

async function submitAll(run: IngestRun, committed: Pulse, submitted: BoundedQueue<SubmittedCall>, signal: AbortSignal): Promise<void> {
  const { embedder, collection } = run;
  const { scheduler, store } = run.parts;
  let after: ChunkId | 0 = 0;
  try {
    for (;;) {
      const more = committed.next();
      // Ids of chunks grow: what is committed later comes later.
      const window: readonly Unembedded[] = await store.listUnembedded(collection, embedder.model.hash, { after, limit: windowChunks });
      signal.throwIfAborted();
      const last = window.at(-1);
      if (last === undefined) {
        if (!(await more)) return;
        signal.throwIfAborted();
        continue;
      }
      after = last.id;
      for (const texts of packCalls(await withHeadings(window, embedder, signal), embedder.limits)) {
        const tokens = texts.reduce((sum, text) => sum + text.tokens, 0);
        const cost = { tokens, items: texts.length, bytes: texts.reduce((sum, { text }) => sum + text.length * 2, 0) };
        await scheduler.ready('embed', cost, signal);
        const input = { texts: texts.map(({ text }) => text), kind: 'passage' } as const;
        const handle = scheduler.submit({ lane: 'embed', class: 'background', input, cost, signal, deliver: 'final' });
        run.parts.faults?.reach('texts-submitted');
        await submitted.push({ texts, tokens, handle }, { signal });
      }
    }
  } finally {
    submitted.end();
  }
}

async function commitVectors({ parts, embedder }: IngestRun, { texts, tokens, handle }: SubmittedCall): Promise<EmbeddedCall> {
  const vectors = await handle.result();
  if (vectors.length !== texts.length) {
    throw new MillraceError('E_INTERNAL', `The embedder gave ${vectors.length} vectors for ${texts.length} texts.`);
  }
  parts.faults?.reach('vectors-handed');
  await parts.store.commit([
    {
      type: 'commitVectors',
      embedderHash: embedder.model.hash,
      dimensions: embedder.model.dimensions,
      vectors: vectors.map((vector, index) => ({ chunk: (texts[index] as EmbedText).id, vector })),
    },
  ]);
  parts.faults?.reach('vectors-acknowledged');
  return { chunks: texts.length, tokens };
}

interface EmbedText {
  readonly id: ChunkId;
  readonly text: string;
  readonly tokens: number;
}

async function withHeadings(window: readonly Unembedded[], embedder: Embedder, signal: AbortSignal): Promise<EmbedText[]> {
  const plain = window.map(({ text }) => text);
  const headed = window.map(({ text, headingPath, tableHeader }) =>
    [...(headingPath.length === 0 ? [] : [headingPath.join(' > ')]), ...(tableHeader === null ? [] : [tableHeader]), text].join('\n'),
  );
  const counts = await embedder.tokenizer.countTokens([...headed, ...plain], signal);
  const room = embedder.model.maxInputTokens - 2 * specialTokens;
  return window.map(({ id }, index) => {
    const headedTokens = counts[index] ?? 0;
    const useHeaded = headedTokens <= room;
    return {
      id,
      text: (useHeaded ? headed[index] : plain[index]) ?? '',
      tokens: (useHeaded ? headedTokens : (counts[window.length + index] ?? 0)) + specialTokens,
    };
  });
}
