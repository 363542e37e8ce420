import { describe, expect, it } from 'vitest';
import { createSeededRandom, systemRandom } from './random.ts';

describe('random', () => {
  it('repeats itself with the same seed and not with another', () => {
    const draw = (seed: number) => Array.from({ length: 5 }, createSeededRandom(seed).float);
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  it('stays in [0, 1) and does not lean to a side', () => {
    const { float } = createSeededRandom(3);
    const values = Array.from({ length: 10_000 }, float);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
    expect(values.reduce((sum, value) => sum + value) / values.length).toBeCloseTo(0.5, 1);
  });

  it.each([
    ['the system', systemRandom],
    ['a seed', createSeededRandom(1)],
  ])('makes UUIDs of version 7 that sort by time, from %s', (_name, random) => {
    const ids = [0, 1, 0x0123_4567_89ab, Date.UTC(2026, 0, 1)].map((now) => random.uuid(now));
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(ids[2]?.startsWith('01234567-89ab-7')).toBe(true);
    expect(ids[0]?.startsWith('00000000-0000-7')).toBe(true);
    expect(ids.slice(0, 2)).toEqual(ids.slice(0, 2).toSorted());
    expect(new Set(Array.from({ length: 1_000 }, () => random.uuid(5))).size).toBe(1_000);
  });
});
