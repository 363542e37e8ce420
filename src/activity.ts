import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Metrics, SetMetric } from './metrics/metrics.ts';
import { type Activity, activity } from './spec/activity.ts';
import type { EngineStatistics } from './spec/engine.ts';
import type { LaneName, LaneSnapshot, WorkObserver, WorkOutcome } from './spec/work.ts';
import type { Clock } from './util/clock.ts';
import type { ProcessFigures } from './util/process-figures.ts';
import type { TurnMonitor } from './util/turn-monitor.ts';
import { isRunning } from './util/is-running.ts';

/** Looks at what one process does, for its metrics, for `status`, and for the `status` of other processes. */
export interface ActivityWatch {
  /** For the scheduler. */
  readonly observe: WorkObserver;
  /** What was seen last; looks itself when that is older than a second. */
  current(): Promise<Activity>;
  /** Ends watching and takes away what other processes read. */
  close(): Promise<void>;
}

export interface ActivityParts {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly lanes: () => readonly LaneSnapshot[];
  /** Undefined while no inference process runs. */
  readonly statistics: () => Promise<EngineStatistics | undefined>;
  readonly turns: TurnMonitor;
  readonly process: () => ProcessFigures;
  /** Where other processes read it; undefined for a reader, which tells nobody. */
  readonly directory?: string;
}

const everyMs = 1_000;
/** What a process wrote longer ago says nothing of now: it has nothing to do, or it is gone. */
const staleMs = 10_000;

type LaneCounts = { settled: Record<WorkOutcome, number>; waitedMs: number; left: number };

/** One look: totals, from which two looks make rates. */
interface Look {
  readonly at: number;
  readonly engine: EngineStatistics | undefined;
  readonly process: ProcessFigures;
}

export function createActivityWatch(parts: ActivityParts): ActivityWatch {
  const { clock, metrics, turns } = parts;
  const lanes = new Map<LaneName, LaneCounts>();
  let before: Look = { at: clock.monotonic(), engine: undefined, process: parts.process() };
  let latest: { readonly at: number; readonly activity: Activity } | undefined;
  let looking: Promise<Activity> | undefined;
  let wasBusy = false;
  let closed = false;
  let cancel = arm();

  function countsOf(lane: LaneName): LaneCounts {
    let counts = lanes.get(lane);
    if (counts === undefined) {
      counts = { settled: { done: 0, failed: 0, cancelled: 0, expired: 0, refused: 0 }, waitedMs: 0, left: 0 };
      lanes.set(lane, counts);
    }
    return counts;
  }

  function arm(): () => void {
    return clock.after(everyMs, () => void tick(), { keepAlive: false });
  }

  async function tick(): Promise<void> {
    const busy = parts.lanes().some(({ running, waiting }) => running + waiting.interactive + waiting.batch + waiting.background > 0);
    // A process without work costs nothing; one look after its end tells that it ended.
    if (busy || wasBusy) await tell(await look());
    wasBusy = busy;
    if (!closed) cancel = arm();
  }

  async function tell(seen: Activity): Promise<void> {
    if (parts.directory === undefined || closed) return;
    const path = activityPath(parts.directory);
    try {
      await writeFile(`${path}.partial`, `${JSON.stringify(seen)}\n`, { mode: 0o600 });
      await rename(`${path}.partial`, path);
    } catch {
      // Only a help for onlookers: a directory that cannot be written is told by the next write of the record.
    }
  }

  function look(): Promise<Activity> {
    looking ??= see().finally(() => (looking = undefined));
    return looking;
  }

  async function see(): Promise<Activity> {
    const now: Look = { at: clock.monotonic(), engine: await parts.statistics(), process: parts.process() };
    const windowMs = Math.max(1, now.at - before.at);
    const seen: Activity = {
      at: new Date(clock.now()).toISOString(),
      pid: now.process.pid,
      windowMs,
      lanes: parts.lanes().map(({ lane, waiting, running }) => {
        const counts = countsOf(lane);
        const waitMs = counts.left === 0 ? null : counts.waitedMs / counts.left;
        Object.assign(counts, { waitedMs: 0, left: 0 });
        return { lane, waiting, running, settled: { ...counts.settled }, waitMs };
      }),
      engine: now.engine === undefined ? null : engineActivity(now.engine, before.engine, windowMs),
      process: {
        ...turns.read(),
        cpuShare: (cpuMs(now.process) - cpuMs(before.process)) / windowMs,
        residentBytes: now.process.residentBytes,
        heapBytes: now.process.heapBytes,
      },
    };
    before = now;
    latest = { at: now.at, activity: seen };
    return seen;
  }

  async function current(): Promise<Activity> {
    return latest !== undefined && clock.monotonic() - latest.at < everyMs ? latest.activity : look();
  }

  metrics.source(async (set) => {
    const { process } = await current();
    setLanes(set, parts.lanes());
    if (before.engine !== undefined) setEngine(set, before.engine);
    setProcess(set, process, before.process);
  });

  return {
    observe({ lane, class: workClass, outcome, timings: { queuedMs, runMs, attempts } }) {
      const counts = countsOf(lane);
      counts.settled[outcome] += 1;
      metrics.add('millrace_work_settled_total', 1, { lane, class: workClass, outcome });
      if (attempts > 1) metrics.add('millrace_work_retried_total', attempts - 1, { lane, class: workClass });
      if (outcome === 'refused') return;
      counts.waitedMs += queuedMs;
      counts.left += 1;
      metrics.observe('millrace_work_wait_seconds', queuedMs / 1_000, { lane, class: workClass });
      if (runMs > 0) metrics.observe('millrace_work_run_seconds', runMs / 1_000, { lane, class: workClass });
    },
    current,
    async close() {
      closed = true;
      cancel();
      turns.stop();
      if (parts.directory !== undefined) await rm(activityPath(parts.directory), { force: true });
    },
  };
}

