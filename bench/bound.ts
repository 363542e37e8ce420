/** Rates of one engine on one machine, in tokens per second. */
export interface Rates {
  /** Of prompt tokens. Batching does not raise it on a CPU. */
  readonly prefill: number;
  /** Of output tokens, one request alone. */
  readonly decodeAlone: number;
  /** Of output tokens, all requests together. */
  readonly decodeTogether: number;
}

/**
 * The best gain in tokens per second that running requests together can give over one at a time, when only decoding gets faster:
 * (P/p + D/d₁) / (P/p + D/dₙ).
 */
export function boundOfGain({ prefill, decodeAlone, decodeTogether }: Rates, promptTokens: number, outputTokens: number): number {
  const prefillSeconds = promptTokens / prefill;
  return (prefillSeconds + outputTokens / decodeAlone) / (prefillSeconds + outputTokens / decodeTogether);
}
