import type { WorkClass } from '../spec/engine.ts';
import { classOrder, policy } from './policy.ts';

/** Where a class stands in the sharing of its lane: plain data. */
export interface ClassShare {
  /** Virtual time up to which it was served. */
  readonly servedTo: number;
  /** Monotonic ms when it last began or ended something, or since when it waits. */
  readonly servedAt: number;
}

export interface LaneShares {
  readonly virtualTime: number;
  readonly classes: Readonly<Record<WorkClass, ClassShare>>;
}

const unserved: ClassShare = { servedTo: 0, servedAt: Number.NEGATIVE_INFINITY };
const emptyShares: LaneShares = { virtualTime: 0, classes: { interactive: unserved, batch: unserved, background: unserved } };

/**
 * Weighted sharing of a lane between classes: self-clocked fair queueing (S. J. Golestani, INFOCOM 1994). The class whose next work
 * would be done first in virtual time is next; virtual time is that at which the latest start would be done. With weights this far
 * apart a question goes before a run almost always, and a run still gets its share of a flood of questions.
 */
export interface Shares {
  state(): LaneShares;
  /** The class had nothing waiting and now has. What it did not use before is not made up for. */
  join(workClass: WorkClass, now: number): void;
  charge(workClass: WorkClass, size: number, now: number): void;
  /** Something of the class has ended. */
  touch(workClass: WorkClass, now: number): void;
  /** It waits, nothing of it runs, and nothing of it ran for its gap. */
  isAged(workClass: WorkClass, running: number, now: number): boolean;
  /** Which of these is next: of the aged ones the first in order of class. */
  choose(heads: readonly ClassHead[], now: number): WorkClass | undefined;
}

/** The work of a class that is next in it. */
export interface ClassHead {
  readonly class: WorkClass;
  readonly size: number;
  /** Executor calls of this class that run. */
  readonly running: number;
}

export function createShares(from: LaneShares = emptyShares): Shares {
  let { virtualTime } = from;
  const classes = { ...from.classes };

  const doneAt = (workClass: WorkClass, size: number): number => classes[workClass].servedTo + size / policy[workClass].weight;
  const isAged: Shares['isAged'] = (workClass, running, now) =>
    running === 0 && now - classes[workClass].servedAt >= policy[workClass].gapMs;

  return {
    state: () => ({ virtualTime, classes: { ...classes } }),
    join(workClass, now) {
      classes[workClass] = { servedTo: Math.max(classes[workClass].servedTo, virtualTime), servedAt: now };
    },
    charge(workClass, size, now) {
      const servedTo = doneAt(workClass, size);
      virtualTime = Math.max(virtualTime, servedTo);
      classes[workClass] = { servedTo, servedAt: now };
    },
    touch(workClass, now) {
      classes[workClass] = { ...classes[workClass], servedAt: now };
    },
    isAged,
    choose(heads, now) {
      let chosen: ClassHead | undefined;
      for (const workClass of classOrder) {
        const head = heads.find((one) => one.class === workClass);
        if (head === undefined) continue;
        if (isAged(workClass, head.running, now)) return workClass;
        if (chosen === undefined || doneAt(workClass, head.size) < doneAt(chosen.class, chosen.size)) chosen = head;
      }
      return chosen?.class;
    },
  };
}
