import { describe, expect, it } from 'vitest';
import { minimumPromptTokens } from './plan.ts';
import { createStepBudget, efficientPromptTokens } from './step-budget.ts';

describe('step budget', () => {
  it('turns time into tokens by the warm-up rate, within the batch', () => {
    const budget = createStepBudget({ batchTokens: 512, tokensPerMs: 0.5 });
    expect(budget.promptTokens(0, { mostMs: 400 })).toBe(200);
    expect(budget.promptTokens(0, { mostMs: 120 })).toBe(60);
    expect(budget.promptTokens(0, { mostMs: 100_000 })).toBe(512);
  });

  it('follows what steps really took', () => {
    const budget = createStepBudget({ batchTokens: 512, tokensPerMs: 4 });
    for (let step = 0; step < 40; step++) budget.observe({ decodes: 0, prompts: 100, elapsedMs: 1000 });
    expect(budget.promptTokens(0, { mostMs: 400 })).toBeGreaterThanOrEqual(38);
    expect(budget.promptTokens(0, { mostMs: 400 })).toBeLessThanOrEqual(42);
  });

  it('takes the time of the decodes off, and never goes below the minimum', () => {
    const budget = createStepBudget({ batchTokens: 512, tokensPerMs: 1 });
    for (let step = 0; step < 40; step++) budget.observe({ decodes: 4, prompts: 0, elapsedMs: 80 });
    expect(budget.promptTokens(4, { mostMs: 120 })).toBe(40);
    expect(budget.promptTokens(8, { mostMs: 120 })).toBe(minimumPromptTokens);
  });

  it('stretches a step that would compute its prompts badly, and no further than needed or allowed', () => {
    const short = { mostMs: 120, stretchedMs: 240 };
    const tokensAt = (tokensPerMs: number) => createStepBudget({ batchTokens: 512, tokensPerMs }).promptTokens(0, short);
    expect(tokensAt(2)).toBe(240);
    expect(tokensAt(0.5)).toBe(efficientPromptTokens);
    expect(tokensAt(0.25)).toBe(60);
    expect(tokensAt(0.001)).toBe(minimumPromptTokens);
  });

  it('ignores short prompts and steps without a duration', () => {
    const budget = createStepBudget({ batchTokens: 512, tokensPerMs: 1 });
    budget.observe({ decodes: 0, prompts: 2, elapsedMs: 500 });
    budget.observe({ decodes: 0, prompts: 100, elapsedMs: 0 });
    expect(budget.promptTokens(0, { mostMs: 200 })).toBe(200);
  });
});
