import type { WorkClass } from '../spec/engine.ts';
import type { LaneLimits, LaneName } from '../spec/work.ts';
import { createBudget, emptyUsage, type LaneBudget, type LaneUsage } from './budget.ts';
import { classOrder, sizeOf } from './policy.ts';
import type { LaneReading } from './queue.ts';
import type { ServiceOrder } from './service-order.ts';
import { createShares, type ClassHead, type Shares } from './shares.ts';
import type { WaitingWork } from './waiting-work.ts';

/** A lane as the policy sees it. `waiting` is read as far as it is needed: a lane without a free slot costs nothing. */
export interface PlannedLane {
  readonly lane: LaneName;
  readonly limits: LaneLimits;
  /** A crash ends all calls of the lane that run, so that work which may have caused one is tried again without bulk work beside it. */
  readonly sharesFate: boolean;
  readonly waiting: LaneReading;
}

/** One executor call. All its works are of one class. */
export interface PlannedBatch {
  readonly lane: LaneName;
  readonly class: WorkClass;
  readonly works: readonly number[];
  /** Its only work is tried again after a crash. */
  readonly isRetry: boolean;
}

/** Why the first work of a lane that could not start has to wait. */
export interface PlannedWait {
  readonly lane: LaneName;
  /** Undefined where every slot is taken, so that nobody looked who is first. */
  readonly work: number | undefined;
  readonly for: 'slot' | 'kv-tokens' | 'prefix' | 'quiet';
}

export interface Plan {
  /** In the order of the decisions: each is right after those before it. */
  readonly start: readonly PlannedBatch[];
  /** Work whose deadline has passed; it is dropped here, at the pop, and never reaches an engine. */
  readonly expire: readonly number[];
  readonly wait: readonly PlannedWait[];
}

/**
 * The policy. Pure: what waits, what is in use and the time go in, decisions come out. Work that is tried again comes first; then the
 * classes by their shares and ages (`shares.ts`), inside a class the tenants in turn, inside a tenant what is due first, with twins of a
 * prefix in memory before what is not urgent (`service-order.ts`).
 *
 * What does not fit stops its class and those below it: nothing behind it overtakes, so large work is not starved by small. Once such a
 * class has aged, nothing else starts but interactive work inside its reserve, and nothing at all if the work needs the reserve. Twins of a prefix that is being computed are stepped
 * over, because waiting for their turn would idle the device.
 */
export function plan(lanes: readonly PlannedLane[], capacity: ReadonlyMap<LaneName, LaneUsage>, now: number): Plan {
  const decided: Decided = { start: [], expire: [], wait: [] };
  for (const lane of lanes) {
    const usage = capacity.get(lane.lane) ?? emptyUsage;
    if (usage.slots.interactive + usage.slots.batch + usage.slots.background >= lane.limits.concurrency) {
      decided.wait.push({ lane: lane.lane, work: undefined, for: 'slot' });
      continue;
    }
    planLane({ ...lane, now, budget: createBudget(lane.limits, usage), shares: createShares(lane.waiting.shares()), decided });
  }
  return decided;
}

interface Decided {
  readonly start: PlannedBatch[];
  readonly expire: number[];
  readonly wait: PlannedWait[];
}

interface Planning extends PlannedLane {
  readonly now: number;
  readonly budget: LaneBudget;
  readonly shares: Shares;
  readonly decided: Decided;
}

interface OpenBatch {
  readonly works: number[];
  items: number;
  tokens: number;
}

