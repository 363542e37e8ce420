import type { WorkClass } from '../spec/engine.ts';
import type { WorkCost } from '../spec/work.ts';
import type { Deadline } from '../spec/time.ts';

/** Classes in falling order of claim. */
export const classOrder: readonly WorkClass[] = ['interactive', 'batch', 'background'];

/** What the policy knows of a piece of work: plain data. */
export interface WaitingWork {
  readonly id: number;
  readonly class: WorkClass;
  readonly cost: Required<WorkCost>;
  readonly prefixKey: string | undefined;
  readonly deadline: Deadline | undefined;
  /** 1 for new work; 2 after a crash, and then it runs in a batch of its own, so that one bad item cannot fail its mates twice. */
  readonly attempt: number;
}

/** Work that waits in one lane, first come first served in each class. All operations but iteration take constant time. */
export interface LaneQueue {
  readonly size: number;
  add(work: WaitingWork): void;
  remove(work: WaitingWork): boolean;
  count(workClass: WorkClass): number;
  /** In the order in which it is served: retries first, since they came first. */
  waiting(workClass: WorkClass): Iterable<WaitingWork>;
}

interface ClassQueue {
  readonly retries: Map<number, WaitingWork>;
  readonly fresh: Map<number, WaitingWork>;
}

export function createLaneQueue(): LaneQueue {
  const queues: Record<WorkClass, ClassQueue> = {
    interactive: createClassQueue(),
    batch: createClassQueue(),
    background: createClassQueue(),
  };

  function part(work: WaitingWork): Map<number, WaitingWork> {
    return work.attempt > 1 ? queues[work.class].retries : queues[work.class].fresh;
  }
  function count(workClass: WorkClass): number {
    return queues[workClass].retries.size + queues[workClass].fresh.size;
  }

  return {
    get size() {
      return classOrder.reduce((sum, workClass) => sum + count(workClass), 0);
    },
    add(work) {
      part(work).set(work.id, work);
    },
    remove: (work) => part(work).delete(work.id),
    count,
    *waiting(workClass) {
      yield* queues[workClass].retries.values();
      yield* queues[workClass].fresh.values();
    },
  };
}

function createClassQueue(): ClassQueue {
  return { retries: new Map(), fresh: new Map() };
}
