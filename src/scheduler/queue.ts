import type { WorkClass } from '../spec/engine.ts';
import { chargeTenant, type ClassQueue, createClassQueue, put, take } from './class-queue.ts';
import { classOrder } from './policy.ts';
import { readClass, type Reading, type ServiceOrder } from './service-order.ts';
import { createShares, type LaneShares } from './shares.ts';
import type { WaitingWork } from './waiting-work.ts';

/** What `plan` sees of the work that waits in one lane. */
export interface LaneReading {
  count(workClass: WorkClass): number;
  shares(): LaneShares;
  /** Work that is tried again after a crash, by class, then in the order of the crashes; it stands outside the order of service. */
  retries(): Iterable<WaitingWork>;
  /** The order of service in one class. Valid until the queue changes. */
  read(workClass: WorkClass, reading: Reading): ServiceOrder;
}

/** Work that waits in one lane: class, tenant, twins of a prefix, work. Every operation takes logarithmic time. */
export interface LaneQueue extends LaneReading {
  readonly size: number;
  add(work: WaitingWork, now: number): void;
  remove(work: WaitingWork): boolean;
  /** Removes work that an executor gets, and charges the shares of its class and tenant. */
  start(work: WaitingWork, size: number, now: number): void;
  /** Something of this class has ended. */
  ended(workClass: WorkClass, now: number): void;
}

export function createLaneQueue(): LaneQueue {
  const classes: Record<WorkClass, ClassQueue> = {
    interactive: createClassQueue(),
    batch: createClassQueue(),
    background: createClassQueue(),
  };
  const shares = createShares();

  const count = (workClass: WorkClass): number => classes[workClass].works.size + classes[workClass].retries.size;
  function remove(work: WaitingWork): boolean {
    return classes[work.class].retries.delete(work.id) || take(classes[work.class], work);
  }

  return {
    get size() {
      return classOrder.reduce((sum, workClass) => sum + count(workClass), 0);
    },
    add(work, now) {
      const queue = classes[work.class];
      if (work.attempt > 1) {
        queue.retries.set(work.id, work);
        return;
      }
      if (queue.works.size === 0) shares.join(work.class, now);
      put(queue, work);
    },
    remove,
    start(work, size, now) {
      // What is tried again was charged the first time.
      if (work.attempt === 1) {
        shares.charge(work.class, size, now);
        chargeTenant(classes[work.class], work, size);
      }
      remove(work);
    },
    ended: (workClass, now) => shares.touch(workClass, now),
    count,
    shares: () => shares.state(),
    *retries() {
      for (const workClass of classOrder) yield* classes[workClass].retries.values();
    },
    read: (workClass, reading) => readClass(classes[workClass], reading),
  };
}
