import { expect, it } from 'vitest';
import { createFakeGenerator } from '../engines/fake/generator.ts';
import { createFakeMill } from '../testing/fake-mill.ts';
import { createManualClock } from '../testing/manual-clock.ts';
import type { SettledQuestion } from '../spec/runs.ts';
import type { Clock } from '../util/clock.ts';

it('T13: a clock that is set an hour ahead and back again expires nothing early, and nothing waits for it', async () => {
  const real = createManualClock();
  let setAheadMs = 0;
  const clock: Clock = { ...real, now: () => real.now() + setAheadMs };
  const generator = createFakeGenerator({ clock: real, decodeTokensPerSecond: 4 });
  const mill = createFakeMill({ clock, generator });
  async function drive<Value>(promise: Promise<Value>): Promise<Value> {
    let pending = true;
    void promise.catch(() => undefined).finally(() => (pending = false));
    while (pending) await real.runUntilIdle();
    return promise;
  }
  await drive(mill.ingest([{ id: 'ferry', text: 'The ferry carries 48 passengers.' }]).result());
  const settled: SettledQuestion[] = [];
  const questions = Array.from({ length: 12 }, (_, number) => `How many passengers does the ferry carry, asked ${number}?`);
  const reading = (async () => {
    for await (const event of mill.askMany(questions, { mode: 'text', concurrency: 2, questionTimeoutMs: 60_000, cache: false })) {
      if (event.type !== 'item-settled') continue;
      settled.push(event.item);
      setAheadMs = [3_600_000, -3_600_000, 0][settled.length % 3] ?? 0;
    }
  })();
  await drive(reading);
  expect(settled.map(({ status, attempts }) => [status, attempts])).toEqual(questions.map(() => ['done', 1]));
  expect(Math.max(...settled.map(({ timings }) => timings?.totalMs ?? Infinity))).toBeLessThan(60_000);
  await drive(mill.close());
});
