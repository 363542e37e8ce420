import { systemClock } from '../../src/util/clock.ts';
import { createManualClock } from '../../src/testing/index.ts';
import { type Asked, type Offer, offer, quantile } from './offer.ts';
import { createWorld, type World } from './world.ts';

export interface OverloadOptions {
  /** `virtual`: a minute takes as long as the processor needs for it. `real`: engines that really take their time. */
  readonly clock: 'virtual' | 'real';
  /** Of each load. */
  readonly durationMs: number;
  readonly deadlineMs: number;
  readonly seed: number;
}

export interface LoadFigures {
  /** In multiples of what the engine can do. */
  readonly load: number;
  readonly offered: number;
  readonly done: number;
  readonly refused: number;
  readonly expired: number;
  readonly failed: number;
  /** Questions answered before their deadline, a second. */
  readonly goodput: number;
  readonly elapsedP50Ms: number;
  readonly elapsedP99Ms: number;
  /** By the wall clock. */
  readonly refusalP99Ms: number;
  readonly retryAfterP50Ms: number;
  /** Most that waited, in pieces and bytes, in both lanes. */
  readonly mostWaiting: number;
  readonly mostBytes: number;
}

/** A fresh world under one load after the other. */
export async function measureLoad(load: number, options: OverloadOptions): Promise<LoadFigures> {
  const { asked, mostWaiting, mostBytes } = await inWorld(options, (world) => [offerOf(world, load, options)]);
  const done = asked.filter(({ outcome }) => outcome === 'done');
  const refused = asked.filter(({ outcome }) => outcome === 'refused');
  const count = (outcome: Asked['outcome']): number => asked.filter((one) => one.outcome === outcome).length;
  // Those that were let in near the end are answered after it: the time in which they could be counts.
  const seconds = spanOf(done, options.durationMs) / 1_000;
  return {
    load,
    offered: asked.length,
    done: done.length,
    refused: refused.length,
    expired: count('expired'),
    failed: count('failed'),
    goodput: done.length / seconds,
    elapsedP50Ms: quantile(done.map(elapsed), 0.5),
    elapsedP99Ms: quantile(done.map(elapsed), 0.99),
    refusalP99Ms: quantile(
      refused.map(({ wallMs }) => wallMs),
      0.99,
    ),
    retryAfterP50Ms: quantile(
      refused.map(({ retryAfterMs }) => retryAfterMs ?? Number.NaN),
      0.5,
    ),
    mostWaiting,
    mostBytes,
  };
}

export interface RecoveryFigures {
  /** At half of what the engine can do, from the start. */
  readonly calmP99Ms: number;
  /** The same half after ten times that, in windows of five seconds from the end of the overload. */
  readonly windows: readonly { readonly fromMs: number; readonly p99Ms: number; readonly refused: number }[];
  /** Start of the first window from which every later one is as in calm (p99 at most half as much again, nothing refused). */
  readonly normalAfterMs: number;
}

const windowMs = 5_000;

export async function measureRecovery(options: OverloadOptions): Promise<RecoveryFigures> {
  const calm = await inWorld(options, (world) => [offerOf(world, 0.5, options)]);
  const calmP99Ms = quantile(calm.asked.filter(({ outcome }) => outcome === 'done').map(elapsed), 0.99);
  const before = await inWorld(options, (world) => [
    async () => {
      const during = await offerOf(world, 10, options, { seed: options.seed + 1 })();
      return [...during, ...(await offerOf(world, 0.5, options, { tenant: 'after', seed: options.seed + 2 })())];
    },
  ]);
  const after = before.asked.filter(({ tenant }) => tenant === 'after');
  const from = Math.min(...after.map(({ arrivedAt }) => arrivedAt));
  const windows = Array.from({ length: Math.floor(options.durationMs / windowMs) }, (_, index) => {
    const fromMs = index * windowMs;
    const inside = after.filter(({ arrivedAt }) => arrivedAt - from >= fromMs && arrivedAt - from < fromMs + windowMs);
    const done = inside.filter(({ outcome }) => outcome === 'done');
    return { fromMs, p99Ms: quantile(done.map(elapsed), 0.99), refused: inside.length - done.length };
  });
  const lastBad = windows.findLastIndex(({ p99Ms, refused }) => refused > 0 || p99Ms > 1.5 * calmP99Ms);
  return { calmP99Ms, windows, normalAfterMs: (lastBad + 1) * windowMs };
}

