import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from './clock.ts';

/** What happened on this thread since the last reading. All in ms. */
export interface TurnFigures {
  /** How late the event loop came to a timer. */
  readonly delayMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Most processor time of this thread between two looks that were due `everyMs` apart: no turn took more. Null where Node cannot tell. */
  readonly longestTurnCpuMs: number | null;
}

export interface TurnMonitor {
  /** The figures since the last reading; the next ones begin here. */
  read(): TurnFigures;
  stop(): void;
}

const everyMs = 20;

/** Watches the main thread of a process; keeps nothing alive. */
export function createTurnMonitor(clock: Pick<Clock, 'after'>, threadCpuMs: () => number | null = readThreadCpuMs): TurnMonitor {
  const delay = monitorEventLoopDelay({ resolution: everyMs });
  let longest: number | null = null;
  let before = threadCpuMs();
  let cancel = arm();
  delay.enable();

  function arm(): () => void {
    return clock.after(everyMs, look, { keepAlive: false });
  }

  function look(): void {
    const now = threadCpuMs();
    if (now !== null && before !== null) longest = Math.max(longest ?? 0, now - before);
    before = now;
    cancel = arm();
  }

  return {
    read() {
      // The histogram counts the interval as well, and an empty one has no percentiles.
      const late = (nanoseconds: number): number => (Number.isFinite(nanoseconds) ? Math.max(0, nanoseconds / 1e6 - everyMs) : 0);
      const figures: TurnFigures = {
        delayMs: { p50: late(delay.percentile(50)), p99: late(delay.percentile(99)), max: late(delay.max) },
        longestTurnCpuMs: longest,
      };
      delay.reset();
      longest = null;
      return figures;
    },
    stop() {
      cancel();
      delay.disable();
    },
  };
}

/** Node.js 22.19 and 23.9 are the first that tell. */
function readThreadCpuMs(): number | null {
  const { threadCpuUsage } = process as { readonly threadCpuUsage?: () => { readonly user: number; readonly system: number } };
  if (threadCpuUsage === undefined) return null;
  const { user, system } = threadCpuUsage.call(process);
  return (user + system) / 1_000;
}
