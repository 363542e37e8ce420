import { MillraceError } from '../errors.ts';
import type { WorkClass } from '../spec/engine.ts';
import type {
  AdmissionRequest,
  AdmittedWork,
  LaneDefinition,
  LaneName,
  LaneTypes,
  Permit,
  Scheduler,
  Work,
  WorkHandle,
  WorkObserver,
  WorkOutcome,
} from '../spec/work.ts';
import type { Clock } from '../util/clock.ts';
import { createDeferred } from '../util/deferred.ts';
import { createAbortListeners } from './abort-listeners.ts';
import { completeCost, findExcess } from './admission.ts';
import { atDeadline } from './at-deadline.ts';
import type { LaneUsage } from './budget.ts';
import { createFeeders } from './feeders.ts';
import { createLane, findOverload, openLimits, snapshotLane } from './lane.ts';
import type { Lane, LaneResult } from './lane.ts';
import { createPartStream } from './part-stream.ts';
import { createPermits } from './permits.ts';
import { plan } from './plan.ts';
import type { PlannedBatch } from './plan.ts';
import { classOrder, dueAt, sizeOf } from './policy.ts';
import type { WaitingWork } from './waiting-work.ts';
import {
  abortReason,
  admittedWork,
  createTicket,
  deadlineError,
  endOf,
  endPhase,
  mayRetry,
  outcomeError,
  outcomeOf,
  timingsOf,
} from './ticket.ts';
import type { Ticket } from './ticket.ts';

export interface SchedulerOptions {
  readonly clock: Clock;
  readonly observe?: WorkObserver;
}

/** One executor call whose members are charged to the books of their lane. */
interface StartedBatch {
  readonly lane: Lane;
  readonly class: WorkClass;
  readonly isRetry: boolean;
  readonly members: readonly Ticket[];
  readonly admitted: readonly AdmittedWork<LaneName>[];
  readonly startedAt: number;
}

type Outcome = PromiseSettledResult<LaneResult>;

/** A feeder that was let in and does not submit loses its place after this time. */
const placeMs = 1_000;

/**
 * The place where work waits. Everything that decides is in `plan.ts` (who runs next), `lane.ts` (who is refused) and `ticket.ts` (who
 * is retried); this file makes it happen, in steps: take → plan → run → settle. A step is taken in the microtask
 * after anything changed, so that work submitted together is planned together.
 */