export interface FairnessFigures {
  readonly alone: { readonly p50Ms: number; readonly p99Ms: number };
  readonly flooded: { readonly p50Ms: number; readonly p99Ms: number; readonly refused: number };
  readonly ratioP50: number;
  readonly ratioP99: number;
}

/** One tenant asks once a second, by itself and beside one that asks for ten times what the engine can do. */
export async function measureFairness(options: OverloadOptions): Promise<FairnessFigures> {
  const small = (world: World) => offerOf(world, 1 / world.capacity, options, { tenant: 'small', seed: options.seed + 3 });
  const alone = await inWorld(options, (world) => [small(world)]);
  const both = await inWorld(options, (world) => [small(world), offerOf(world, 10, options, { tenant: 'flood' })]);
  const figures = (asked: readonly Asked[]) => {
    const own = asked.filter(({ tenant }) => tenant === 'small');
    const done = own.filter(({ outcome }) => outcome === 'done');
    return { p50Ms: quantile(done.map(elapsed), 0.5), p99Ms: quantile(done.map(elapsed), 0.99), refused: own.length - done.length };
  };
  const [before, flooded] = [figures(alone.asked), figures(both.asked)];
  return { alone: before, flooded, ratioP50: flooded.p50Ms / before.p50Ms, ratioP99: flooded.p99Ms / before.p99Ms };
}

const elapsed = ({ elapsedMs }: Asked): number => elapsedMs;

type Source = () => Promise<readonly Promise<Asked>[]>;

function offerOf(world: World, load: number, options: OverloadOptions, more: Partial<Offer> = {}): Source {
  const { durationMs, deadlineMs, seed } = options;
  return () => offer(world, { tenant: 'all', perSecond: load * world.capacity, durationMs, deadlineMs, seed, ...more });
}

function spanOf(done: readonly Asked[], durationMs: number): number {
  const first = Math.min(...done.map(({ arrivedAt }) => arrivedAt));
  const last = Math.max(...done.map(({ arrivedAt, elapsedMs }) => arrivedAt + elapsedMs));
  return Math.max(durationMs, last - first);
}

/** Lets the sources loose on a fresh world, and looks at its lanes ten times a second. */
async function inWorld(
  options: OverloadOptions,
  sources: (world: World) => readonly Source[],
): Promise<{ readonly asked: Asked[]; readonly mostWaiting: number; readonly mostBytes: number }> {
  const manual = createManualClock();
  const clock = options.clock === 'virtual' ? manual : systemClock;
  const world = createWorld(clock, options.seed);
  let [mostWaiting, mostBytes] = [0, 0];
  let isOver = false;
  function look(): void {
    if (isOver) return;
    const lanes = world.scheduler.snapshot();
    const waiting = lanes.reduce((sum, lane) => sum + lane.waiting.interactive + lane.waiting.batch + lane.waiting.background, 0);
    mostWaiting = Math.max(mostWaiting, waiting);
    mostBytes = Math.max(
      mostBytes,
      lanes.reduce((sum, { queuedBytes }) => sum + queuedBytes, 0),
    );
    clock.after(100, look, { keepAlive: false });
  }
  look();
  const asking = Promise.all(sources(world).map((source) => source())).then((lists) => Promise.all(lists.flat()));
  const over = asking.finally(() => {
    isOver = true;
  });
  if (options.clock === 'virtual') while (!isOver) await manual.runUntilIdle();
  const asked = await over;
  await world.scheduler.close();
  return { asked, mostWaiting, mostBytes };
}
