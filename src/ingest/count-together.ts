import type { Tokenizer } from '../spec/engine.ts';
import { createDeferred, type Deferred } from '../util/deferred.ts';

interface WaitingCount {
  readonly texts: readonly string[];
  readonly counts: Deferred<Uint32Array>;
}

/** Counts in one call what several documents ask for in one turn: documents come from their parser together. */
export function countTogether(tokenizer: Pick<Tokenizer, 'countTokens'>, signal: AbortSignal): Pick<Tokenizer, 'countTokens'> {
  let waiting: WaitingCount[] = [];

  async function count(): Promise<void> {
    const together = waiting;
    waiting = [];
    try {
      const all = await tokenizer.countTokens(
        together.flatMap(({ texts }) => texts),
        signal,
      );
      let first = 0;
      for (const { texts, counts } of together) {
        counts.resolve(all.subarray(first, first + texts.length));
        first += texts.length;
      }
    } catch (error) {
      for (const { counts } of together) counts.reject(error);
    }
  }

  return {
    countTokens(texts) {
      const counts = createDeferred<Uint32Array>();
      waiting.push({ texts, counts });
      if (waiting.length === 1) process.nextTick(() => void count());
      return counts.promise;
    },
  };
}
