import { MillraceError } from '../errors.ts';
import type { LaneDefinition, LaneName, LaneSnapshot, LaneTypes } from '../spec/work.ts';
import type { Clock } from '../util/clock.ts';
import { checkLimits, createPace } from './admission.ts';
import type { Pace } from './admission.ts';
import { createBudget } from './budget.ts';
import type { LaneBudget } from './budget.ts';
import { createFeeders } from './feeders.ts';
import type { Feeders } from './feeders.ts';
import { classOrder, createLaneQueue } from './queue.ts';
import type { LaneQueue, WaitingWork } from './queue.ts';

export type LaneResult = LaneTypes[LaneName]['result'];

/** The books of one lane: what waits, what is in use, who feeds it, how fast it works. */
export interface Lane {
  readonly definition: LaneDefinition;
  readonly queue: LaneQueue;
  readonly budget: LaneBudget;
  readonly feeders: Feeders;
  readonly pace: Pace;
  /** Pieces of work that an executor holds, ended by their caller or not. */
  running: number;
  /** Bytes of waiting and running work. */
  heldBytes: number;
}

export function createLane(definition: LaneDefinition, clock: Clock): Lane {
  checkLimits(definition.name, definition.limits);
  const queue = createLaneQueue();
  const lane: Lane = {
    definition,
    queue,
    budget: createBudget(definition.limits),
    feeders: createFeeders(definition.limits, clock, () => ({ items: queue.size, bytes: lane.heldBytes })),
    pace: createPace(definition.limits.concurrency),
    running: 0,
    heldBytes: 0,
  };
  return lane;
}

/** The refusal when the waiting room of the lane cannot take this work now, or undefined. Room promised to feeders counts as taken. */
export function findOverload(lane: Lane, work: WaitingWork): MillraceError | undefined {
  const { limits, name } = lane.definition;
  const promised = lane.feeders.promised();
  const items = lane.queue.size + promised.items + 1;
  const bytes = lane.heldBytes + promised.bytes + work.cost.bytes;
  if (items <= limits.queuedItems && bytes <= limits.queuedBytes) return undefined;
  const ahead = classOrder.slice(0, classOrder.indexOf(work.class) + 1).reduce((sum, workClass) => sum + lane.queue.count(workClass), 0);
  return new MillraceError('E_OVERLOADED', `${lane.queue.size} pieces of work (${lane.heldBytes} bytes) already wait in lane "${name}".`, {
    retryAfterMs: lane.pace.retryAfterMs(ahead + lane.running),
    details: { lane: name, waiting: lane.queue.size, queuedItems: limits.queuedItems, queuedBytes: limits.queuedBytes },
  });
}

export function snapshotLane(lane: Lane): LaneSnapshot {
  const { queue } = lane;
  return {
    lane: lane.definition.name,
    waiting: { interactive: queue.count('interactive'), batch: queue.count('batch'), background: queue.count('background') },
    running: lane.running,
    queuedBytes: lane.heldBytes,
    usedKvTokens: lane.budget.usedKvTokens(),
  };
}
