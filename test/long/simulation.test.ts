import { expect, it } from 'vitest';
import { createSeededRandom } from '../../src/util/random.ts';
import { systemClock } from '../../src/util/clock.ts';
import { simulateMill } from '../support/simulation/mill-simulation.ts';
import { describeFailure, simulatedSeeds } from '../support/simulation/seeds.ts';
import { simulate } from '../support/simulation/simulation.ts';

/** Each part ends after this time, however many seeds it got to. */
const partMs = 4 * 60_000;
/** Another range every day, which is printed. */
const firstOfToday = 1_000_000 + Math.floor(createSeededRandom(Math.floor(systemClock.now() / 86_400_000)).float() * 1e9);

it.each([
  ['a scheduler', simulate, 200_000],
  ['a whole Mill', simulateMill, 20_000],
] as const)('%s holds in as many histories as there is time for', { timeout: 2 * partMs }, async (name, play, most) => {
  const { first, count, replay } = simulatedSeeds({ first: firstOfToday, count: most });
  const end = systemClock.monotonic() + partMs;
  let seed = first;
  for (; seed < first + count && systemClock.monotonic() < end; seed += 1) {
    const result = await play({ seed, keepTrace: replay });
    if (replay) process.stdout.write(`${result.trace.join('\n')}\nhash ${result.hash}\n`);
    expect(result.violations, describeFailure(seed)).toEqual([]);
  }
  process.stdout.write(`${name}: seeds ${first} to ${seed - 1}\n`);
});
