import { MillraceError } from '../../errors.ts';
import type { Embedder } from '../../spec/engine.ts';
import { hashOf } from '../../util/hash.ts';
import { createFakePace } from './pace.ts';
import type { FakePaceOptions } from './pace.ts';
import { createFakeTokenizer } from './tokenizer.ts';
import { contentWords, hashWord, piecesOf } from './words.ts';

export interface FakeEmbedderOptions extends FakePaceOptions {
  /** Default `fake-embedder`. */
  readonly id?: string;
  /** Default 256; at least 64, so that words seldom fall together. */
  readonly dimensions?: number;
  /** Default 256. */
  readonly maxInputTokens?: number;
  /** Default 512 tokens and 64 texts. */
  readonly limits?: Embedder['limits'];
  /** Default: no time passes. */
  readonly tokensPerSecond?: number;
}

/** Texts that share words have similar vectors: hashed bags of words (Weinberger et al. 2009, arXiv:0902.2206), words weighted 1 + ln n. */
export function createFakeEmbedder(options: FakeEmbedderOptions): Embedder {
  const { id = 'fake-embedder', dimensions = 256, maxInputTokens = 256, tokensPerSecond = Infinity } = options;
  if (dimensions < 64) throw new MillraceError('E_INPUT_INVALID', `A fake embedder needs at least 64 dimensions, not ${dimensions}.`);
  const limits = options.limits ?? { batchTokens: 512, batchItems: 64 };
  const startCall = createFakePace(options);

  return {
    model: {
      id,
      hash: hashOf({ id, dimensions }),
      title: `Fake embedder "${id}"`,
      dimensions,
      maxInputTokens,
      languages: ['*'],
    },
    tokenizer: createFakeTokenizer(),
    limits,
    async embed(texts, _kind, { signal }) {
      const pace = startCall(signal);
      const counts = texts.map((text) => piecesOf(text).length);
      const longest = Math.max(0, ...counts);
      if (longest > maxInputTokens) {
        throw new MillraceError('E_CONTEXT_EXCEEDED', `A text has ${longest} tokens; ${id} takes ${maxInputTokens}.`);
      }
      const total = counts.reduce((sum, count) => sum + count, 0);
      pace.crashAt(0, false);
      await pace.spend(total, tokensPerSecond);
      pace.crashAt(total, false);
      return texts.map((text) => bagOfWords(text, dimensions));
    },
  };
}

/** Unit vector of a text. A text without words lies on an axis of its own. */
export function bagOfWords(text: string, dimensions: number): Float32Array {
  const counts = new Map<string, number>();
  for (const word of contentWords(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const vector = new Float32Array(dimensions);
  for (const [word, count] of counts) {
    const hash = hashWord(word);
    const index = 1 + ((hash >>> 1) % (dimensions - 1));
    vector[index] = (vector[index] ?? 0) + ((hash & 1) === 0 ? 1 : -1) * (1 + Math.log(count));
  }
  const norm = Math.hypot(...vector);
  if (norm === 0) {
    vector[0] = 1;
    return vector;
  }
  return vector.map((value) => value / norm);
}
