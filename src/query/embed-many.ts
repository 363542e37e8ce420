import { MillraceError } from '../errors.ts';
import type { Embedder, EmbedKind } from '../spec/engine.ts';
import type { Deadline } from '../spec/time.ts';
import type { Scheduler, WorkHandle } from '../spec/work.ts';

export interface EmbedManyRequest {
  readonly kind: EmbedKind;
  readonly signal: AbortSignal;
  readonly deadline?: Deadline | undefined;
}

/** Texts counted in one message to the engine. */
const countedTexts = 256;
/** Special tokens and prefix of one text, at most. */
const reservedTokens = 16;

/**
 * Unit vectors in the order of the texts. Texts are submitted one by one as there is room in the lane, and the scheduler forms the
 * batches. The first failure cancels the rest: a text that is too long for the embedder is `E_CONTEXT_EXCEEDED` with its number.
 */
export async function embedMany(
  scheduler: Scheduler,
  embedder: Embedder,
  texts: readonly string[],
  request: EmbedManyRequest,
): Promise<Float32Array[]> {
  const rest = new AbortController();
  const onAbort = (): void => rest.abort(request.signal.reason);
  request.signal.throwIfAborted();
  request.signal.addEventListener('abort', onAbort, { once: true });
  try {
    const handles: WorkHandle<never, Float32Array[]>[] = [];
    for (let first = 0; first < texts.length; first += countedTexts) {
      const slice = texts.slice(first, first + countedTexts);
      const counts = await embedder.tokenizer.countTokens(slice, rest.signal);
      for (const [index, text] of slice.entries()) {
        const cost = { tokens: costOf(embedder, counts[index] ?? 0, first + index), items: 1, bytes: text.length * 2 };
        await scheduler.ready('embed', cost, rest.signal);
        const handle = scheduler.submit({
          lane: 'embed',
          class: 'batch',
          input: { texts: [text], kind: request.kind },
          cost,
          signal: rest.signal,
          ...(request.deadline === undefined ? {} : { deadline: request.deadline }),
          deliver: 'final',
        });
        // A failure ends the feeding too, not only the waiting below.
        handle.result().catch((error: unknown) => rest.abort(error));
        handles.push(handle);
      }
    }
    return (await Promise.all(handles.map((handle) => handle.result()))).flat();
  } finally {
    request.signal.removeEventListener('abort', onAbort);
    rest.abort(new MillraceError('E_CANCELLED', 'Another text of the same call could not be embedded.'));
  }
}

/** A text that may not fit together with prefix and special tokens takes a whole batch, so that its refusal touches no other text. */
function costOf(embedder: Embedder, tokens: number, index: number): number {
  const { maxInputTokens, title } = embedder.model;
  if (tokens > maxInputTokens) {
    throw new MillraceError('E_CONTEXT_EXCEEDED', `Text number ${index + 1} has ${tokens} tokens, but ${title} takes ${maxInputTokens}.`, {
      remedy: 'Cut the text into shorter ones.',
      details: { index, tokens, maxInputTokens },
    });
  }
  const needed = tokens + reservedTokens;
  return needed > maxInputTokens || needed > embedder.limits.batchTokens ? embedder.limits.batchTokens : needed;
}
