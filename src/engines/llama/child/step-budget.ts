import { minimumPromptTokens } from './plan.ts';

/** Turns the time of a step into prompt tokens by the rate that was measured on this machine. */
export interface StepBudget {
  /** Prompt tokens that fit a step beside `decodes` single tokens. */
  promptTokens(decodes: number, time: StepTime): number;
  /** What a step really took. */
  observe(step: { readonly decodes: number; readonly prompts: number; readonly elapsedMs: number }): void;
}

export interface StepTime {
  /** Most time of the step, in ms. */
  readonly mostMs: number;
  /** A step of fewer prompt tokens than compute well may take this time instead. */
  readonly stretchedMs?: number;
}

/**
 * Prompts are computed at full speed from about here on: on two cores a 135M model takes 4.2 ms a token in chunks of 32, 3.9 ms in those of
 * 56 and 3.1 ms in those of 100 or 400.
 */
export const efficientPromptTokens = 96;

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
  const fitting = (decodes: number, ms: number): number => Math.floor((ms - decodes * decodeMs) * tokensPerMs);
  return {
    promptTokens(decodes, { mostMs, stretchedMs = mostMs }) {
      if (tokensPerMs === 0) return Math.min(options.batchTokens, 4 * minimumPromptTokens);
      const efficient = Math.min(efficientPromptTokens, fitting(decodes, stretchedMs));
      return Math.max(minimumPromptTokens, Math.min(options.batchTokens, Math.max(fitting(decodes, mostMs), efficient)));
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
