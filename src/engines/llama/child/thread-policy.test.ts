import { describe, expect, it } from 'vitest';
import { createThreadPolicy } from './thread-policy.ts';

/** Steps of 20 ms whose threads get `share` of their time; gives the threads of each. */
function simulate(
  policy: ReturnType<typeof createThreadPolicy>,
  from: number,
  steps: number,
  share: (threads: number) => number,
): number[] {
  return Array.from({ length: steps }, (_, step) => {
    const nowMs = from + step * 20;
    const threads = policy.threads(nowMs, true);
    policy.observe({ threads, elapsedMs: 20, processorMs: 20 * threads * share(threads), nowMs: nowMs + 20 });
    return threads;
  });
}

describe('thread policy', () => {
  it('uses all threads while they get their cores', () => {
    expect(new Set(simulate(createThreadPolicy(8), 0, 500, () => 0.97))).toEqual(new Set([8]));
  });

  it('goes down to the cores that are free, after a tenth of a second', () => {
    const policy = createThreadPolicy(8);
    expect(simulate(policy, 0, 10, () => 0.6)).toEqual([8, 8, 8, 8, 8, 4, 4, 4, 4, 4]);
    const two = createThreadPolicy(2);
    expect(simulate(two, 0, 6, () => 0.66).at(-1)).toBe(1);
  });

  it('tries again less and less often while the cores stay taken', () => {
    const policy = createThreadPolicy(2);
    const threads = simulate(policy, 0, 3_000, (count) => (count === 2 ? 0.6 : 1));
    const tries = threads.flatMap((count, step) => (count === 2 && threads[step - 1] === 1 ? [step * 20] : []));
    const waits = tries.map((at, index) => at - (tries[index - 1] ?? 0));
    expect(tries.length).toBeGreaterThan(3);
    expect(waits.slice(1).every((wait, index) => wait > waits[index]! * 1.5)).toBe(true);
    expect(threads.filter((count) => count === 2).length).toBeLessThan(80);
  });

  it('goes back to all threads when the cores are free again, and then waits shortly once more', () => {
    const policy = createThreadPolicy(4);
    simulate(policy, 0, 400, (count) => (count === 4 ? 0.5 : 1));
    expect(simulate(policy, 8_000, 2_000, () => 0.98).at(-1)).toBe(4);
    const after = simulate(policy, 48_000, 80, (count) => (count === 4 ? 0.5 : 1));
    expect(after.slice(5, 14).every((count) => count === 2)).toBe(true);
    expect(after.slice(14, 18).includes(4)).toBe(true);
  });

  it('tries more threads in a short step only', () => {
    const policy = createThreadPolicy(2);
    simulate(policy, 0, 10, () => 0.5);
    expect(policy.threads(60_000, false)).toBe(1);
    expect(policy.threads(60_000, true)).toBe(2);
  });

  it('leaves a single thread alone', () => {
    expect(new Set(simulate(createThreadPolicy(1), 0, 100, () => 0.2))).toEqual(new Set([1]));
  });
});
