import type { Tokenizer } from '../src/index.ts';
import type { Rates } from './bound.ts';
import type { GeneratingContestant, JobUsage } from './contestant.ts';
import { sharedPrefixJobs, singleTokenWords } from './workload.ts';

const load = { prefixTokens: 256, questionTokens: 24, maxTokens: 64 };

/**
 * Prefill and decode rates of one engine. Decoding together is measured by requests over one prefix that is computed already, so that
 * all start to decode in the same step.
 */
export async function measureRates(
  contestant: GeneratingContestant,
  tokenizer: Tokenizer,
  parallel: number,
  signal: AbortSignal,
): Promise<Rates> {
  const words = await singleTokenWords(tokenizer);
  const jobs = await sharedPrefixJobs(tokenizer, words, { ...load, jobs: parallel, seed: 90_000 + parallel });
  const [alone] = await contestant.generate({ jobs: jobs.slice(0, 1), reuse: undefined, prefixKey: 'unused' }, signal);
  const together = { jobs, reuse: contestant.reuses[0], prefixKey: `rates-${parallel}` };
  await contestant.generate(together, signal);
  const usages = await contestant.generate(together, signal);
  return ratesOf(alone!, usages);
}

export function ratesOf(alone: JobUsage, together: readonly JobUsage[]): Rates {
  const perSecond = (tokens: number, elapsedMs: number | undefined): number => (tokens / Math.max(elapsedMs ?? 0, 0.001)) * 1000;
  return {
    prefill: perSecond(alone.promptTokens - alone.cachedTokens, alone.prefillMs),
    decodeAlone: perSecond(alone.outputTokens - 1, alone.decodeMs),
    decodeTogether: together.reduce((sum, { outputTokens, decodeMs }) => sum + perSecond(outputTokens - 1, decodeMs), 0),
  };
}
