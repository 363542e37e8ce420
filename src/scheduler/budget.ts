import type { WorkClass } from '../spec/engine.ts';
import type { LaneLimits } from '../spec/work.ts';
import type { WaitingWork } from './waiting-work.ts';

/** KV cells of a prefix that running work shares. Charged once, while it has holders. */
export interface HeldPrefix {
  readonly tokens: number;
  readonly holders: number;
  /** Holders that are not `interactive`; with at least one, the prefix counts against what the reserve leaves to them. */
  readonly otherHolders: number;
  /** False until the first holder has computed it; its twins wait until then. */
  readonly ready: boolean;
}

/** What running work takes from the limits of a lane: plain data. */
export interface LaneUsage {
  readonly slots: Readonly<Record<WorkClass, number>>;
  /** Own cells, without prefixes. */
  readonly kvTokens: Readonly<Record<WorkClass, number>>;
  /** Slots of work that is tried again after a crash. */
  readonly retries: number;
  readonly prefixes: ReadonlyMap<string, HeldPrefix>;
  /** Ids of questions that did not wait for bulk work to compute their prefix: they share, and are charged for, one of their own. */
  readonly unshared: ReadonlySet<number>;
  /** Prefixes that were computed and that nobody holds any more, the latest last: the engine may still have them. */
  readonly recent: readonly string[];
}

const nothing: Readonly<Record<WorkClass, number>> = { interactive: 0, batch: 0, background: 0 };
export const emptyUsage: LaneUsage = {
  slots: nothing,
  kvTokens: nothing,
  retries: 0,
  prefixes: new Map(),
  unshared: new Set(),
  recent: [],
};

/** The books of one lane. The scheduler holds the true one; `plan` works on a copy. */
export interface LaneBudget {
  /** Valid until the books change. */
  usage(): LaneUsage;
  /** Own cells and distinct held prefixes. */
  usedKvTokens(): number;
  slots(workClass: WorkClass): number;
  /** Slots of work that is tried again. */
  retries(): number;
  hasSlot(workClass: WorkClass): boolean;
  hasKvTokens(work: WaitingWork): boolean;
  /** Whether this work leaves the reserve alone; what does not runs by itself. */
  leavesReserve(work: WaitingWork): boolean;
  /** Interactive work that what is held back for its class can take, whatever else is free. */
  fitsReserve(work: WaitingWork): boolean;
  /**
   * True while the prefix of this work is being computed by another. A question does not wait for bulk work to do so, which may stand
   * behind much else: it computes the prefix a second time, for itself and for questions that come meanwhile.
   */
  isPrefixPending(work: WaitingWork): boolean;
  /** The prefix of this work is in memory, or was a moment ago. */
  isPrefixResident(work: WaitingWork): boolean;
  residents(): readonly string[];
  takeSlot(workClass: WorkClass, isRetry: boolean): void;
  freeSlot(workClass: WorkClass, isRetry: boolean): void;
  charge(work: WaitingWork): void;
  release(work: WaitingWork): void;
  /** This work has computed its prefix. */
  markPrefixReady(work: WaitingWork): void;
}

/** Prefixes without holders that are remembered; engines keep few. */
const maxRecent = 8;

