import { expect, it } from 'vitest';
import { describeFailure, simulatedSeeds } from '../../test/support/simulation/seeds.ts';
import { simulate } from '../../test/support/simulation/simulation.ts';

const { first, count, replay } = simulatedSeeds({ first: 1, count: 2_000 });

it(`holds in every one of ${count} simulated histories from seed ${first} on`, { timeout: 300_000 }, async () => {
  const outcomes: Record<string, number> = {};
  for (let seed = first; seed < first + count; seed += 1) {
    const result = await simulate({ seed, keepTrace: replay });
    if (replay) process.stdout.write(`${result.trace.join('\n')}\nhash ${result.hash}\n`);
    for (const [outcome, times] of Object.entries(result.outcomes)) outcomes[outcome] = (outcomes[outcome] ?? 0) + times;
    expect(result.violations, describeFailure(seed)).toEqual([]);
  }
  // A simulation in which nothing went wrong would show little.
  if (!replay) {
    for (const outcome of ['done', 'left', 'E_CANCELLED', 'E_DEADLINE_EXCEEDED', 'E_OVERLOADED', 'E_ENGINE_CRASHED']) {
      expect(outcomes[outcome], outcome).toBeGreaterThan(count / 100);
    }
  }
});

it('is the same history for the same seed, and another one for another', async () => {
  const hashes = new Set<string>();
  for (let seed = first; seed < first + 20; seed += 1) {
    const [once, again] = [await simulate({ seed }), await simulate({ seed })];
    expect(again.hash, describeFailure(seed)).toBe(once.hash);
    hashes.add(once.hash);
  }
  expect(hashes.size).toBe(20);
});

it('settles everything that has the patience when nothing goes wrong', async () => {
  for (let seed = first; seed < first + 50; seed += 1) {
    const { outcomes, violations } = await simulate({ seed, faults: false });
    expect(violations, describeFailure(seed)).toEqual([]);
    expect(outcomes['E_ENGINE_CRASHED'], describeFailure(seed)).toBeUndefined();
  }
});
