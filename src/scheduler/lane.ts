import { MillraceError } from '../errors.ts';
import type { LaneDefinition, LaneLimits, LaneName, LaneSnapshot, LaneTypes } from '../spec/work.ts';
import type { Clock } from '../util/clock.ts';
import { checkLimits } from './admission.ts';
import { createBudget, type LaneBudget } from './budget.ts';
import { type Circuit, createCircuit } from './circuit.ts';
import { createLoad, type Load } from './load.ts';
import { createPace, type Pace } from './pace.ts';
import { deadlineMargin, longestWaitMs, sizeOf, tenantShare } from './policy.ts';
import { createLaneQueue, type LaneQueue } from './queue.ts';
import { createRetryBudget, type RetryBudget } from './retry-budget.ts';
import { createRoom, type Room } from './room.ts';
import type { WaitingWork } from './waiting-work.ts';

export type LaneResult = LaneTypes[LaneName]['result'];

/** The books of one lane: what waits, what is in use, who has a place, how fast it works. */
export interface Lane {
  readonly definition: LaneDefinition;
  readonly queue: LaneQueue;
  readonly budget: LaneBudget;
  /** Of what waits or has a place. */
  readonly load: Load;
  readonly room: Room;
  readonly pace: Pace;
  readonly retryBudget: RetryBudget;
  /** Of a lane whose calls share a process. */
  readonly circuit: Circuit | undefined;
  /** Pieces of work that an executor holds, ended by their caller or not, and their sizes. */
  running: number;
  runningSize: number;
  /** Bytes of waiting and running work. */
  heldBytes: number;
}

/** What a lane tells the scheduler. */
export interface LaneEvents {
  /** Something may start now, though nothing has ended. */
  readonly onTurn: () => void;
  /** Its engine does not work: nothing of what waits can be done. */
  readonly onGivenUp: (lane: Lane, error: MillraceError) => void;
}

export function createLane(definition: LaneDefinition, clock: Clock, { onTurn, onGivenUp }: LaneEvents): Lane {
  checkLimits(definition.name, definition.limits);
  const queue = createLaneQueue();
  const load = createLoad();
  const lane: Lane = {
    definition,
    queue,
    budget: createBudget(definition.limits),
    load,
    room: createRoom(definition.limits, clock, load, () => ({ items: queue.size, bytes: lane.heldBytes })),
    pace: createPace(definition.limits.concurrency),
    retryBudget: createRetryBudget(),
    circuit:
      definition.sharesFate === false
        ? undefined
        : createCircuit(definition.name, clock, { trial: onTurn, givenUp: (error) => onGivenUp(lane, error) }),
    running: 0,
    runningSize: 0,
    heldBytes: 0,
  };
  return lane;
}

/** What decides about the admission of work: `WaitingWork`, or what a whole request wants of one lane. */
export type Applicant = Pick<WaitingWork, 'class' | 'tenant' | 'cost' | 'deadline'>;

/**
 * The refusal when the engine of the lane does not work, when its waiting room cannot take this work now, or when it would wait for too
 * long, by the pace of the lane, and somebody waits for it in person. Undefined when it may come.
 */
export function findOverload(lane: Lane, work: Applicant, now: number): MillraceError | undefined {
  return (
    lane.circuit?.refusal(work.class) ??
    findFullRoom(lane, work) ??
    (work.class === 'interactive' ? findLongWait(lane, work, now) : undefined)
  );
}

function findFullRoom(lane: Lane, work: Applicant): MillraceError | undefined {
  const { room, load, pace } = lane;
  const { limits, name } = lane.definition;
  const retryAfterMs = (): number => waitFor(pace.drainMs(load.ahead(work.class, work.tenant) + lane.runningSize));
  const details = { lane: name, waiting: lane.queue.size, queuedItems: limits.queuedItems, queuedBytes: limits.queuedBytes };
  if (room.items() + 1 > limits.queuedItems || room.bytes() + work.cost.bytes > limits.queuedBytes) {
    const what = `${lane.queue.size} pieces of work (${lane.heldBytes} bytes) already wait in lane "${name}".`;
    return new MillraceError('E_OVERLOADED', what, { retryAfterMs: retryAfterMs(), details });
  }
  const own = load.items(work.tenant);
  if (own + 1 <= Math.ceil(limits.queuedItems * tenantShare)) return undefined;
  const what = `${own} pieces of work of the same tenant already wait in lane "${name}".`;
  return new MillraceError('E_OVERLOADED', what, { retryAfterMs: retryAfterMs(), details: { ...details, tenant: work.tenant ?? null } });
}

function findLongWait(lane: Lane, { class: workClass, tenant, cost, deadline }: Applicant, now: number): MillraceError | undefined {
  const ahead = lane.load.ahead(workClass, tenant);
  // What finds a free slot runs at once, however long it takes.
  if (ahead === 0 && lane.budget.hasSlot(workClass)) return undefined;
  // Of what runs, half is done, on average.
  const waitMs = lane.pace.drainMs(ahead + lane.runningSize / 2);
  const runMs = lane.pace.runMs(sizeOf(cost, true));
  if (waitMs === undefined || runMs === undefined) return undefined;
  const tooLate = deadline === undefined ? 0 : waitMs + runMs - deadlineMargin * (deadline - now);
  const excessMs = Math.max(waitMs - longestWaitMs, tooLate);
  if (excessMs <= 0) return undefined;
  const end = tooLate > 0 ? 'and would not end before its deadline' : 'which is longer than anybody waits';
  return new MillraceError('E_OVERLOADED', `The work would wait for ${Math.round(waitMs)} ms in lane "${lane.definition.name}", ${end}.`, {
    retryAfterMs: waitFor(waitMs),
    details: { lane: lane.definition.name, waiting: lane.queue.size, waitMs: Math.round(waitMs), runMs: Math.round(runMs) },
  });
}

/** What `plan` may fill: one call while it is tried whether the engine works again, nothing before. */
export function openLimits({ circuit, definition: { limits } }: Lane): LaneLimits | undefined {
  const state = circuit?.state() ?? 'closed';
  if (state !== 'trying') return state === 'open' ? undefined : limits;
  const { interactiveReserve: _, ...others } = limits;
  return { ...others, concurrency: 1 };
}

/** Within 100 ms and 60 s; 1 s as long as nothing was measured. */
function waitFor(ms: number | undefined): number {
  return ms === undefined ? 1_000 : Math.round(Math.min(60_000, Math.max(100, ms)));
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
