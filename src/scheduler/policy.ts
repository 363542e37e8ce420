import type { WorkClass } from '../spec/engine.ts';
import type { Deadline } from '../spec/time.ts';
import type { WorkCost } from '../spec/work.ts';

/** Classes in falling order of claim. */
export const classOrder: readonly WorkClass[] = ['interactive', 'batch', 'background'];

/** The numbers of the policy. `docs/decisions/0003-scheduling-policy.md` says why these. */
export const policy: Readonly<Record<WorkClass, ClassPolicy>> = {
  interactive: { weight: 256, gapMs: 1_000, patienceMs: 30_000, twinLeadMs: 3_000 },
  batch: { weight: 16, gapMs: 10_000, patienceMs: 600_000, twinLeadMs: 60_000 },
  background: { weight: 1, gapMs: 60_000, patienceMs: 3_600_000, twinLeadMs: 360_000 },
};

export interface ClassPolicy {
  /** Share of the lane while all classes wait. */
  readonly weight: number;
  /** A class that waits and of which nothing ran for so long gets the next start, whatever its share: its age. */
  readonly gapMs: number;
  /** Work without a deadline is due after this time, so that a stream of deadlines cannot pass it for ever. */
  readonly patienceMs: number;
  /** By how much work whose prefix is in memory may go before older work of its tenant whose deadline is not near. */
  readonly twinLeadMs: number;
}

/** Nobody who waits in person is let in to wait for longer than this, ms. */
export const longestWaitMs = 300_000;
/** Share of the time to its deadline that a question may take by the estimate and still be let in: estimates are means. */
export const deadlineMargin = 0.8;
/** Part of a waiting room that one tenant may fill. */
export const tenantShare = 7 / 8;
/** Part of a waiting room that feeders may fill, so that work which comes without asking still finds a place. */
export const feederShare = 0.75;

/** When work wants to be served, monotonic ms: its deadline, or the end of its patience. Never changes. */
export function dueAt(workClass: WorkClass, arrivedAt: number, deadline: Deadline | undefined): number {
  return Math.min(deadline ?? Number.POSITIVE_INFINITY, arrivedAt + policy[workClass].patienceMs);
}

/** What a start takes from the share of its class and tenant: its tokens, those of its prefix too if it has to compute them, or its items. */
export function sizeOf(cost: Required<WorkCost>, isPrefixResident: boolean): number {
  return Math.max(1, cost.items, cost.tokens, cost.kvTokens) + (isPrefixResident ? 0 : cost.prefixTokens);
}
