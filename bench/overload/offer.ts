import { isMillraceError } from '../../src/index.ts';
import { createSeededRandom } from '../../src/testing/index.ts';
import { costs, query, request, type World } from './world.ts';

/** What became of one question. Times in ms; of the clock of the world unless they say otherwise. */
export interface Asked {
  readonly tenant: string;
  readonly arrivedAt: number;
  readonly outcome: 'done' | 'refused' | 'expired' | 'failed';
  readonly elapsedMs: number;
  /** By the wall clock, from the call to the outcome. */
  readonly wallMs: number;
  readonly retryAfterMs: number | undefined;
}

export interface Offer {
  readonly tenant: string;
  readonly perSecond: number;
  readonly durationMs: number;
  readonly deadlineMs: number;
  readonly seed: number;
}

/**
 * Questions that arrive at random (a Poisson process) and independently of what became of those before: an open load, which does not slow
 * down when the system does. Each is let in as a whole or refused, embedded, and answered. Resolves when the last one was asked.
 */
export async function offer(world: World, { tenant, perSecond, durationMs, deadlineMs, seed }: Offer): Promise<readonly Promise<Asked>[]> {
  const { clock } = world;
  const random = createSeededRandom(seed);
  const end = clock.monotonic() + durationMs;
  const asked: Promise<Asked>[] = [];
  const gap = (): number => (-Math.log(1 - random.float()) * 1_000) / perSecond;
  for (let at = clock.monotonic() + gap(); at < end; at += gap()) {
    const wait = at - clock.monotonic();
    if (wait > 0) await clock.sleep(wait);
    asked.push(ask(world, tenant, deadlineMs));
  }
  return asked;
}

async function ask({ clock, scheduler }: World, tenant: string, deadlineMs: number): Promise<Asked> {
  const arrivedAt = clock.monotonic();
  const startedAt = performance.now();
  const work = { class: 'interactive', tenant, deadline: arrivedAt + deadlineMs } as const;
  const end = (outcome: Asked['outcome'], retryAfterMs?: number): Asked => ({
    tenant,
    arrivedAt,
    outcome,
    elapsedMs: clock.monotonic() - arrivedAt,
    wallMs: performance.now() - startedAt,
    retryAfterMs,
  });
  try {
    const permit = await scheduler.admit({ ...work, costs });
    try {
      const embed = { lane: 'embed', input: { texts: [query], kind: 'query' }, cost: costs.embed } as const;
      await scheduler.submit({ ...work, ...embed, permit }).result();
      const generate = { lane: 'generate', input: request, cost: costs.generate, deliver: 'final' } as const;
      await scheduler.submit({ ...work, ...generate, permit }).result();
    } finally {
      permit.release();
    }
    return end('done');
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    if (error.code === 'E_OVERLOADED') return end('refused', error.retryAfterMs);
    return end(error.code === 'E_DEADLINE_EXCEEDED' ? 'expired' : 'failed');
  }
}

/** The value below which the share of them lies; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
