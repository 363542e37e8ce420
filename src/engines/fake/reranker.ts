import { MillraceError } from '../../errors.ts';
import type { Reranker } from '../../spec/engine.ts';
import { hashOf } from '../../util/hash.ts';
import { createFakePace } from './pace.ts';
import type { FakePaceOptions } from './pace.ts';
import { contentWords, countShared, piecesOf } from './words.ts';

export interface FakeRerankerOptions extends FakePaceOptions {
  /** Default `fake-reranker`. */
  readonly id?: string;
  /** Query and passage together. Default 512. */
  readonly maxInputTokens?: number;
  /** Default: no time passes. */
  readonly tokensPerSecond?: number;
}

/** Scores a passage by the share of the query's words it holds, in [0, 1]; of two equal ones the denser is slightly better. */
export function createFakeReranker(options: FakeRerankerOptions): Reranker {
  const { id = 'fake-reranker', maxInputTokens = 512, tokensPerSecond = Infinity } = options;
  const startCall = createFakePace(options);

  return {
    model: { id, hash: hashOf({ id }), title: `Fake reranker "${id}"`, maxInputTokens },
    async score(query, passages, { signal }) {
      const pace = startCall(signal);
      const queryTokens = piecesOf(query).length;
      const counts = passages.map((passage) => queryTokens + piecesOf(passage).length);
      const longest = Math.max(0, ...counts);
      if (longest > maxInputTokens) {
        throw new MillraceError('E_CONTEXT_EXCEEDED', `Query and passage have ${longest} tokens; ${id} takes ${maxInputTokens}.`);
      }
      const total = counts.reduce((sum, count) => sum + count, 0);
      pace.crashAt(0, false);
      await pace.spend(total, tokensPerSecond);
      pace.crashAt(total, false);
      const words = new Set(contentWords(query));
      return Float32Array.from(passages, (passage) => {
        const shared = countShared(words, passage);
        return words.size === 0 ? 0 : (0.99 * shared) / words.size + (0.01 * shared) / Math.max(1, contentWords(passage).length);
      });
    },
  };
}
