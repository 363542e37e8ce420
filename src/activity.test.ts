import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ActivityParts, createActivityWatch, readActivity } from './activity.ts';
import { createMetrics } from './metrics/metrics.ts';
import type { EngineStatistics } from './spec/engine.ts';
import type { LaneSnapshot } from './spec/work.ts';
import { createManualClock } from './testing/manual-clock.ts';

const none: EngineStatistics = {
  steps: 0,
  prefillTokens: 0,
  decodeTokens: 0,
  reusedTokens: 0,
  restoredTokens: 0,
  prefixHits: 0,
  prefixMisses: 0,
  encodedTokens: 0,
  encodedTexts: 0,
  nativeMs: 0,
  busyMs: 0,
  sequenceSteps: 0,
  stepTimes: { boundsMs: [10, 100], decode: [0, 0, 0], encode: [0, 0, 0] },
  residentBytes: 5_000,
  activeSequences: 0,
  usedKvTokens: 0,
  restarts: 0,
};
const idle: LaneSnapshot = {
  lane: 'generate',
  waiting: { interactive: 0, batch: 0, background: 0 },
  running: 0,
  queuedBytes: 0,
  usedKvTokens: 0,
};
const busy: LaneSnapshot = { ...idle, waiting: { interactive: 1, batch: 4, background: 0 }, running: 2, queuedBytes: 9, usedKvTokens: 70 };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'activity-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function watch(given: Partial<ActivityParts> = {}) {
  const clock = createManualClock();
  const metrics = createMetrics();
  const seen = { lanes: [idle], engine: undefined as EngineStatistics | undefined, cpuMs: 0 };
  const activity = createActivityWatch({
    clock,
    metrics,
    lanes: () => seen.lanes,
    statistics: () => Promise.resolve(seen.engine),
    turns: { read: () => ({ delayMs: { p50: 1, p99: 2, max: 3 }, longestTurnCpuMs: 7 }), stop: () => undefined },
    process: () => ({ pid: process.pid, userCpuMs: seen.cpuMs, systemCpuMs: 0, residentBytes: 100, heapBytes: 50, bufferBytes: 5 }),
    ...given,
  });
  return { clock, metrics, seen, activity };
}

describe('the activity of a process', () => {
  it('makes rates of two looks', async () => {
    const { clock, seen, activity } = watch();
    seen.engine = { ...none, prefillTokens: 100, steps: 5, stepTimes: { boundsMs: [10, 100], decode: [1, 4, 0], encode: [0, 0, 0] } };
    await activity.current();
    await clock.advance(2_000);
    seen.cpuMs = 500;
    seen.engine = {
      ...seen.engine,
      prefillTokens: 300,
      decodeTokens: 40,
      reusedTokens: 600,
      restoredTokens: 0,
      prefixHits: 0,
      prefixMisses: 0,
      steps: 15,
      busyMs: 900,
      sequenceSteps: 55,
      stepTimes: { boundsMs: [10, 100], decode: [2, 13, 0], encode: [0, 0, 0] },
    };
    const { engine, process, windowMs } = await activity.current();
    expect(windowMs).toBe(2_000);
    expect(engine).toMatchObject({ computedTokensPerSecond: 120, reusedTokensPerSecond: 300, occupancy: 5.5, stepMs: 90 });
    expect(process).toMatchObject({ cpuShare: 0.25, delayMs: { p99: 2 }, longestTurnCpuMs: 7 });
  });

  it('counts anew when the inference process was started anew', async () => {
    const { clock, seen, activity } = watch();
    seen.engine = { ...none, prefillTokens: 1_000 };
    await activity.current();
    await clock.advance(1_000);
    seen.engine = { ...none, prefillTokens: 10, restarts: 1 };
    expect((await activity.current()).engine).toMatchObject({ computedTokensPerSecond: 10, restarts: 1 });
  });

  it('counts what the scheduler tells, in the activity and in the metrics', async () => {
    const { metrics, seen, activity } = watch();
    seen.lanes = [busy];
    const timings = { queuedMs: 40, runMs: 100, attempts: 2 };
    activity.observe({ lane: 'generate', class: 'batch', outcome: 'done', timings });
    activity.observe({ lane: 'generate', class: 'batch', outcome: 'cancelled', timings: { ...timings, queuedMs: 60 } });
    activity.observe({ lane: 'generate', class: 'interactive', outcome: 'refused', timings: { queuedMs: 0, runMs: 0, attempts: 0 } });
    const [lane] = (await activity.current()).lanes;
    expect(lane).toMatchObject({ settled: { done: 1, failed: 0, cancelled: 1, expired: 0, refused: 1 }, waitMs: 50, running: 2 });
    const text = await metrics.text();
    expect(text).toContain('millrace_work_settled_total{lane="generate",class="interactive",outcome="refused"} 1');
    expect(text).toContain('millrace_work_retried_total{lane="generate",class="batch"} 2');
    expect(text).toContain('millrace_work_waiting{lane="generate",class="batch"} 4');
    expect(text).toContain('millrace_turn_cpu_seconds 0.007');
  });

  it('is told to other processes while there is work, once more after its end, and taken away at close', async () => {
    const { clock, seen, activity } = watch({ directory: folder });
    const written = (): Promise<unknown> => readFile(join(folder, 'activity.json'), 'utf8').then(JSON.parse, () => undefined);
    const running = async (): Promise<unknown> => ((await written()) as { lanes: { running: number }[] } | undefined)?.lanes[0]?.running;
    await clock.advance(1_000);
    expect(await written()).toBeUndefined();
    seen.lanes = [busy];
    await clock.advance(1_000);
    await expect.poll(running).toBe(2);
    expect(await readActivity(folder, clock)).toMatchObject({ pid: process.pid, lanes: [{ lane: 'generate', running: 2 }] });
    // Of a process that was killed it stays.
    const told = (await readFile(join(folder, 'activity.json'), 'utf8')).replace(`"pid":${process.pid}`, '"pid":999999999');
    await writeFile(join(folder, 'activity.json'), told);
    expect(await readActivity(folder, clock)).toBeNull();
    seen.lanes = [idle];
    await expect.poll(() => clock.pendingTimers).toBe(1);
    await clock.advance(1_000);
    await expect.poll(running).toBe(0);
    await clock.advance(20_000);
    expect(await readActivity(folder, clock)).toBeNull();
    await activity.close();
    expect(await written()).toBeUndefined();
    expect(clock.pendingTimers).toBe(0);
  });

  it('is null where nothing readable was left', async () => {
    const clock = createManualClock();
    expect(await readActivity(folder, clock)).toBeNull();
    for (const text of ['', '{"pid":1}', '[1,2']) {
      await writeFile(join(folder, 'activity.json'), text);
      expect(await readActivity(folder, clock)).toBeNull();
    }
  });
});
