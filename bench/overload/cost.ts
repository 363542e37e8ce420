import { generateLane } from '../../src/lanes.ts';
import { createScheduler } from '../../src/scheduler/scheduler.ts';
import type { GenerateRequest } from '../../src/spec/engine.ts';
import { createFakeGenerator, createSeededRandom } from '../../src/testing/index.ts';
import type { AdmittedWork, LaneDefinition, LaneTypes, Work } from '../../src/spec/work.ts';
import { systemClock } from '../../src/util/clock.ts';
import { request } from './world.ts';

export interface CostFigures {
  readonly items: number;
  readonly elapsedMs: number;
  /** Processor time of the whole process. */
  readonly cpuMs: number;
  /** Largest memory of the process so far, resident. */
  readonly peakMiB: number;
  readonly microsecondsPerItem: number;
}

const settled: LaneTypes['generate']['result'] = {
  type: 'final',
  text: '',
  stopReason: 'end',
  usage: { promptTokens: 0, cachedTokens: 0, outputTokens: 0, prefillMs: 0, decodeMs: 0, restoredTokens: 0, restoreMs: 0 },
  tokens: [],
};
const shortRequest: GenerateRequest = {
  ...request,
  prompt: { messages: [{ role: 'user', parts: ['a few words', 'and some more'] }] },
  maxTokens: 4,
  prefixParts: 1,
};

/**
 * Items through the scheduler, with an engine that takes no time: one feeder that waits for room, three tenants, deadlines, twins of
 * prefixes, one signal for all. With `engine` false the executor does nothing, so that the time is that of the scheduler alone.
 */
export async function measureItems(items: number, options: { readonly engine: boolean; readonly seed: number }): Promise<CostFigures> {
  const scheduler = createScheduler({ clock: systemClock });
  const generator = createFakeGenerator({ clock: systemClock, sequences: 64, kvTokens: 4_000, answer: () => 'word' });
  const { limits, execute } = generateLane(generator) as LaneDefinition<'generate'>;
  const nothing = async (batch: readonly AdmittedWork<'generate'>[]) => {
    await Promise.resolve();
    for (const work of batch) work.prefixReady();
    return batch.map(() => ({ status: 'fulfilled', value: settled }) as const);
  };
  scheduler.addLane({ name: 'generate', limits, execute: options.engine ? execute : nothing });
  const random = createSeededRandom(options.seed);
  const { signal } = new AbortController();
  const cost = { tokens: 20, kvTokens: 24, prefixTokens: 10, bytes: 500 } as const;
  const before = process.cpuUsage();
  const startedAt = performance.now();
  let done = 0;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onDone = (): void => {
    done += 1;
    if (done === items) resolve();
  };
  for (let index = 0; index < items; index += 1) {
    await scheduler.ready('generate', cost, signal);
    const prefixKey = `prefix ${Math.floor(index / 16)}`;
    const work: Work<'generate'> = {
      lane: 'generate',
      class: 'batch',
      tenant: `tenant ${Math.floor(random.float() * 3)}`,
      input: { ...shortRequest, prefixKey },
      cost,
      prefixKey,
      ...(random.float() < 0.5 ? { deadline: systemClock.monotonic() + 600_000 } : {}),
      signal,
      deliver: 'final',
    };
    scheduler.submit(work).result().then(onDone, reject);
    // The engine takes no time, so nothing else would give timers a turn.
    if (index % 1_000 === 0) await new Promise((turn) => setImmediate(turn));
  }
  await promise;
  const elapsedMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(before);
  await scheduler.close();
  return {
    items,
    elapsedMs,
    cpuMs: (user + system) / 1_000,
    peakMiB: process.resourceUsage().maxRSS / 1_024,
    microsecondsPerItem: (user + system) / items,
  };
}
