import type { Embedder } from '../spec/engine.ts';
import type { ChunkId } from '../spec/identifiers.ts';
import type { Store } from '../spec/store.ts';
import type { Scheduler } from '../spec/work.ts';

export interface EmbedProgress {
  readonly chunks: number;
  readonly tokens: number;
}

type Unembedded = Awaited<ReturnType<Store['listUnembedded']>>[number];

/** Chunks looked at together: sorted by length, so that a call holds texts of similar length. */
const windowChunks = 256;
/** Special tokens of one text. */
const specialTokens = 4;

/**
 * Gives every chunk of the collection that has none a vector, those of earlier interrupted runs included, and yields after each
 * commit. A chunk's heading path is put before its text where both fit the embedder.
 */
export async function* embedChunks(
  parts: { readonly store: Store; readonly scheduler: Scheduler },
  collection: string,
  embedder: Embedder,
  signal: AbortSignal,
): AsyncGenerator<EmbedProgress> {
  let after: ChunkId | 0 = 0;
  for (;;) {
    signal.throwIfAborted();
    const window: readonly Unembedded[] = await parts.store.listUnembedded(collection, embedder.model.hash, { after, limit: windowChunks });
    const last = window.at(-1);
    if (last === undefined) return;
    after = last.id;
    const texts = await withHeadings(window, embedder, signal);
    const calls = packCalls(texts, embedder.limits);
    const handles = calls.map((call) =>
      parts.scheduler.submit({
        lane: 'embed',
        class: 'background',
        input: { texts: call.map(({ text }) => text), kind: 'passage' },
        cost: {
          tokens: call.reduce((sum, { tokens }) => sum + tokens, 0),
          items: call.length,
          bytes: call.reduce((sum, { text }) => sum + text.length * 2, 0),
        },
        signal,
        deliver: 'final',
      }),
    );
    for (const [index, handle] of handles.entries()) {
      const call = calls[index] ?? [];
      const vectors = await handle.result();
      await parts.store.commit([
        {
          type: 'commitVectors',
          embedderHash: embedder.model.hash,
          dimensions: embedder.model.dimensions,
          vectors: call.flatMap(({ id }, position) => {
            const vector = vectors[position];
            return vector === undefined ? [] : [{ chunk: id, vector }];
          }),
        },
      ]);
      yield { chunks: call.length, tokens: call.reduce((sum, { tokens }) => sum + tokens, 0) };
    }
  }
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

/** Longest first, cut into calls inside the embedder's limits. Pure. */
export function packCalls<Text extends { readonly tokens: number }>(
  texts: readonly Text[],
  limits: { readonly batchTokens: number; readonly batchItems: number },
): Text[][] {
  const calls: Text[][] = [];
  let tokens = 0;
  for (const text of texts.toSorted((a, b) => b.tokens - a.tokens)) {
    const call = calls.at(-1);
    if (call === undefined || call.length >= limits.batchItems || tokens + text.tokens > limits.batchTokens) {
      calls.push([text]);
      tokens = text.tokens;
    } else {
      call.push(text);
      tokens += text.tokens;
    }
  }
  return calls;
}
