import { createHash } from 'node:crypto';
import type { LoadRerankerOptions, Reranker } from '../../spec/engine.ts';
import type { EngineLink } from './engine-process.ts';
import { callWithSignal } from './embedder.ts';
import type { LoadedModel } from './protocol.ts';

export function createReranker(options: {
  readonly link: EngineLink;
  readonly request: LoadRerankerOptions;
  readonly loaded: LoadedModel;
}): Reranker {
  const { link, request, loaded } = options;
  const hash = createHash('sha256')
    .update(JSON.stringify([request.sha256, 'rank']))
    .digest('hex');
  return {
    model: { id: request.id, hash, title: request.title, maxInputTokens: loaded.maxSequenceTokens },
    async score(query, passages, { class: workClass, signal }) {
      if (passages.length === 0) return new Float32Array(0);
      return callWithSignal(link, { type: 'score', handle: link.handle, class: workClass, query, passages }, signal);
    },
  };
}
