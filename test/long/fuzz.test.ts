import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzTargets } from '../support/fuzz-targets.ts';

/** For each target. */
const minutes = Number(process.env['MILLRACE_MINUTES'] ?? 1);

describe('T22: input of any shape, for longer', () => {
  it.each(fuzzTargets)('$name', { timeout: (minutes + 5) * 60_000 }, async ({ property }) => {
    const { failed, seed, counterexample, errorInstance } = await fc.check(property(), {
      numRuns: 1_000_000_000,
      interruptAfterTimeLimit: minutes * 60_000,
    });
    expect({ failed, seed, counterexample, errorInstance }).toMatchObject({ failed: false });
  });
});
