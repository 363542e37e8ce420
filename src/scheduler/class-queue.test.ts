import { describe, expect, it } from 'vitest';
import { completeCost } from './admission.ts';
import { chargeTenant, type ClassQueue, createClassQueue, put, take } from './class-queue.ts';
import { readClass } from './service-order.ts';
import type { WaitingWork } from './waiting-work.ts';

const size = 10;
let nextId = 1;

function add(queue: ClassQueue, tenant: string): void {
  const id = nextId++;
  put(queue, {
    id,
    class: 'batch',
    tenant,
    cost: completeCost({}),
    prefixKey: undefined,
    deadline: undefined,
    due: id,
    attempt: 1,
  });
}

/** Starts the work that is next; its tenant. */
function serve(queue: ClassQueue, tokens = size): string {
  const work = readClass(queue, { now: 0, residents: [] }).head() as WaitingWork;
  chargeTenant(queue, work, tokens);
  take(queue, work);
  return work.tenant ?? '';
}

describe('tenants that wait', () => {
  it('are served as much as each other, however many new names come one after the other', () => {
    for (const together of [1, 2, 5]) {
      const queue = createClassQueue();
      for (let index = 0; index < 3; index += 1) add(queue, 'old');
      serve(queue, 10 * size);
      let names = 0;
      const served: string[] = [];
      while (served.filter((tenant) => tenant === 'old').length < 2 && served.length < 1_000) {
        // So many newcomers wait at any time.
        while (queue.tenants.size < together + 1) add(queue, `new ${names++}`);
        served.push(serve(queue));
      }
      // What the old one had at first is what each of those beside it may have before it, and once more.
      expect(served.length).toBeLessThanOrEqual(2 * 10 * (together + 1));
    }
  });

  it('let a newcomer begin where the one in turn is, not where that one began', () => {
    const queue = createClassQueue();
    for (let index = 0; index < 2; index += 1) add(queue, 'old');
    serve(queue);
    add(queue, 'new');
    expect(queue.tenants.get('new')?.start).toBe(size);
    expect(serve(queue)).toBe('old');
  });

  it('are remembered after they left only as far as it matters, and never more than a bounded number', () => {
    const queue = createClassQueue();
    for (let index = 0; index < 3_000; index += 1) add(queue, `tenant ${index}`);
    let most = 0;
    for (let index = 0; index < 2_999; index += 1) {
      serve(queue);
      most = Math.max(most, queue.departed.size);
    }
    expect(most).toBeLessThanOrEqual(1_024);
    // Of one that had much it is known that it had.
    const fresh = createClassQueue();
    for (const tenant of ['much', 'waits', 'waits']) add(fresh, tenant);
    serve(fresh, 1_000);
    add(fresh, 'much');
    expect([serve(fresh), serve(fresh), serve(fresh)]).toEqual(['waits', 'waits', 'much']);
  });
});
