import { expect, it } from 'vitest';
import { simulateMill } from '../test/support/simulation/mill-simulation.ts';
import { describeFailure, simulatedSeeds } from '../test/support/simulation/seeds.ts';

const { first, count, replay } = simulatedSeeds({ first: 1, count: 100 });

it(`holds in ${count} simulated histories of a whole Mill from seed ${first} on`, { timeout: 120_000 }, async () => {
  const outcomes: Record<string, number> = {};
  for (let seed = first; seed < first + count; seed += 1) {
    const result = await simulateMill({ seed, keepTrace: replay });
    if (replay) process.stdout.write(`${result.trace.join('\n')}\nhash ${result.hash}\n`);
    for (const [outcome, times] of Object.entries(result.outcomes)) outcomes[outcome] = (outcomes[outcome] ?? 0) + times;
    expect(result.violations, describeFailure(seed)).toEqual([]);
  }
  if (!replay)
    for (const outcome of ['done', 'left', 'E_CANCELLED', 'item done', 'item expired'])
      expect(outcomes[outcome], outcome).toBeGreaterThan(0);
});

it('is the same history for the same seed', async () => {
  for (let seed = first; seed < first + 5; seed += 1) {
    const [once, again] = [await simulateMill({ seed }), await simulateMill({ seed })];
    expect(again.hash, describeFailure(seed)).toBe(once.hash);
  }
});
