import type { LoopTimes } from './contestant.ts';

/** What one run did. Tokens that a cache spared count as effective, not as computed. */
export interface Run {
  readonly elapsedMs: number;
  readonly computedTokens: number;
  readonly effectiveTokens: number;
  readonly outputTokens: number;
  /** Answers, where they are counted. */
  readonly items?: number;
  /** Present where the contestant tells its times. */
  readonly loop?: LoopTimes;
}

/** One line of a scenario: a contestant in one mode. */
export interface Entry {
  readonly label: string;
  readonly flags: string;
  /**
   * Makes the load of this run, which is not measured, and gives what is.
   * @param run −1 for the one that does not count
   */
  prepare(run: number): Promise<(signal: AbortSignal) => Promise<Omit<Run, 'elapsedMs' | 'loop'>>>;
  loopTimes?(): Promise<LoopTimes>;
}

export interface MeasuredEntry {
  readonly label: string;
  readonly flags: string;
  readonly runs: readonly Run[];
}

export interface MeasureOptions {
  readonly runs: number;
  /** Longest single run; past it the whole measurement fails. */
  readonly runTimeoutMs: number;
  readonly signal: AbortSignal;
  readonly monotonicMs: () => number;
  /** Awaited before every run: the threads of the contestant before may still look for work on a core for a moment. */
  readonly rest: (signal: AbortSignal) => Promise<void>;
  readonly onRun?: (label: string, run: number) => void;
}

/**
 * Runs the entries in turns, beginning with another one each time, after one run of each that does not count: what the machine does
 * besides touches all alike, and neither order nor first use favours anyone.
 */
export async function measureAlternating(entries: readonly Entry[], options: MeasureOptions): Promise<MeasuredEntry[]> {
  const measured = entries.map(({ label, flags }) => ({ label, flags, runs: [] as Run[] }));
  for (const entry of entries) await measureOnce(entry, -1, options);
  for (let run = 0; run < options.runs; run++) {
    for (let turn = 0; turn < entries.length; turn++) {
      const index = (run + turn) % entries.length;
      options.onRun?.(entries[index]!.label, run);
      measured[index]!.runs.push(await measureOnce(entries[index]!, run, options));
    }
  }
  return measured;
}

async function measureOnce(entry: Entry, run: number, { signal, runTimeoutMs, monotonicMs, rest }: MeasureOptions): Promise<Run> {
  signal.throwIfAborted();
  const execute = await entry.prepare(run);
  await rest(signal);
  const before = await entry.loopTimes?.();
  const limit = AbortSignal.any([signal, AbortSignal.timeout(runTimeoutMs)]);
  const startedAt = monotonicMs();
  const result = await execute(limit);
  const elapsedMs = monotonicMs() - startedAt;
  const after = await entry.loopTimes?.();
  if (before === undefined || after === undefined) return { ...result, elapsedMs };
  return { ...result, elapsedMs, loop: { nativeMs: after.nativeMs - before.nativeMs, busyMs: after.busyMs - before.busyMs } };
}
