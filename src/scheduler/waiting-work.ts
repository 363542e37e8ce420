import type { WorkClass } from '../spec/engine.ts';
import type { Deadline } from '../spec/time.ts';
import type { WorkCost } from '../spec/work.ts';

/** What the policy knows of a piece of work: plain data. */
export interface WaitingWork {
  readonly id: number;
  readonly class: WorkClass;
  readonly tenant: string | undefined;
  readonly cost: Required<WorkCost>;
  readonly prefixKey: string | undefined;
  readonly deadline: Deadline | undefined;
  /** Place in the order of its tenant, monotonic ms; see `policy.ts`. Equal ones go by `id`. */
  readonly due: number;
  /** 1 for new work; 2 after a crash, and then it runs in a batch of its own, so that one bad item cannot fail its mates twice. */
  readonly attempt: number;
}

/** The order of work of one tenant. */
export function isBefore(a: WaitingWork, b: WaitingWork): boolean {
  return a.due < b.due || (a.due === b.due && a.id < b.id);
}
