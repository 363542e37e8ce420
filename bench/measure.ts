import { setTimeout } from 'node:timers/promises';
import type { LoopTimes } from './contestant.ts';
import type { Reporting } from './output.ts';

const runTimeoutMs = 20 * 60_000;
/** llama.cpp's threads look for work for about 0.4 s after a step. */
const restMs = 1_000;

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
  /** @param run as in {@link Entry.prepare} */
  readonly onRun?: (label: string, run: number) => void;
}

/** The bounds that all benchmarks of generation share. */
export function measureScenario(
  name: string,
  entries: readonly Entry[],
  { runs, signal, progress }: Pick<Reporting, 'signal' | 'progress'> & { readonly runs: number },
): Promise<MeasuredEntry[]> {
  return measureAlternating(entries, {
    runs,
    runTimeoutMs,
    signal,
    monotonicMs: () => performance.now(),
    rest: (during) => setTimeout(restMs, undefined, { signal: during }),
    onRun: (label, run) => progress(run < 0 ? `${name}: warming up, ${label}` : `${name}: run ${run + 1} of ${runs}, ${label}`),
  });
}

/**
 * Runs the entries in turns, beginning with another one each time, after one run of each that does not count: what the machine does
 * besides touches all alike, and neither order nor first use favours anyone.
 * @returns when it is aborted, the entries that have been run, with the runs that they have finished
 */
export async function measureAlternating(entries: readonly Entry[], options: MeasureOptions): Promise<MeasuredEntry[]> {
  const measured = entries.map(({ label, flags }) => ({ label, flags, runs: [] as Run[] }));
  try {
    for (const entry of entries) {
      options.onRun?.(entry.label, -1);
      await measureOnce(entry, -1, options);
    }
    for (let run = 0; run < options.runs; run++) {
      for (let turn = 0; turn < entries.length; turn++) {
        const index = (run + turn) % entries.length;
        options.onRun?.(entries[index]!.label, run);
        measured[index]!.runs.push(await measureOnce(entries[index]!, run, options));
      }
    }
  } catch (error) {
    if (!options.signal.aborted) throw error;
  }
  return measured.filter(({ runs }) => runs.length > 0);
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
