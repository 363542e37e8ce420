import type { StageTimings, Usage } from '../../spec/answers.ts';

export interface EstimateCall {
  readonly signal: AbortSignal;
  readonly concurrency?: number | undefined;
  /** With fewer items nothing is sampled: the sample would be most of the work. */
  readonly leastItems: number;
}

/** One answer that was made for an estimate. */
export interface SampledAnswer {
  readonly usage: Usage;
  readonly timings: StageTimings;
  /** Of what is stored of it. */
  readonly storedBytes: number;
}

/** What one item costs on the average of the sample. */
export interface GenerationRates {
  readonly msPerPromptToken: number;
  readonly msPerOutputToken: number;
  readonly outputTokens: number;
  /** Time of an item outside the model: searching, reading, checking. */
  readonly besidesMs: number;
  readonly storedBytes: number;
}

/** Decoding several answers at once is faster than one after another, by so much at most (measured on CPUs: 1 to 8 at once). */
const mostDecodeGain = 2.4;
/** Figures of one moment on one machine are not better than this. */
const spread = 0.25;

export function ratesOf(sample: readonly SampledAnswer[]): GenerationRates {
  const sum = (of: (one: SampledAnswer) => number): number => sample.reduce((total, one) => total + of(one), 0);
  const count = Math.max(1, sample.length);
  const prompt = sum(({ usage }) => usage.promptTokens - usage.cachedTokens);
  const output = sum(({ usage }) => usage.outputTokens);
  const generating = (one: SampledAnswer): number => (one.timings.prefillMs ?? 0) + (one.timings.decodeMs ?? 0);
  return {
    msPerPromptToken: prompt === 0 ? 0 : sum(({ timings }) => timings.prefillMs ?? 0) / prompt,
    msPerOutputToken: output === 0 ? 0 : sum(({ timings }) => timings.decodeMs ?? 0) / output,
    outputTokens: output / count,
    besidesMs:
      sum((one) => Math.max(0, one.timings.totalMs - generating(one) - (one.timings.modelMs ?? 0) - (one.timings.queuedMs ?? 0))) / count,
    storedBytes: sum(({ storedBytes }) => storedBytes) / count,
  };
}

/** The prompt is computed in any case; answers are written together or, at worst, one after another. Pure. */
export function generationTime(
  rates: GenerationRates,
  work: { readonly items: number; readonly promptTokens: number; readonly concurrency: number },
): { readonly leastMs: number; readonly mostMs: number } {
  const prompts = work.promptTokens * rates.msPerPromptToken;
  const answers = work.items * rates.outputTokens * rates.msPerOutputToken;
  const besides = work.items * rates.besidesMs;
  const gain = Math.min(mostDecodeGain, Math.max(1, work.concurrency));
  return {
    leastMs: (prompts + answers / gain + besides / Math.max(1, work.concurrency)) * (1 - spread),
    mostMs: (prompts + answers + besides) * (1 + spread),
  };
}
