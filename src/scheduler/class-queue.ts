import { createIndexedHeap, type IndexedHeap, type Placed } from '../util/indexed-heap.ts';
import { isBefore, type WaitingWork } from './waiting-work.ts';

export interface QueuedWork extends Placed {
  readonly work: WaitingWork;
}

/** Work of one tenant with the same prefix, or all without one. */
export interface Twins extends Placed {
  readonly prefixKey: string | undefined;
  readonly works: IndexedHeap<QueuedWork>;
}

/** Start-time fair queueing (P. Goyal, H. M. Vin, H. Cheng, SIGCOMM 1996): the tenant that was served least is next, newcomers count as served as much as the one in turn, or as all were on average. */
export interface TenantQueue extends Placed {
  readonly tenant: string | undefined;
  /** Virtual start of its next work. */
  start: number;
  /** Breaks ties: who had its turn longer ago. */
  turn: number;
  readonly twins: IndexedHeap<Twins>;
  readonly byPrefix: Map<string | undefined, Twins>;
}

export interface ClassQueue {
  readonly tenants: Map<string | undefined, TenantQueue>;
  readonly order: IndexedHeap<TenantQueue>;
  /** Virtual starts, ahead of virtual time, of tenants that have nothing waiting; the latest last. */
  readonly departed: Map<string | undefined, number>;
  /** Goes on with every start by its size for each tenant that waits, so that a stream of new ones passes nobody for ever. */
  virtualTime: number;
  turns: number;
  readonly works: Map<number, QueuedWork>;
  readonly retries: Map<number, WaitingWork>;
}

/** Tenants that have nothing waiting and are remembered for what they had. */
const maxDeparted = 1_024;

export function isTenantBefore(a: Pick<TenantQueue, 'start' | 'turn'>, b: Pick<TenantQueue, 'start' | 'turn'>): boolean {
  return a.start < b.start || (a.start === b.start && a.turn < b.turn);
}

export function createClassQueue(): ClassQueue {
  return {
    tenants: new Map(),
    order: createIndexedHeap<TenantQueue>(isTenantBefore),
    departed: new Map(),
    virtualTime: 0,
    turns: 0,
    works: new Map(),
    retries: new Map(),
  };
}

export function put(queue: ClassQueue, work: WaitingWork): void {
  const queued: QueuedWork = { work, place: -1 };
  queue.works.set(work.id, queued);
  const tenant = queue.tenants.get(work.tenant) ?? enterTenant(queue, work.tenant);
  const twins = tenant.byPrefix.get(work.prefixKey);
  if (twins !== undefined) {
    twins.works.push(queued);
    if (queued.place === 0) tenant.twins.update(twins);
    return;
  }
  const alone: Twins = { prefixKey: work.prefixKey, works: createIndexedHeap((a, b) => isBefore(a.work, b.work)), place: -1 };
  alone.works.push(queued);
  tenant.byPrefix.set(work.prefixKey, alone);
  tenant.twins.push(alone);
}

export function take(queue: ClassQueue, work: WaitingWork): boolean {
  const queued = queue.works.get(work.id);
  const tenant = queue.tenants.get(work.tenant);
  const twins = tenant?.byPrefix.get(work.prefixKey);
  if (queued === undefined || tenant === undefined || twins === undefined) return false;
  queue.works.delete(work.id);
  const wasFirst = queued.place === 0;
  twins.works.remove(queued);
  if (twins.works.size > 0) {
    if (wasFirst) tenant.twins.update(twins);
    return true;
  }
  tenant.twins.remove(twins);
  tenant.byPrefix.delete(work.prefixKey);
  if (tenant.twins.size === 0) leaveTenant(queue, tenant);
  return true;
}

function enterTenant(queue: ClassQueue, name: string | undefined): TenantQueue {
  const tenant: TenantQueue = {
    tenant: name,
    start: Math.max(queue.virtualTime, queue.order.peek()?.start ?? 0, queue.departed.get(name) ?? 0),
    turn: (queue.turns += 1),
    twins: createIndexedHeap((a, b) => isBefore((a.works.peek() as QueuedWork).work, (b.works.peek() as QueuedWork).work)),
    byPrefix: new Map(),
    place: -1,
  };
  queue.departed.delete(name);
  queue.tenants.set(name, tenant);
  queue.order.push(tenant);
  return tenant;
}

function leaveTenant(queue: ClassQueue, tenant: TenantQueue): void {
  queue.order.remove(tenant);
  queue.tenants.delete(tenant.tenant);
  if (queue.tenants.size === 0) {
    // Nobody waits: what tenants had before is of no account to those that come.
    queue.departed.clear();
    return;
  }
  if (tenant.start > queue.virtualTime) queue.departed.set(tenant.tenant, tenant.start);
  for (const [name, start] of queue.departed) {
    if (start > queue.virtualTime && queue.departed.size <= maxDeparted) break;
    queue.departed.delete(name);
  }
}

export function chargeTenant(queue: ClassQueue, work: WaitingWork, size: number): void {
  const tenant = queue.tenants.get(work.tenant);
  if (tenant === undefined) return;
  queue.virtualTime = Math.max(queue.virtualTime, tenant.start) + size / queue.tenants.size;
  tenant.start += size;
  tenant.turn = queue.turns += 1;
  queue.order.update(tenant);
}
