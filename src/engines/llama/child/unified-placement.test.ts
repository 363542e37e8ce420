import { describe, expect, it } from 'vitest';
import { createFakeCells } from '../../../../test/support/fake-cells.ts';
import { createUnifiedPlacement, mostUnifiedSequences } from './unified-placement.ts';

const range = (from: number, count: number) => Int32Array.from({ length: count }, (_, index) => from + index);
const joined = (...parts: Int32Array[]) => Int32Array.from(parts.flatMap((part) => [...part]));

function setup(options: { kvTokens?: number; sequences?: number; idleTokens?: number; shares?: boolean } = {}) {
  const cells = createFakeCells();
  const placement = createUnifiedPlacement({ kvTokens: 100, sequences: 4, idleTokens: 50, shares: true, memory: cells, ...options });
  return { cells, placement };
}

describe('unified placement', () => {
  it('refuses when the reservations of others fill the cache, and accepts when one leaves', () => {
    const { placement } = setup();
    const first = placement.place(range(0, 40), 20, 0)!;
    expect(placement.place(range(100, 40), 1, 0)).toBeUndefined();
    expect(placement.place(range(100, 30), 10, 0)).toBeDefined();
    placement.leave(first);
    expect(placement.place(range(200, 40), 20, 0)).toBeDefined();
  });

  it('refuses when no sequence is free', () => {
    const { placement } = setup({ sequences: 1 });
    expect(placement.place(range(0, 1), 1, 0)).toBeDefined();
    expect(placement.place(range(0, 1), 1, 0)).toBeUndefined();
  });

  it('charges a named prefix once for all who use it', () => {
    const { placement, cells } = setup();
    const prefix = range(0, 60);
    const prompts = [1, 2, 3, 4].map((number) => joined(prefix, range(100 * number, 5)));
    const leader = placement.place(prompts[0]!, 5, 60)!;
    expect(placement.adopt(leader, prompts[0]!)).toBe(0);
    cells.compute(leader.sequence, prompts[0]!);
    expect(placement.keep(leader, prompts[0]!, 60)).toBe(true);
    for (const prompt of prompts.slice(1)) {
      const twin = placement.place(prompt, 5, 60)!;
      expect(twin).toBeDefined();
      expect(placement.adopt(twin, prompt)).toBe(60);
      cells.compute(twin.sequence, prompt, 60);
    }
    expect(cells.used).toBe(60 + 4 * 5);
  });

  it('evicts cached prefixes at once when a request needs their cells', () => {
    const { placement, cells } = setup();
    const prompt = range(0, 40);
    const place = placement.place(prompt, 10, 30)!;
    cells.compute(place.sequence, prompt);
    placement.keep(place, prompt, 30);
    placement.leave(place);
    expect(placement.cachedTokens).toBe(30);
    expect(placement.place(range(500, 80), 20, 0)).toBeDefined();
    expect(placement.cachedTokens).toBe(0);
    expect(cells.used).toBe(0);
  });

  it('keeps the prefix used last, and no more idle cells beside it than allowed', () => {
    const { placement, cells } = setup({ idleTokens: 30 });
    for (const start of [0, 1000, 2000]) {
      const prompt = range(start, 30);
      const place = placement.place(prompt, 5, 20)!;
      cells.compute(place.sequence, prompt);
      placement.keep(place, prompt, 20);
      placement.leave(place);
    }
    expect(placement.cachedTokens).toBe(40);
    placement.evictIdle();
    expect(placement.cachedTokens).toBe(0);
  });

  it('keeps a prefix for each request, however many run', () => {
    const { placement, cells } = setup({ kvTokens: 10_000, sequences: mostUnifiedSequences });
    for (let request = 0; request < mostUnifiedSequences; request++) {
      // Any two have the bits in common up to the first that differs: most of them branch off inside others.
      const bits = Int32Array.from({ length: 7 }, (_, bit) => (request >> bit) & 1);
      const prompt = joined(bits, range(100, 3));
      const place = placement.place(prompt, 2, 7)!;
      cells.compute(place.sequence, prompt, placement.adopt(place, prompt));
      expect(placement.keep(place, prompt, 7)).toBe(true);
    }
    expect(placement.cachedTokens).toBe(2 * (mostUnifiedSequences - 1));
  });

  it('always leaves the last prompt token to compute', () => {
    const { placement, cells } = setup();
    const prompt = range(0, 20);
    const first = placement.place(prompt, 5, 20)!;
    cells.compute(first.sequence, prompt);
    placement.keep(first, prompt, 20);
    const second = placement.place(prompt, 5, 20)!;
    expect(placement.adopt(second, prompt)).toBe(19);
  });

  it('shares nothing where the cache cannot be cut', () => {
    const { placement, cells } = setup({ shares: false });
    const prompt = range(0, 20);
    const first = placement.place(prompt, 5, 10)!;
    cells.compute(first.sequence, prompt);
    expect(placement.keep(first, prompt, 10)).toBe(false);
    expect(placement.adopt(placement.place(prompt, 5, 10)!, prompt)).toBe(0);
  });
});
