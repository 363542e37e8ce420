import { createHash } from 'node:crypto';
import { MillraceError, isMillraceError, toMillraceError } from '../../errors.ts';
import type { Embedder, LoadEmbedderOptions } from '../../spec/engine.ts';
import type { EngineLink, EngineRequestBody } from './engine-process.ts';
import type { LoadedModel } from './protocol.ts';
import { createTokenizer } from './tokenizer.ts';

/** Vectors of equal hash may be compared; the number names the way they are computed. */
const backend = 'llama.cpp/1';
/** A call holds several native batches, so that texts of like length meet in one. */
const limits = { batchTokens: 4096, batchItems: 256 };

export function createEmbedder(options: {
  readonly link: EngineLink;
  readonly request: LoadEmbedderOptions;
  readonly loaded: LoadedModel;
}): Embedder {
  const { link, request, loaded } = options;
  const { pooling, queryPrefix, passagePrefix } = request;
  const hash = createHash('sha256')
    .update(JSON.stringify([request.sha256, pooling, queryPrefix, passagePrefix, 'f32', backend]))
    .digest('hex');
  return {
    model: {
      id: request.id,
      hash,
      title: request.title,
      dimensions: loaded.dimensions,
      maxInputTokens: loaded.maxSequenceTokens,
      languages: request.languages,
    },
    tokenizer: createTokenizer(link),
    limits,
    async embed(texts, kind, { class: workClass, signal }) {
      if (texts.length === 0) return [];
      if (texts.length > limits.batchItems) {
        throw new MillraceError('E_INPUT_INVALID', `One call may embed ${limits.batchItems} texts; it has ${texts.length}.`);
      }
      const prefix = kind === 'query' ? queryPrefix : passagePrefix;
      const values = await callWithSignal(link, { type: 'embed', handle: link.handle, class: workClass, prefix, texts }, signal);
      return texts.map((_, index) => values.subarray(index * loaded.dimensions, (index + 1) * loaded.dimensions));
    },
  };
}

/** A call of the encode kind; when the signal ends it, the signal's reason is what is thrown. */
export async function callWithSignal(link: EngineLink, body: EngineRequestBody, signal: AbortSignal): Promise<Float32Array> {
  try {
    const engine = await link.engine(signal);
    return (await engine.call(body, signal)) as Float32Array;
  } catch (error) {
    if (signal.aborted && (!isMillraceError(error) || error.code === 'E_CANCELLED')) throw toMillraceError(signal.reason, 'E_CANCELLED');
    throw error;
  }
}
