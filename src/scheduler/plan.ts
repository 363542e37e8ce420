import type { WorkClass } from '../spec/engine.ts';
import type { LaneLimits, LaneName } from '../spec/work.ts';
import { createBudget, emptyUsage } from './budget.ts';
import type { LaneUsage } from './budget.ts';
import { classOrder } from './queue.ts';
import type { WaitingWork } from './queue.ts';

/** A lane as the policy sees it. `waiting` is read lazily: a lane without a free slot costs nothing. */
export interface PlannedLane {
  readonly lane: LaneName;
  readonly limits: LaneLimits;
  readonly waiting: Readonly<Record<WorkClass, Iterable<WaitingWork>>>;
}

/** One executor call. All its works are of one class. */
export interface PlannedBatch {
  readonly lane: LaneName;
  readonly class: WorkClass;
  readonly works: readonly number[];
}

/** Why the first work of a lane that could not start has to wait. */
export interface PlannedWait {
  readonly lane: LaneName;
  readonly work: number;
  readonly for: 'slot' | 'kv-tokens' | 'prefix';
}

export interface Plan {
  readonly start: readonly PlannedBatch[];
  /** Work whose deadline has passed; it is dropped here, at the pop, and never reaches an engine. */
  readonly expire: readonly number[];
  readonly wait: readonly PlannedWait[];
}

/**
 * The policy, first form: class before class, first come first served inside a class. Pure: what waits, what is in use and the time
 * go in, decisions come out.
 *
 * What does not fit stops its lane: nothing behind it overtakes, so large work is not starved by small. Twins of a prefix that is
 * being computed are the exception: they are stepped over, because waiting for their turn would idle the device.
 */
export function plan(lanes: readonly PlannedLane[], capacity: ReadonlyMap<LaneName, LaneUsage>, now: number): Plan {
  const decided = { start: [] as PlannedBatch[], expire: [] as number[], wait: [] as PlannedWait[] };
  for (const lane of lanes) planLane(lane, capacity.get(lane.lane) ?? emptyUsage, now, decided);
  return decided;
}

interface OpenBatch {
  readonly lane: LaneName;
  readonly class: WorkClass;
  readonly works: number[];
  items: number;
  tokens: number;
  readonly closed: boolean;
}

function planLane(
  lane: PlannedLane,
  usage: LaneUsage,
  now: number,
  decided: { start: PlannedBatch[]; expire: number[]; wait: PlannedWait[] },
): void {
  const budget = createBudget(lane.limits, usage);
  let waits: PlannedWait | undefined;
  let blocked = false;

  for (const workClass of classOrder) {
    const open: OpenBatch[] = [];
    let batch: OpenBatch | undefined;
    for (const work of lane.waiting[workClass]) {
      if (work.deadline !== undefined && work.deadline <= now) {
        decided.expire.push(work.id);
        continue;
      }
      if (budget.isPrefixPending(work)) {
        waits ??= { lane: lane.lane, work: work.id, for: 'prefix' };
        continue;
      }
      const joins = batch !== undefined && hasRoom(batch, work, lane.limits);
      if (!joins && !budget.hasSlot(workClass)) {
        waits ??= { lane: lane.lane, work: work.id, for: 'slot' };
        blocked = true;
        break;
      }
      if (!budget.hasKvTokens(work)) {
        waits ??= { lane: lane.lane, work: work.id, for: 'kv-tokens' };
        blocked = true;
        break;
      }
      if (batch === undefined || !joins) {
        batch = { lane: lane.lane, class: workClass, works: [], items: 0, tokens: 0, closed: work.attempt > 1 };
        open.push(batch);
        budget.takeSlot(workClass);
      }
      budget.charge(work);
      batch.works.push(work.id);
      batch.items += work.cost.items;
      batch.tokens += work.cost.tokens;
    }
    for (const { lane: name, class: batchClass, works } of open) decided.start.push({ lane: name, class: batchClass, works });
    if (blocked) break;
  }
  if (waits !== undefined) decided.wait.push(waits);
}

function hasRoom(batch: OpenBatch, work: WaitingWork, limits: LaneLimits): boolean {
  if (batch.closed || work.attempt > 1) return false;
  return batch.items + work.cost.items <= limits.batchItems && batch.tokens + work.cost.tokens <= limits.batchTokens;
}
