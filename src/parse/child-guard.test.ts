import { describe, expect, it } from 'vitest';
import { createManualClock } from '../testing/manual-clock.ts';
import { createChildGuard } from './child-guard.ts';
import { defaultParseLimits } from './limits.ts';
import type { ParserChild } from './parser-child.ts';

function createBench(deadlineMs: number) {
  const manual = createManualClock();
  let asleepMs = 0;
  let waitedMs = 5_000;
  let kills = 0;
  const child: ParserChild = {
    pid: 1,
    heapBytes: 0,
    isGone: false,
    ended: new Promise(() => undefined),
    exchange: () => Promise.resolve(undefined),
    write: () => Promise.resolve(),
    usage: () => Promise.resolve({ residentBytes: 1, waitedMs }),
    kill: () => {
      kills += 1;
    },
    setBusy: () => undefined,
  };
  const guard = createChildGuard({
    child,
    clock: { ...manual, monotonic: () => manual.monotonic() + asleepMs },
    limits: defaultParseLimits,
    request: { name: 'a.pdf', bytes: new Uint8Array(1) },
    deadlineMs,
    signal: new AbortController().signal,
  });
  return {
    guard,
    clock: manual,
    kills: () => kills,
    /** Time goes on in which the child has no processor, except for one part in `parts`. */
    async starve(ms: number, parts: number): Promise<void> {
      for (let passed = 0; passed < ms; passed += 250) {
        waitedMs += 250 * (1 - 1 / parts);
        await manual.advance(250);
      }
    },
    /** Time goes on, timers do not. */
    sleep(ms: number): void {
      asleepMs += ms;
    },
  };
}

describe('createChildGuard', () => {
  it('ends a child when its deadline is over, not before', async () => {
    const { guard, clock, kills } = createBench(12_500);
    guard.start();
    await clock.advance(12_499);
    expect([kills(), guard.reason()]).toEqual([0, undefined]);
    await clock.advance(1);
    expect(kills()).toBe(1);
    expect(guard.reason()).toMatchObject({ code: 'E_PARSE_CRASHED', details: { limit: 'deadline', deadlineMs: 12_500 } });
  });

  it('counts what a machine sleeps as two steps at most', async () => {
    const { guard, clock, kills, sleep } = createBench(12_000);
    guard.start();
    await clock.advance(3_500);
    sleep(8 * 3_600_000);
    await clock.advance(6_999);
    expect(kills()).toBe(0);
    await clock.advance(2_000);
    expect(kills()).toBe(1);
  });

  it('does not count that others had the processors, three times the deadline at most', async () => {
    const { guard, clock, kills, starve } = createBench(10_000);
    guard.start();
    // Of 16 s it ran 8.
    await starve(16_000, 2);
    expect(kills()).toBe(0);
    await clock.advance(3_000);
    expect(kills()).toBe(1);
    const starved = createBench(10_000);
    starved.guard.start();
    await starved.starve(38_000, 1_000);
    expect(starved.kills()).toBe(0);
    await starved.starve(4_000, 1_000);
    expect(starved.kills()).toBe(1);
  });

  it('does not count what takes its time in this process', async () => {
    const { guard, clock, kills } = createBench(2_000);
    guard.start();
    await clock.advance(1_500);
    const held = Promise.withResolvers<void>();
    const paused = guard.pausedFor(() => held.promise);
    await clock.advance(60_000);
    held.resolve();
    await paused;
    await clock.advance(499);
    expect(kills()).toBe(0);
    await clock.advance(1);
    expect(kills()).toBe(1);
    guard.stop();
    expect(clock.pendingTimers).toBe(0);
  });
});