function planLane(planning: Planning): void {
  const { lane, limits, waiting, now, budget, shares, decided } = planning;
  const waits: PlannedWait[] = [];
  const open = new Map<WorkClass, ServiceOrder>();
  const batches = new Map<WorkClass, OpenBatch>();
  let onlyReserve = false;

  const wait = (work: WaitingWork, reason: PlannedWait['for']): void => void waits.push({ lane, work: work.id, for: reason });

  /** The first work of a class that is alive and whose prefix is not being computed. */
  function headOf(order: ServiceOrder): WaitingWork | undefined {
    for (let work = order.head(); work !== undefined; work = order.head()) {
      if (isPast(work, now)) {
        decided.expire.push(work.id);
        order.drop();
      } else if (budget.isPrefixPending(work)) {
        wait(work, 'prefix');
        order.passOver();
      } else return work;
    }
    return undefined;
  }

  function start(work: WaitingWork, order: ServiceOrder, size: number): void {
    let batch = batches.get(work.class);
    if (batch === undefined || !hasRoom(batch, work, limits)) {
      batch = { works: [], items: 0, tokens: 0 };
      batches.set(work.class, batch);
      decided.start.push({ lane, class: work.class, works: batch.works, isRetry: false });
      budget.takeSlot(work.class, false);
    }
    batch.works.push(work.id);
    batch.items += work.cost.items;
    batch.tokens += work.cost.tokens;
    budget.charge(work);
    shares.charge(work.class, size, now);
    order.take(size);
  }

  function obstacle(work: WaitingWork): PlannedWait['for'] | undefined {
    const batch = batches.get(work.class);
    const joins = batch !== undefined && hasRoom(batch, work, limits);
    if (!joins && !budget.hasSlot(work.class)) return 'slot';
    if (!budget.hasKvTokens(work)) return 'kv-tokens';
    return onlyReserve && work.class === 'interactive' && !budget.fitsReserve(work) ? 'kv-tokens' : undefined;
  }

  /** What stands in the way of this work stands in the way of those below it, and when it has waited too long, of all. */
  function close(work: WaitingWork): void {
    open.delete(work.class);
    const isAged = shares.isAged(work.class, budget.slots(work.class), now);
    for (const other of isAged ? classOrder : classOrder.slice(classOrder.indexOf(work.class))) {
      if (other !== 'interactive') open.delete(other);
    }
    if (isAged) onlyReserve = true;
    if (isAged && !budget.leavesReserve(work)) open.clear();
  }

  const beside = planRetries(planning, wait);
  onlyReserve = beside === 'reserve';
  const residents = budget.residents();
  for (const workClass of classesBeside[beside]) {
    if (waiting.count(workClass) > 0) open.set(workClass, waiting.read(workClass, { now, residents }));
  }

  while (open.size > 0) {
    const works = new Map<WorkClass, WaitingWork>();
    const heads: ClassHead[] = [];
    for (const [workClass, order] of open) {
      const work = headOf(order);
      if (work === undefined) {
        open.delete(workClass);
        continue;
      }
      works.set(workClass, work);
      heads.push({ class: workClass, size: sizeOf(work.cost, budget.isPrefixResident(work)), running: budget.slots(workClass) });
    }
    const chosen = shares.choose(heads, now);
    const work = chosen === undefined ? undefined : works.get(chosen);
    const order = chosen === undefined ? undefined : open.get(chosen);
    if (work === undefined || order === undefined) break;
    const reason = obstacle(work);
    if (reason === undefined) {
      start(work, order, sizeOf(work.cost, budget.isPrefixResident(work)));
      continue;
    }
    wait(work, reason);
    close(work);
  }
  if (waits[0] !== undefined) decided.wait.push(waits[0]);
}

/** Who may start beside work that is tried again, or that waits for it: `reserve` is interactive work in what is held back for it. */
const classesBeside = { all: classOrder, interactive: ['interactive'], reserve: ['interactive'], nobody: [] } as const;

/**
 * Work that is tried again comes before all other, by itself. Where calls share their fate, one at a time is, and bulk work only while no
 * other bulk work runs: what crashes the engine a second time then ends nothing else for good.
 */
function planRetries(
  { lane, sharesFate, waiting, now, budget, decided }: Planning,
  wait: (work: WaitingWork, reason: PlannedWait['for']) => void,
): keyof typeof classesBeside {
  const bulk = (): number => budget.slots('batch') + budget.slots('background');
  let isQuiet = sharesFate && budget.retries() > 0 && bulk() > 0;
  for (const work of waiting.retries()) {
    if (isPast(work, now)) {
      decided.expire.push(work.id);
      continue;
    }
    const isLoud = sharesFate && budget.retries() + (work.class === 'interactive' ? 0 : bulk()) > 0;
    if (isLoud || budget.isPrefixPending(work)) {
      wait(work, isLoud ? 'quiet' : 'prefix');
      if (work.class !== 'interactive') isQuiet = true;
      continue;
    }
    if (!budget.hasSlot(work.class) || !budget.hasKvTokens(work)) {
      wait(work, budget.hasSlot(work.class) ? 'kv-tokens' : 'slot');
      return budget.leavesReserve(work) ? 'reserve' : 'nobody';
    }
    decided.start.push({ lane, class: work.class, works: [work.id], isRetry: true });
    budget.takeSlot(work.class, true);
    budget.charge(work);
    if (sharesFate && work.class !== 'interactive') isQuiet = true;
  }
  return isQuiet ? 'interactive' : 'all';
}

function isPast(work: WaitingWork, now: number): boolean {
  return work.deadline !== undefined && work.deadline <= now;
}

function hasRoom(batch: OpenBatch, work: WaitingWork, limits: LaneLimits): boolean {
  return batch.items + work.cost.items <= limits.batchItems && batch.tokens + work.cost.tokens <= limits.batchTokens;
}
