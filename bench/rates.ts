import type { Tokenizer } from '../src/index.ts';
import type { Rates } from './bound.ts';
import type { GeneratingContestant, JobUsage } from './contestant.ts';
import { sharedPrefixJobs, singleTokenWords } from './workload.ts';

const load = { prefixTokens: 256, questionTokens: 24 };
const shortAnswer = 32;
const longAnswer = 96;

/**
 * Prefill and decode rates of one engine. Decoding together is measured over one prefix that is computed already, by what longer answers
 * cost more than short ones: the difference holds no prefill.
 */
export async function measureRates(
  contestant: GeneratingContestant,
  tokenizer: Tokenizer,
  parallel: number,
  signal: AbortSignal,
): Promise<Rates> {
  const words = await singleTokenWords(tokenizer);
  const jobsOf = (maxTokens: number) => sharedPrefixJobs(tokenizer, words, { ...load, maxTokens, jobs: parallel, seed: 90_000 + parallel });
  const [short, long] = [await jobsOf(shortAnswer), await jobsOf(longAnswer)];
  const [alone] = await contestant.generate({ jobs: long.slice(0, 1), reuse: undefined, prefixKey: 'unused' }, signal);
  const together = async (jobs: typeof short): Promise<TimedAnswers> => {
    const startedAt = performance.now();
    const usages = await contestant.generate({ jobs, reuse: contestant.reuses[0], prefixKey: `rates-${parallel}` }, signal);
    return { outputTokens: usages.reduce((sum, usage) => sum + usage.outputTokens, 0), elapsedMs: performance.now() - startedAt };
  };
  await together(short);
  return ratesOf(alone!, await together(short), await together(long));
}

interface TimedAnswers {
  readonly outputTokens: number;
  readonly elapsedMs: number;
}

export function ratesOf(alone: JobUsage, short: TimedAnswers, long: TimedAnswers): Rates {
  const perSecond = (tokens: number, elapsedMs: number | undefined): number => (tokens / Math.max(elapsedMs ?? 0, 0.001)) * 1000;
  return {
    prefill: perSecond(alone.promptTokens - alone.cachedTokens, alone.prefillMs),
    decodeAlone: perSecond(alone.outputTokens - 1, alone.decodeMs),
    decodeTogether: perSecond(long.outputTokens - short.outputTokens, long.elapsedMs - short.elapsedMs),
  };
}