export function createBudget(limits: LaneLimits, from: LaneUsage = emptyUsage): LaneBudget {
  const slots = { ...from.slots };
  const kvTokens = { ...from.kvTokens };
  // Copied when it is first changed: most plans start nothing that shares a prefix.
  let { retries, recent, prefixes } = from;
  let ownPrefixes: Map<string, HeldPrefix> | undefined;
  const unshared = new Set(from.unshared);
  const reserve = limits.interactiveReserve ?? { concurrency: 0, kvTokens: 0 };

  const otherSlots = (): number => slots.batch + slots.background;
  const otherKvTokens = (): number => kvTokens.batch + kvTokens.background;

  function prefixTokens(counts: (prefix: HeldPrefix) => boolean): number {
    let sum = 0;
    for (const prefix of prefixes.values()) if (counts(prefix)) sum += prefix.tokens;
    return sum;
  }
  const allKvTokens = (): number => kvTokens.interactive + otherKvTokens() + prefixTokens(() => true);

  function changed(): Map<string, HeldPrefix> {
    ownPrefixes ??= new Map(prefixes);
    prefixes = ownPrefixes;
    return ownPrefixes;
  }

  function isHeldUp(work: WaitingWork): boolean {
    const held = work.prefixKey === undefined ? undefined : prefixes.get(work.prefixKey);
    return work.class === 'interactive' && held !== undefined && !held.ready && held.holders === held.otherHolders;
  }

  /** Under which key the prefix of this work is, or would be, in the books. */
  function keyOf(work: WaitingWork): string | undefined {
    return unshared.has(work.id) || isHeldUp(work) ? `${work.prefixKey}\n` : work.prefixKey;
  }

  function heldBy(work: WaitingWork): HeldPrefix | undefined {
    const key = keyOf(work);
    return key === undefined ? undefined : prefixes.get(key);
  }

  /** The prefix of this work as it would be with it among its holders. */
  function joined(work: WaitingWork): HeldPrefix {
    const held = heldBy(work);
    return {
      tokens: Math.max(held?.tokens ?? 0, work.cost.prefixTokens),
      holders: (held?.holders ?? 0) + 1,
      otherHolders: (held?.otherHolders ?? 0) + isOther(work.class),
      ready: held?.ready ?? false,
    };
  }

  /** Cells that this work adds to those of which its prefix has `heldTokens` already. */
  function growth(work: WaitingWork, heldTokens: number): number {
    return work.cost.kvTokens + (work.prefixKey === undefined ? 0 : joined(work).tokens - heldTokens);
  }

  const leavesReserve = (work: WaitingWork): boolean => growth(work, 0) <= limits.kvTokens - reserve.kvTokens;

  return {
    usage: () => ({ slots, kvTokens, retries, prefixes, unshared, recent }),
    usedKvTokens: allKvTokens,
    slots: (workClass) => slots[workClass],
    retries: () => retries,
    hasSlot(workClass) {
      if (slots.interactive + otherSlots() >= limits.concurrency) return false;
      return workClass === 'interactive' || otherSlots() < limits.concurrency - reserve.concurrency;
    },
    hasKvTokens(work) {
      const held = heldBy(work);
      if (allKvTokens() + growth(work, held?.tokens ?? 0) > limits.kvTokens) return false;
      if (work.class === 'interactive') return true;
      const used = otherKvTokens() + prefixTokens(({ otherHolders }) => otherHolders > 0);
      // Work that is larger than what the reserve leaves has to run some time: by itself.
      if (!leavesReserve(work)) return used === 0;
      const heldByOthers = held !== undefined && held.otherHolders > 0 ? held.tokens : 0;
      return used + growth(work, heldByOthers) <= limits.kvTokens - reserve.kvTokens;
    },
    leavesReserve,
    fitsReserve(work) {
      if (slots.interactive >= reserve.concurrency) return false;
      const used = kvTokens.interactive + prefixTokens(({ otherHolders }) => otherHolders === 0);
      return used + growth(work, heldBy(work)?.tokens ?? 0) <= reserve.kvTokens;
    },
    isPrefixPending: (work) => heldBy(work)?.ready === false,
    isPrefixResident: (work) => work.prefixKey !== undefined && (heldBy(work)?.ready ?? recent.includes(work.prefixKey)),
    residents() {
      const ready = [...prefixes].filter(([, prefix]) => prefix.ready).map(([key]) => key);
      return ready.length === 0 ? recent : [...ready, ...recent];
    },
    takeSlot(workClass, isRetry) {
      slots[workClass] += 1;
      retries += Number(isRetry);
    },
    freeSlot(workClass, isRetry) {
      slots[workClass] -= 1;
      retries -= Number(isRetry);
    },
    charge(work) {
      kvTokens[work.class] += work.cost.kvTokens;
      const key = keyOf(work);
      if (key === undefined || work.prefixKey === undefined) return;
      const prefix = joined(work);
      if (key !== work.prefixKey) unshared.add(work.id);
      changed().set(key, prefix);
      if (recent.includes(work.prefixKey)) recent = recent.filter((key) => key !== work.prefixKey);
    },
    release(work) {
      kvTokens[work.class] -= work.cost.kvTokens;
      const key = keyOf(work);
      const held = heldBy(work);
      unshared.delete(work.id);
      const { prefixKey } = work;
      if (key === undefined || prefixKey === undefined || held === undefined) return;
      if (held.holders > 1) {
        changed().set(key, { ...held, holders: held.holders - 1, otherHolders: held.otherHolders - isOther(work.class) });
        return;
      }
      changed().delete(key);
      if (held.ready) recent = [...recent.filter((one) => one !== prefixKey), prefixKey].slice(-maxRecent);
    },
    markPrefixReady(work) {
      const key = keyOf(work);
      const held = heldBy(work);
      if (key !== undefined && held !== undefined) changed().set(key, { ...held, ready: true });
    },
  };
}

function isOther(workClass: WorkClass): 0 | 1 {
  return workClass === 'interactive' ? 0 : 1;
}
