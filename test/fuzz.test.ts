import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzTargets } from './support/fuzz-targets.ts';

/** A failure names its seed and path, and what it was shrunk to becomes a test of its own. `test/long/fuzz.test.ts` goes on for longer. */
describe('T22: input of any shape', () => {
  it.each(fuzzTargets)('$name', { timeout: 120_000 }, async ({ property }) => {
    const { failed, seed, counterexample, errorInstance } = await fc.check(property(), { numRuns: 300 });
    expect({ failed, seed, counterexample, errorInstance }).toMatchObject({ failed: false });
  });
});