/** What the process that writes to the directory did within the last seconds, or null. Needs no lock. */
export async function readActivity(directory: string, clock: Pick<Clock, 'now'>): Promise<Activity | null> {
  let text: string;
  try {
    text = await readFile(activityPath(directory), 'utf8');
  } catch {
    return null;
  }
  const parsed = activity.safeParse(parseJson(text));
  if (!parsed.success || clock.now() - Date.parse(parsed.data.at) >= staleMs) return null;
  // One that was killed took nothing away.
  return isRunning(parsed.data.pid) ? parsed.data : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function activityPath(directory: string): string {
  return join(directory, 'activity.json');
}

function engineActivity(now: EngineStatistics, before: EngineStatistics | undefined, windowMs: number): NonNullable<Activity['engine']> {
  // A new inference process counts from 0 again.
  const since = before !== undefined && before.restarts === now.restarts ? before : undefined;
  const grown = (value: (figures: EngineStatistics) => number): number => value(now) - (since === undefined ? 0 : value(since));
  const rate = (value: (figures: EngineStatistics) => number): number => (grown(value) / windowMs) * 1_000;
  const decodeSteps = grown(({ stepTimes }) => sum(stepTimes.decode));
  const steps = grown((figures) => figures.steps);
  return {
    activeSequences: now.activeSequences,
    occupancy: decodeSteps === 0 ? null : grown((figures) => figures.sequenceSteps) / decodeSteps,
    stepMs: steps === 0 ? null : grown((figures) => figures.busyMs) / steps,
    usedKvTokens: now.usedKvTokens,
    computedTokensPerSecond: rate(({ prefillTokens, decodeTokens }) => prefillTokens + decodeTokens),
    reusedTokensPerSecond: rate((figures) => figures.reusedTokens),
    encodedTokensPerSecond: rate((figures) => figures.encodedTokens),
    restarts: now.restarts,
    residentBytes: now.residentBytes,
  };
}

function setLanes(set: SetMetric, snapshots: readonly LaneSnapshot[]): void {
  for (const { lane, waiting, running, queuedBytes, usedKvTokens } of snapshots) {
    for (const [workClass, waits] of Object.entries(waiting)) set('millrace_work_waiting', waits, { lane, class: workClass });
    set('millrace_work_running', running, { lane });
    set('millrace_work_bytes', queuedBytes, { lane });
    set('millrace_work_reserved_kv_tokens', usedKvTokens, { lane });
  }
}

function setEngine(set: SetMetric, engine: EngineStatistics): void {
  for (const kind of ['decode', 'encode'] as const) {
    const { boundsMs } = engine.stepTimes;
    engine.stepTimes[kind].forEach((steps, place) => {
      const bound = boundsMs[place];
      set('millrace_engine_steps_total', steps, { kind, within: bound === undefined ? '+Inf' : String(bound / 1_000) });
    });
  }
  set('millrace_engine_sequence_steps_total', engine.sequenceSteps);
  set('millrace_engine_tokens_total', engine.prefillTokens, { kind: 'prefill' });
  set('millrace_engine_tokens_total', engine.decodeTokens, { kind: 'decode' });
  set('millrace_engine_tokens_total', engine.reusedTokens, { kind: 'reused' });
  set('millrace_engine_tokens_total', engine.restoredTokens, { kind: 'restored' });
  set('millrace_engine_tokens_total', engine.encodedTokens, { kind: 'encoded' });
  set('millrace_engine_prefixes_total', engine.prefixHits, { outcome: 'hit' });
  set('millrace_engine_prefixes_total', engine.prefixMisses, { outcome: 'miss' });
  set('millrace_engine_native_seconds_total', engine.nativeMs / 1_000);
  set('millrace_engine_busy_seconds_total', engine.busyMs / 1_000);
  set('millrace_engine_sequences', engine.activeSequences);
  set('millrace_engine_kv_tokens', engine.usedKvTokens);
  set('millrace_engine_restarts_total', engine.restarts);
  set('millrace_memory_bytes', engine.residentBytes, { process: 'engine', kind: 'rss' });
}

function setProcess(set: SetMetric, { delayMs, longestTurnCpuMs }: Activity['process'], figures: ProcessFigures): void {
  set('millrace_event_loop_delay_seconds', delayMs.p50 / 1_000, { quantile: '0.5' });
  set('millrace_event_loop_delay_seconds', delayMs.p99 / 1_000, { quantile: '0.99' });
  set('millrace_event_loop_delay_seconds', delayMs.max / 1_000, { quantile: '1' });
  if (longestTurnCpuMs !== null) set('millrace_turn_cpu_seconds', longestTurnCpuMs / 1_000);
  set('millrace_cpu_seconds_total', figures.userCpuMs / 1_000, { mode: 'user' });
  set('millrace_cpu_seconds_total', figures.systemCpuMs / 1_000, { mode: 'system' });
  set('millrace_memory_bytes', figures.residentBytes, { process: 'main', kind: 'rss' });
  set('millrace_memory_bytes', figures.heapBytes, { process: 'main', kind: 'heap' });
  set('millrace_memory_bytes', figures.bufferBytes, { process: 'main', kind: 'buffers' });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function cpuMs({ userCpuMs, systemCpuMs }: ProcessFigures): number {
  return userCpuMs + systemCpuMs;
}