export function createScheduler({ clock, observe }: SchedulerOptions): Scheduler {
  const lanes = new Map<LaneName, Lane>();
  /** Work that has no outcome yet, by id. */
  const tickets = new Map<number, Ticket>();
  const abortListeners = createAbortListeners();
  const feeders = createFeeders();
  const permits = createPermits({ lanes, feeders, now: clock.monotonic, onRoom: wake });
  const drained = createDeferred<void>();
  let nextId = 1;
  let executorCalls = 0;
  let stepPending = false;
  let closing = false;

  function step(): void {
    stepPending = false;
    const { waiting, capacity } = take();
    const decided = plan(waiting, capacity, clock.monotonic());
    for (const id of decided.expire) drop(tickets.get(id), deadlineError());
    // All books are made up before the first executor is called: it may submit and cancel at once.
    for (const batch of decided.start.map(begin).toSorted(byUrgency)) void run(batch);
    feeders.admit();
  }

  function take(): { waiting: Parameters<typeof plan>[0]; capacity: Parameters<typeof plan>[1] } {
    const waiting = [];
    const capacity = new Map<LaneName, LaneUsage>();
    for (const [name, lane] of lanes) {
      const limits = lane.queue.size > 0 ? openLimits(lane) : undefined;
      if (limits === undefined) continue;
      waiting.push({ lane: name, limits, sharesFate: lane.definition.sharesFate ?? true, waiting: lane.queue });
      capacity.set(name, lane.budget.usage());
    }
    return { waiting, capacity };
  }

  async function run({ lane, members, ...batch }: StartedBatch): Promise<void> {
    const outcomes = await execute(lane, batch.admitted);
    const now = clock.monotonic();
    lane.budget.freeSlot(batch.class, batch.isRetry);
    lane.queue.ended(batch.class, now);
    lane.pace.record({
      runMs: now - batch.startedAt,
      size: members.reduce((sum, { size }) => sum + size, 0),
      isCompleted: outcomes.every(({ status }) => status === 'fulfilled'),
    });
    if (!closing) lane.circuit?.record(endOf(outcomes));
    executorCalls -= 1;
    const mayRepeat = once(lane.retryBudget.withdraw);
    members.forEach((ticket, index) => settle(ticket, outcomes[index], mayRepeat));
    if (closing && executorCalls === 0) drained.resolve();
    wake();
  }

  function settle(ticket: Ticket, outcome: Outcome | undefined, mayRepeat: () => boolean): void {
    const wasSettled = ticket.settled;
    if (!wasSettled) endPhase(ticket, clock.monotonic());
    leaveExecutor(ticket);
    if (wasSettled) return release(ticket);
    if (outcome?.status === 'fulfilled') return finish(ticket, 'done', () => ticket.stream.succeed(outcome.value));
    const error = outcomeError(outcome, ticket.lane.definition.name);
    if (mayRetry(ticket, error) && mayRepeat()) return requeue(ticket);
    finish(ticket, outcomeOf(error), () => ticket.stream.fail(error));
  }

  function wake(): void {
    if (stepPending) return;
    stepPending = true;
    queueMicrotask(step);
  }

  function begin(batch: PlannedBatch): StartedBatch {
    const lane = lanes.get(batch.lane) as Lane;
    const members = batch.works.map((id) => tickets.get(id) as Ticket);
    const { class: workClass, isRetry } = batch;
    lane.budget.takeSlot(workClass, isRetry);
    if (!isRetry) lane.retryBudget.deposit();
    executorCalls += 1;
    return { lane, members, class: workClass, isRetry, startedAt: clock.monotonic(), admitted: members.map(enterExecutor) };
  }

  function enterExecutor(ticket: Ticket): AdmittedWork<LaneName> {
    const { lane, waiting } = ticket;
    const now = clock.monotonic();
    endPhase(ticket, now);
    const attempt = { number: waiting.attempt, controller: new AbortController(), ended: false };
    ticket.attempt = attempt;
    leaveQueue(ticket);
    ticket.size = sizeOf(waiting.cost, lane.budget.isPrefixResident(waiting));
    lane.queue.start(waiting, ticket.size, now);
    lane.budget.charge(waiting);
    lane.running += 1;
    lane.runningSize += ticket.size;
    return admittedWork(ticket, attempt, () => {
      lane.budget.markPrefixReady(waiting);
      wake();
    });
  }

  /** Never rejects: a rejection, or an exception of the executor itself, is the outcome of every member. */
  async function execute(lane: Lane, batch: readonly AdmittedWork<LaneName>[]): Promise<readonly Outcome[]> {
    try {
      return await lane.definition.execute(batch);
    } catch (reason) {
      return batch.map(() => ({ status: 'rejected', reason }));
    }
  }

  function leaveExecutor(ticket: Ticket): void {
    if (ticket.attempt !== undefined) ticket.attempt.ended = true;
    ticket.attempt = undefined;
    const { lane } = ticket;
    lane.budget.release(ticket.waiting);
    lane.running -= 1;
    lane.runningSize = lane.running === 0 ? 0 : lane.runningSize - ticket.size;
  }

  function joinQueue(ticket: Ticket): void {
    const { lane, waiting } = ticket;
    ticket.size = sizeOf(waiting.cost, true);
    lane.queue.add(waiting, clock.monotonic());
    lane.load.add({ class: waiting.class, tenant: waiting.tenant, size: ticket.size });
  }

  /** It runs, or is over. */
  function leaveQueue({ lane, waiting, size }: Ticket): void {
    lane.load.remove({ class: waiting.class, tenant: waiting.tenant, size });
  }

  function requeue(ticket: Ticket): void {
    ticket.waiting = { ...ticket.waiting, attempt: ticket.waiting.attempt + 1 };
    joinQueue(ticket);
  }

  /** Gives the caller the outcome. The only place where work settles. */
  function finish(ticket: Ticket, outcome: WorkOutcome, deliver: () => void): void {
    ticket.settled = true;
    tickets.delete(ticket.waiting.id);
    for (const cleanup of ticket.cleanups) cleanup();
    if (ticket.attempt === undefined) release(ticket);
    observe?.({ lane: ticket.lane.definition.name, class: ticket.work.class, outcome, timings: timingsOf(ticket) });
    deliver();
  }

  function release(ticket: Ticket): void {
    ticket.lane.heldBytes -= ticket.waiting.cost.bytes;
  }

  /** Ends work from outside, waiting or running. The caller knows at once; the slot stays taken until the executor has ended. */
  function drop(ticket: Ticket | undefined, error: MillraceError): void {
    if (ticket === undefined || ticket.settled) return;
    const { attempt, lane } = ticket;
    endPhase(ticket, clock.monotonic());
    if (attempt === undefined) {
      lane.queue.remove(ticket.waiting);
      leaveQueue(ticket);
    }
    finish(ticket, outcomeOf(error), () => ticket.stream.fail(error));
    attempt?.controller.abort(error);
    wake();
  }

  /** Ends what waits for an engine that does not work. */
  function giveUp(lane: Lane, error: MillraceError): void {
    feeders.refuse(lane.room, error);
    for (const ticket of tickets.values()) if (ticket.lane === lane && ticket.attempt === undefined) drop(ticket, error);
  }

  function submit<L extends LaneName>(work: Work<L>): WorkHandle<LaneTypes[L]['part'], LaneTypes[L]['result']> {
    const { class: workClass, tenant, prefixKey, deadline } = work;
    const due = dueAt(workClass, clock.monotonic(), deadline);
    const cost = completeCost(work.cost);
    const waiting: WaitingWork = { id: nextId++, class: workClass, tenant, cost, prefixKey, deadline, due, attempt: 1 };
    const lane = lanes.get(work.lane);
    const refusal = lane === undefined ? undefined : findRefusal(lane, work, waiting);
    if (lane === undefined || refusal !== undefined) {
      const timings = { queuedMs: 0, runMs: 0, attempts: 0 };
      observe?.({ lane: work.lane, class: workClass, outcome: outcomeOf(refusal, 'refused'), timings });
    }
    const stream =
      lane === undefined || refusal !== undefined
        ? refusedStream(refusal ?? missingLane(work.lane))
        : enter(createTicket(lane, work, waiting, clock, drop));
    return stream.handle;
  }

  function findRefusal(lane: Lane, work: Work<LaneName>, waiting: WaitingWork): MillraceError | undefined {
    const isLetIn = permits.use(work.permit, work.lane);
    // Interactive work comes without asking: the places that feeders were promised are not for it.
    if (!isLetIn && work.class !== 'interactive') lane.room.usePlace(waiting.cost.bytes);
    if (closing) return shuttingDown();
    const excess = findExcess(work.lane, lane.definition.limits, waiting.cost);
    if (excess !== undefined) return excess;
    if (work.signal?.aborted) return abortReason(work.signal);
    const now = clock.monotonic();
    if (work.deadline !== undefined && work.deadline <= now) return deadlineError();
    if (isLetIn) return undefined;
    const overload = findOverload(lane, waiting, now);
    if (overload === undefined || !stepPending) return overload;
    // Part of what fills the queue may only wait for the step that is due.
    step();
    return findOverload(lane, waiting, now);
  }

  function enter(ticket: Ticket): Ticket['stream'] {
    const { lane, work, waiting } = ticket;
    tickets.set(waiting.id, ticket);
    permits.entered(work.permit, lane.definition.name);
    joinQueue(ticket);
    lane.heldBytes += waiting.cost.bytes;
    const { signal, deadline } = work;
    if (signal !== undefined) ticket.cleanups.push(abortListeners.listen(signal, () => drop(ticket, abortReason(signal))));
    if (deadline !== undefined) ticket.cleanups.push(atDeadline(clock, deadline, () => drop(ticket, deadlineError())));
    wake();
    return ticket.stream;
  }

  /** A promise for a place that its caller may give up, and gives up at its deadline. */
  function waitForRoom<Result>(
    { signal, deadline }: Pick<AdmissionRequest, 'signal' | 'deadline'>,
    wait: (resolve: (result: Result) => void, reject: (error: MillraceError) => void) => () => void,
  ): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (closing) return reject(shuttingDown());
      if (signal?.aborted) return reject(abortReason(signal));
      if (deadline !== undefined && deadline <= clock.monotonic()) return reject(deadlineError());
      const cleanups: (() => void)[] = [];
      let isOver = false;
      const end = (settle: () => void): void => {
        isOver = true;
        for (const cleanup of cleanups) cleanup();
        settle();
      };
      const leave = wait(
        (result) => end(() => resolve(result)),
        (error) => end(() => reject(error)),
      );
      if (isOver) return undefined;
      const giveUp = (error: MillraceError): void => {
        leave();
        end(() => reject(error));
      };
      if (signal !== undefined) cleanups.push(abortListeners.listen(signal, () => giveUp(abortReason(signal))));
      if (deadline !== undefined) cleanups.push(atDeadline(clock, deadline, () => giveUp(deadlineError())));
      return undefined;
    });
  }

  return {
    addLane(definition) {
      if (lanes.has(definition.name)) throw new MillraceError('E_INPUT_INVALID', `There already is a lane "${definition.name}".`);
      if (closing) throw shuttingDown();
      // A lane's executor only ever gets work of its own lane.
      lanes.set(definition.name, createLane(definition as unknown as LaneDefinition, clock, { onTurn: wake, onGivenUp: giveUp }));
    },
    hasLane: (name) => lanes.has(name),
    submit,
    admit(request) {
      return waitForRoom<Permit>(request, (resolve, reject) =>
        permits.request(request, resolve, (error, lane) => {
          observe?.({ lane, class: request.class, outcome: outcomeOf(error, 'refused'), timings: { queuedMs: 0, runMs: 0, attempts: 0 } });
          reject(error);
        }),
      );
    },
    ready(name, cost, signal) {
      const lane = lanes.get(name);
      if (lane === undefined) return Promise.reject(missingLane(name));
      const complete = completeCost(cost);
      const refusal = findExcess(name, lane.definition.limits, complete) ?? lane.circuit?.refusal('batch');
      if (refusal !== undefined) return Promise.reject(refusal);
      const part = { class: 'batch', tenant: undefined, size: sizeOf(complete, true) } as const;
      return waitForRoom<void>({ signal }, (resolve, reject) =>
        feeders.wait({
          needs: [{ room: lane.room, bytes: complete.bytes }],
          onReady() {
            lane.room.keepPlace(part, complete.bytes, { forMs: placeMs, onExpiry: feeders.admit });
            resolve();
          },
          onRefused: reject,
        }),
      );
    },
    snapshot: () => [...lanes.values()].map(snapshotLane),
    close() {
      if (closing) return drained.promise;
      closing = true;
      feeders.refuseAll(shuttingDown());
      for (const { room, circuit } of lanes.values()) {
        room.clear();
        circuit?.clear();
      }
      for (const ticket of tickets.values()) drop(ticket, shuttingDown());
      if (executorCalls === 0) drained.resolve();
      return drained.promise;
    },
  };
}

function byUrgency(a: StartedBatch, b: StartedBatch): number {
  return classOrder.indexOf(a.class) - classOrder.indexOf(b.class);
}

/** What `decide` said the first time. */
function once(decide: () => boolean): () => boolean {
  let decided: boolean | undefined;
  return () => (decided ??= decide());
}

function missingLane(name: LaneName): MillraceError {
  return new MillraceError('E_INTERNAL', `Work was submitted to lane "${name}", for which no engine is loaded.`);
}

function refusedStream(error: MillraceError): Ticket['stream'] {
  const stream: Ticket['stream'] = createPartStream({ timings: () => ({ queuedMs: 0, runMs: 0, attempts: 0 }), onLeave: () => undefined });
  stream.fail(error);
  return stream;
}

function shuttingDown(): MillraceError {
  return new MillraceError('E_SHUTTING_DOWN', 'millrace is closing; the work was not done.');
}
