import type { WorkClass } from '../spec/engine.ts';
import type { LaneLimits } from '../spec/work.ts';
import type { WaitingWork } from './queue.ts';

/** KV cells of a prefix that running work shares. Charged once, while it has holders. */
export interface HeldPrefix {
  readonly tokens: number;
  readonly holders: number;
  /** Holders that are not `interactive`; with at least one, the prefix counts against what the reserve leaves to them. */
  readonly otherHolders: number;
  /** False until the first holder has computed it; its twins wait until then. */
  readonly ready: boolean;
}

/** What running work takes from the limits of a lane: plain data. `other` is the part of the classes without a claim on the reserve. */
export interface LaneUsage {
  readonly slots: number;
  readonly otherSlots: number;
  /** Own cells, without prefixes. */
  readonly kvTokens: number;
  readonly otherKvTokens: number;
  readonly prefixes: ReadonlyMap<string, HeldPrefix>;
}

export const emptyUsage: LaneUsage = { slots: 0, otherSlots: 0, kvTokens: 0, otherKvTokens: 0, prefixes: new Map() };

/** The books of one lane. The scheduler holds the true one; `plan` works on a copy. */
export interface LaneBudget {
  usage(): LaneUsage;
  /** Own cells and distinct held prefixes. */
  usedKvTokens(): number;
  hasSlot(workClass: WorkClass): boolean;
  hasKvTokens(work: WaitingWork): boolean;
  /** True while the prefix of this work is being computed by another. */
  isPrefixPending(work: WaitingWork): boolean;
  takeSlot(workClass: WorkClass): void;
  freeSlot(workClass: WorkClass): void;
  charge(work: WaitingWork): void;
  release(work: WaitingWork): void;
  markPrefixReady(prefixKey: string): void;
}

export function createBudget(limits: LaneLimits, from: LaneUsage = emptyUsage): LaneBudget {
  let { slots, otherSlots, kvTokens, otherKvTokens } = from;
  const prefixes = new Map(from.prefixes);
  const reserve = limits.interactiveReserve ?? { concurrency: 0, kvTokens: 0 };

  function prefixTokens(ofOthers: boolean): number {
    let sum = 0;
    for (const prefix of prefixes.values()) if (!ofOthers || prefix.otherHolders > 0) sum += prefix.tokens;
    return sum;
  }

  /** The held prefix as it would be with this work among its holders. */
  function joined(work: WaitingWork, key: string): HeldPrefix {
    const held = prefixes.get(key);
    return {
      tokens: Math.max(held?.tokens ?? 0, work.cost.prefixTokens),
      holders: (held?.holders ?? 0) + 1,
      otherHolders: (held?.otherHolders ?? 0) + isOther(work.class),
      ready: held?.ready ?? false,
    };
  }

  return {
    usage: () => ({ slots, otherSlots, kvTokens, otherKvTokens, prefixes: new Map(prefixes) }),
    usedKvTokens: () => kvTokens + prefixTokens(false),
    hasSlot: (workClass) =>
      slots < limits.concurrency && (workClass === 'interactive' || otherSlots < limits.concurrency - reserve.concurrency),
    hasKvTokens(work) {
      const held = work.prefixKey === undefined ? undefined : prefixes.get(work.prefixKey);
      const next = work.prefixKey === undefined ? undefined : joined(work, work.prefixKey);
      const growth = work.cost.kvTokens + (next?.tokens ?? 0) - (held?.tokens ?? 0);
      if (kvTokens + prefixTokens(false) + growth > limits.kvTokens) return false;
      if (work.class === 'interactive') return true;
      const heldByOthers = held !== undefined && held.otherHolders > 0 ? held.tokens : 0;
      const otherGrowth = work.cost.kvTokens + (next?.tokens ?? 0) - heldByOthers;
      return otherKvTokens + prefixTokens(true) + otherGrowth <= limits.kvTokens - reserve.kvTokens;
    },
    isPrefixPending: (work) => work.prefixKey !== undefined && prefixes.get(work.prefixKey)?.ready === false,
    takeSlot(workClass) {
      slots += 1;
      otherSlots += isOther(workClass);
    },
    freeSlot(workClass) {
      slots -= 1;
      otherSlots -= isOther(workClass);
    },
    charge(work) {
      kvTokens += work.cost.kvTokens;
      otherKvTokens += isOther(work.class) * work.cost.kvTokens;
      if (work.prefixKey !== undefined) prefixes.set(work.prefixKey, joined(work, work.prefixKey));
    },
    release(work) {
      kvTokens -= work.cost.kvTokens;
      otherKvTokens -= isOther(work.class) * work.cost.kvTokens;
      const held = work.prefixKey === undefined ? undefined : prefixes.get(work.prefixKey);
      if (work.prefixKey === undefined || held === undefined) return;
      if (held.holders === 1) prefixes.delete(work.prefixKey);
      else prefixes.set(work.prefixKey, { ...held, holders: held.holders - 1, otherHolders: held.otherHolders - isOther(work.class) });
    },
    markPrefixReady(prefixKey) {
      const held = prefixes.get(prefixKey);
      if (held !== undefined) prefixes.set(prefixKey, { ...held, ready: true });
    },
  };
}

function isOther(workClass: WorkClass): 0 | 1 {
  return workClass === 'interactive' ? 0 : 1;
}
