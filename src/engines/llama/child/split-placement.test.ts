import { describe, expect, it } from 'vitest';
import { createFakeCells } from '../../../../test/support/fake-cells.ts';
import { createSplitPlacement } from './split-placement.ts';

const range = (from: number, count: number) => Int32Array.from({ length: count }, (_, index) => from + index);
const joined = (...parts: Int32Array[]) => Int32Array.from(parts.flatMap((part) => [...part]));

function setup(sequences = 4, shares = true) {
  const cells = createFakeCells();
  const placement = createSplitPlacement({ sequences, shares, memory: cells });
  const run = (prompt: Int32Array, prefixTokens: number) => {
    const place = placement.place(prompt, 8, prefixTokens)!;
    const reused = placement.adopt(place, prompt);
    cells.compute(place.sequence, prompt, reused);
    if (prefixTokens > 0) placement.keep(place, prompt, prefixTokens);
    return { place, reused };
  };
  return { cells, placement, run };
}

describe('split placement', () => {
  it('places as many requests as there are slots, beside each other', () => {
    const { placement } = setup(3);
    const places = [1, 2, 3].map((number) => placement.place(range(number * 100, 5), 5, 0)!);
    expect(places.map((place) => place.sequence)).toEqual([0, 1, 2]);
    expect(placement.place(range(0, 5), 5, 0)).toBeUndefined();
    placement.leave(places[1]!);
    expect(placement.place(range(0, 5), 5, 0)?.sequence).toBe(1);
  });

  it('fills gaps before it opens new ones', () => {
    const { placement } = setup(6);
    const places = Array.from({ length: 5 }, (_, number) => placement.place(range(number * 100, 5), 5, 0)!);
    for (const sequence of [1, 4]) placement.leave(places[sequence]!);
    expect([placement.place(range(0, 3), 1, 0)?.sequence, placement.place(range(0, 3), 1, 0)?.sequence]).toEqual(
      expect.arrayContaining([1, 4]),
    );
  });

  it('copies a named prefix from a running request', () => {
    const { run, cells } = setup();
    const prefix = range(0, 40);
    const leader = run(joined(prefix, range(100, 5)), 40);
    const twin = run(joined(prefix, range(200, 5)), 40);
    expect([leader.reused, twin.reused]).toEqual([0, 40]);
    expect(cells.tokensOf(twin.place.sequence)).toEqual([...prefix, ...range(200, 5)]);
    expect(cells.tokensOf(leader.place.sequence)).toEqual([...prefix, ...range(100, 5)]);
  });

  it('keeps the named prefix of a finished request, and nothing else of it', () => {
    const { run, placement, cells } = setup();
    const prefix = range(0, 40);
    const { place } = run(joined(prefix, range(100, 5)), 40);
    placement.leave(place);
    expect(placement.cachedTokens).toBe(40);
    expect(cells.used).toBe(40);
    expect(run(joined(prefix, range(300, 5)), 0).reused).toBe(40);
    const unnamed = run(range(700, 9), 0);
    placement.leave(unnamed.place);
    expect(cells.tokensOf(unnamed.place.sequence)).toEqual([]);
  });

  it('forgets what does not belong to the new prompt', () => {
    const { run, placement, cells } = setup(1);
    placement.leave(run(joined(range(0, 40), range(100, 5)), 40).place);
    const next = run(joined(range(0, 20), range(500, 5)), 0);
    expect(next.reused).toBe(20);
    expect(cells.tokensOf(0)).toEqual([...range(0, 20), ...range(500, 5)]);
  });

  it('computes short beginnings rather than copying them', () => {
    const { run } = setup();
    run(joined(range(0, 3), range(100, 5)), 3);
    expect(run(joined(range(0, 3), range(200, 5)), 3).reused).toBe(0);
  });

  it('always leaves the last prompt token to compute', () => {
    const { run } = setup();
    run(range(0, 40), 40);
    expect(run(range(0, 40), 40).reused).toBe(39);
  });

  it('shares nothing where the cache cannot be cut, and can forget everything', () => {
    const whole = setup(4, false);
    whole.run(range(0, 40), 30);
    expect(whole.run(range(0, 40), 30).reused).toBe(0);
    const { run, placement, cells } = setup();
    placement.leave(run(range(0, 40), 30).place);
    placement.evictIdle();
    expect([placement.cachedTokens, cells.used]).toEqual([0, 0]);
  });
});
