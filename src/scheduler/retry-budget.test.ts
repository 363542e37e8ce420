import { expect, it } from 'vitest';
import { crash, createLaneBench } from '../../test/support/lane-bench.ts';

it('lets an engine that fails at every call get little more calls than were asked for', async () => {
  const bench = createLaneBench({ concurrency: 4, batchItems: 1, queuedItems: 1_000 }, undefined, { sharesFate: false });
  const works = Array.from({ length: 800 }, (_, index) => bench.submit(String(index)));
  await bench.clock.settle();
  while (bench.running().length > 0) {
    for (const call of bench.calls) if (!call.isEnded()) call.fail(crash());
    await bench.clock.settle();
  }
  expect(works.every((work) => work.outcome() === 'E_ENGINE_CRASHED')).toBe(true);
  expect(bench.calls.length).toBeGreaterThan(800);
  expect(bench.calls.length).toBeLessThan(1.1 * 800);
});

it('tries the works of one call again together, each by itself', async () => {
  const bench = createLaneBench({ concurrency: 1, batchItems: 100 });
  const works = Array.from({ length: 60 }, (_, index) => bench.submit(String(index)));
  await bench.clock.settle();
  bench.calls[0]?.fail(crash());
  await bench.clock.settle();
  while (bench.running().length > 0) {
    bench.calls.at(-1)?.succeed();
    await bench.clock.settle();
  }
  expect(works.map((work) => work.outcome())).toEqual(works.map(() => 'done'));
  expect(bench.calls).toHaveLength(61);
});

it('fails what crashes the engine twice, and nothing that ran beside it', async () => {
  const bench = createLaneBench({ concurrency: 8, batchItems: 1, queuedItems: 1_000 });
  const works = Array.from({ length: 40 }, (_, index) => bench.submit(index % 10 === 3 ? `poison ${index}` : String(index)));
  await bench.clock.settle();
  while (bench.running().length > 0) {
    const open = bench.calls.filter((call) => !call.isEnded());
    // The engine dies with everything that runs.
    if (open.some(({ names }) => names[0]?.startsWith('poison'))) for (const call of open) call.fail(crash());
    else open[0]?.succeed();
    await bench.clock.settle();
  }
  expect(works.filter((work) => work.outcome() !== 'done').map(({ name }) => name)).toEqual(
    works.map(({ name }) => name).filter((name) => name.startsWith('poison')),
  );
});
