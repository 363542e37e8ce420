import { createHeap } from '../util/heap.ts';
import type { HeapReader } from '../util/indexed-heap.ts';
import { isTenantBefore, type ClassQueue, type QueuedWork, type TenantQueue, type Twins } from './class-queue.ts';
import { policy } from './policy.ts';
import { isBefore, type WaitingWork } from './waiting-work.ts';

export interface Reading {
  readonly now: number;
  /** Prefixes that are in memory; their twins may go before what is not urgent. */
  readonly residents: readonly string[];
}

/**
 * A reading of what waits in one class, in the order in which it is served: the tenant that was served least, in it the work that is
 * due first, unless a twin of a prefix that is in memory may go before. Changes nothing in the queue.
 */
export interface ServiceOrder {
  head(): WaitingWork | undefined;
  /** The head starts: its size counts against its tenant. */
  take(size: number): void;
  /** The head leaves without a start. */
  drop(): void;
  /** The head and its twins, of its tenant, wait for their prefix. */
  passOver(): void;
}

export function readClass(queue: ClassQueue, reading: Reading): ServiceOrder {
  const untouched = queue.order.read();
  const touched = createHeap<TenantReader>(isTenantBefore);
  let { turns } = queue;

  function first(): TenantReader | undefined {
    for (;;) {
      const fresh = untouched.peek();
      const known = touched.peek();
      if (fresh !== undefined && (known === undefined || isTenantBefore(fresh, known))) {
        untouched.next();
        touched.push(readTenant(fresh, reading));
      } else if (known === undefined || known.head() !== undefined) return known;
      else touched.pop();
    }
  }

  return {
    head: () => first()?.head(),
    take(size) {
      const tenant = first();
      if (tenant === undefined) return;
      touched.pop();
      tenant.drop();
      tenant.start += size;
      tenant.turn = turns += 1;
      touched.push(tenant);
    },
    drop: () => first()?.drop(),
    passOver: () => first()?.passOver(),
  };
}

interface TenantReader {
  start: number;
  turn: number;
  head(): WaitingWork | undefined;
  drop(): void;
  passOver(): void;
}

interface OpenTwins {
  readonly prefixKey: string | undefined;
  readonly works: HeapReader<QueuedWork>;
  passed: boolean;
}

function readTenant(tenant: TenantQueue, { now, residents }: Reading): TenantReader {
  const untouched = tenant.twins.read();
  const open = new Map<string | undefined, OpenTwins>();
  let current: OpenTwins | undefined;

  function openTwins({ prefixKey, works }: Twins): OpenTwins {
    const known = open.get(prefixKey);
    if (known !== undefined) return known;
    const opened = { prefixKey, works: works.read(), passed: false };
    open.set(prefixKey, opened);
    return opened;
  }

  /** Those that are due first: of all that were opened, and the first that was not. */
  function dueFirst(): OpenTwins | undefined {
    for (let next = untouched.peek(); next !== undefined && open.has(next.prefixKey); next = untouched.peek()) untouched.next();
    let first = earliest(open.values());
    const fresh = untouched.peek();
    const freshWork = fresh?.works.peek()?.work;
    const firstWork = headOf(first);
    if (fresh !== undefined && freshWork !== undefined && (firstWork === undefined || isBefore(freshWork, firstWork)))
      first = openTwins(fresh);
    return first;
  }

  function resident(): OpenTwins | undefined {
    const known: OpenTwins[] = [];
    for (const key of residents) {
      const twins = tenant.byPrefix.get(key);
      if (twins !== undefined) known.push(openTwins(twins));
    }
    return earliest(known);
  }

  function choose(): OpenTwins | undefined {
    const twins = residents.length === 0 ? undefined : resident();
    const first = dueFirst();
    return twins !== undefined && first !== undefined && mayLead(headOf(twins), headOf(first), now) ? twins : first;
  }

  return {
    start: tenant.start,
    turn: tenant.turn,
    head: () => headOf((current ??= choose())),
    drop() {
      current?.works.next();
      current = undefined;
    },
    passOver() {
      if (current !== undefined) current.passed = true;
      current = undefined;
    },
  };
}

function headOf(twins: OpenTwins | undefined): WaitingWork | undefined {
  return twins === undefined || twins.passed ? undefined : twins.works.peek()?.work;
}

function earliest(all: Iterable<OpenTwins>): OpenTwins | undefined {
  let first: OpenTwins | undefined;
  let firstWork: WaitingWork | undefined;
  for (const twins of all) {
    const work = headOf(twins);
    if (work === undefined || (firstWork !== undefined && !isBefore(work, firstWork))) continue;
    first = twins;
    firstWork = work;
  }
  return first;
}

/** A deadline that is near is kept; what only waits lets a twin of what is in memory go before, for a while. */
function mayLead(twin: WaitingWork | undefined, first: WaitingWork | undefined, now: number): boolean {
  if (twin === undefined || first === undefined) return false;
  const { twinLeadMs } = policy[first.class];
  const isUrgent = first.deadline !== undefined && first.deadline - now <= twinLeadMs;
  return !isUrgent && twin.due <= first.due + twinLeadMs;
}
