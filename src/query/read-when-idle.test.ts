import { expect, it } from 'vitest';
import { createFakeGenerator } from '../engines/fake/generator.ts';
import { createFakePrefixes } from '../engines/fake/prefixes.ts';
import { generateLane } from '../lanes.ts';
import { createScheduler } from '../scheduler/scheduler.ts';
import { watchIdle } from '../scheduler/watch-idle.ts';
import type { Generator } from '../spec/engine.ts';
import type { ChunkId } from '../spec/identifiers.ts';
import type { StoredChunk, StoreReader } from '../spec/store.ts';
import { questionRequest } from '../testing/engine-conformance.ts';
import { createManualClock } from '../testing/manual-clock.ts';
import { readWhenIdle } from './read-when-idle.ts';

const quietMs = 1_000;

function setup() {
  const clock = createManualClock();
  const prefixes = createFakePrefixes();
  const generator = createFakeGenerator({ clock, prefixes, prefillTokensPerSecond: 10 });
  const inner = createScheduler({ clock });
  inner.addLane(generateLane(generator));
  const watch = watchIdle(inner, clock);
  const closing = new AbortController();
  const chunk = (id: ChunkId) => ({
    document: `d${id}`,
    title: null,
    headingPath: [],
    tableHeader: null,
    text: 'word '.repeat(500 + id),
    source: { title: null },
  });
  const store = { readChunks: async (ids: readonly ChunkId[]) => ids.map(chunk) as unknown as readonly StoredChunk[] } as StoreReader;
  let loaded: Generator | undefined = generator;
  const reading = readWhenIdle({
    store,
    scheduler: inner,
    generator: () => Promise.resolve(loaded),
    idle: () => watch.idle(quietMs, closing.signal),
  });
  const ask = () => {
    const work = watch.scheduler.submit({ lane: 'generate', class: 'interactive', input: questionRequest('Why?'), cost: { kvTokens: 50 } });
    return work.result();
  };
  return { clock, prefixes, generator, reading, ask, closing, unload: () => void (loaded = undefined) };
}

const owners = async ({ prefixes }: ReturnType<typeof setup>): Promise<readonly string[]> => prefixes.owners();

it('reads what was asked about most once nothing else is wanted, and only then', async () => {
  const bench = setup();
  const { clock, reading, ask } = bench;
  reading.asked([{ chunk: 2 }]);
  for (const chunk of [1, 1, 3, 1, 3]) reading.asked([{ chunk }]);
  await clock.advance(100_000);
  expect(await owners(bench)).toEqual([]);
  const answer = ask();
  await clock.advance(60_000);
  await answer;
  await clock.advance(600_000);
  expect(await owners(bench)).toEqual(['d1', 'd3', 'd2']);
  // Nothing is read twice, and nothing at all without a new question.
  const { calls } = bench.generator.statistics();
  await clock.advance(600_000);
  expect(bench.generator.statistics().calls).toBe(calls);
  bench.closing.abort(new Error('closed'));
  await reading.ended;
});

it('stops at once when somebody asks, and goes on later', async () => {
  const bench = setup();
  const { clock, reading, ask, generator } = bench;
  reading.asked([{ chunk: 1 }]);
  const first = ask();
  await clock.advance(10_000);
  await first;
  expect(generator.statistics().active).toBe(1);
  const second = ask();
  await clock.settle();
  expect([generator.statistics().active, await owners(bench)]).toEqual([1, []]);
  await clock.advance(30_000);
  await second;
  await clock.advance(600_000);
  expect(await owners(bench)).toEqual(['d1']);
  bench.closing.abort(new Error('closed'));
  await reading.ended;
});

it('does nothing without a loaded generator, and gives up when nothing can be kept', async () => {
  const bench = setup();
  bench.reading.asked([{ chunk: 1 }]);
  bench.prefixes.fail('The disk is full.');
  const answer = bench.ask();
  await bench.clock.advance(600_000);
  await answer;
  await bench.reading.ended;
  expect(await owners(bench)).toEqual([]);
  const other = setup();
  other.unload();
  other.reading.asked([{ chunk: 1 }]);
  const asked = other.ask();
  await other.clock.advance(600_000);
  await asked;
  expect(other.generator.statistics().calls).toBe(1);
});
