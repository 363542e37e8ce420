import { minimumPromptTokens } from './plan.ts';

/** Turns the time of a step into prompt tokens by the rate that was measured on this machine. */
export interface StepBudget {
  /** Prompt tokens that fit a step beside `decodes` single tokens. */
  promptTokens(decodes: number, maxStepMs: number): number;
  /** What a step really took. */
  observe(step: { readonly decodes: number; readonly prompts: number; readonly elapsedMs: number }): void;
}

/** Weight of a new observation. */
const weight = 0.25;
/** Shorter prompts say more about fixed costs than about the rate. */
const smallestSample = 16;

/**
 * @param options.batchTokens most tokens of one native call
 * @param options.tokensPerMs a first rate, from the warm-up
 */
export function createStepBudget(options: { readonly batchTokens: number; readonly tokensPerMs?: number }): StepBudget {
  let tokensPerMs = options.tokensPerMs ?? 0;
  let decodeMs = 0;
  return {
    promptTokens(decodes, maxStepMs) {
      if (tokensPerMs === 0) return Math.min(options.batchTokens, 4 * minimumPromptTokens);
      const fitting = Math.floor((maxStepMs - decodes * decodeMs) * tokensPerMs);
      return Math.max(minimumPromptTokens, Math.min(options.batchTokens, fitting));
    },
    observe({ decodes, prompts, elapsedMs }) {
      if (elapsedMs <= 0) return;
      if (prompts === 0 && decodes > 0) {
        const each = elapsedMs / decodes;
        decodeMs = decodeMs === 0 ? each : decodeMs + weight * (each - decodeMs);
      } else if (prompts >= smallestSample) {
        const rate = prompts / Math.max(elapsedMs - decodes * decodeMs, elapsedMs / 4);
        tokensPerMs = tokensPerMs === 0 ? rate : tokensPerMs + weight * (rate - tokensPerMs);
      }
    },
  };
}
