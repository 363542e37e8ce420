import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { roomyLimits } from '../../test/support/lane-bench.ts';
import type { WorkClass } from '../spec/engine.ts';
import type { LaneLimits } from '../spec/work.ts';
import { completeCost } from './admission.ts';
import { createBudget, emptyUsage, type LaneUsage } from './budget.ts';
import { plan, type PlannedLane } from './plan.ts';
import { classOrder, dueAt, sizeOf } from './policy.ts';
import { createLaneQueue } from './queue.ts';
import type { WaitingWork } from './waiting-work.ts';

type Cost = Parameters<typeof completeCost>[0];

let nextId = 1;
function waiting(work: Partial<Omit<WaitingWork, 'cost'>> & { cost?: Cost; arrivedAt?: number } = {}): WaitingWork {
  const { cost = {}, arrivedAt = 0, ...rest } = work;
  const { class: workClass = 'batch', deadline } = rest;
  const known = { id: nextId++, class: workClass, tenant: undefined, prefixKey: undefined, deadline, attempt: 1 };
  return { ...known, due: dueAt(workClass, arrivedAt, deadline), ...rest, cost: completeCost(cost) };
}

function lane(works: readonly WaitingWork[], limits: Partial<LaneLimits> = {}, sharesFate = true): PlannedLane {
  const queue = createLaneQueue();
  for (const work of works) queue.add(work, 0);
  return { lane: 'embed', limits: { ...roomyLimits, ...limits }, sharesFate, waiting: queue };
}

const ofClass = (counts: Partial<Record<WorkClass, number>>) => ({ interactive: 0, batch: 0, background: 0, ...counts });
const one = { concurrency: 1, batchItems: 1 };

const used = (usage: Partial<LaneUsage>) => new Map([['embed', { ...emptyUsage, ...usage }]] as const);

describe('plan', () => {
  it('says why the first that cannot start has to wait', () => {
    const [first, second] = [waiting({ cost: { kvTokens: 60 } }), waiting({ cost: { kvTokens: 60 } })];
    expect(plan([lane([first, second])], new Map(), 0)).toEqual({
      start: [{ lane: 'embed', class: 'batch', works: [first.id], isRetry: false }],
      expire: [],
      wait: [{ lane: 'embed', work: second.id, for: 'kv-tokens' }],
    });
    expect(plan([lane([first])], used({ slots: ofClass({ batch: 2 }) }), 0).wait).toEqual([
      { lane: 'embed', work: undefined, for: 'slot' },
    ]);
    const twin = waiting({ prefixKey: 'p', cost: { prefixTokens: 5 } });
    const pending = new Map([['p', { tokens: 5, holders: 1, otherHolders: 1, ready: false }]]);
    expect(plan([lane([twin])], used({ slots: ofClass({ batch: 1 }), prefixes: pending }), 0)).toEqual({
      start: [],
      expire: [],
      wait: [{ lane: 'embed', work: twin.id, for: 'prefix' }],
    });
  });

  it('expires what is past its deadline, also behind what has to wait and inside what would start', () => {
    const late = waiting({ deadline: 100 });
    const large = waiting({ cost: { kvTokens: 100 } });
    const decided = plan([lane([late, large])], used({ kvTokens: ofClass({ batch: 1 }) }), 100);
    expect(decided).toEqual({ start: [], expire: [late.id], wait: [{ lane: 'embed', work: large.id, for: 'kv-tokens' }] });
    expect(plan([lane([waiting({ deadline: 100.5 })])], new Map(), 100).expire).toEqual([]);
  });

  it('plans each lane for itself', () => {
    const [here, there] = [waiting(), waiting({ class: 'interactive' })];
    const full = used({ slots: ofClass({ batch: 2 }) });
    const decided = plan([lane([here]), { ...lane([there]), lane: 'rerank' }], full, 0);
    expect(decided.start).toEqual([{ lane: 'rerank', class: 'interactive', works: [there.id], isRetry: false }]);
  });

  it('takes time that does not grow with what waits', () => {
    let compared = 0;
    const counting = (work: WaitingWork): WaitingWork => ({
      ...work,
      get due() {
        compared += 1;
        return work.due;
      },
    });
    const many = lane(Array.from({ length: 20_000 }, () => counting(waiting())));
    compared = 0;
    const { start } = plan([many], new Map(), 0);
    expect(start.map(({ works }) => works.length)).toEqual([4, 4]);
    expect(compared).toBeLessThan(500);
  });

  it('starts nothing that the budget would not allow, changes nothing it was given, and decides the same again', () => {
    const work = fc.record({
      class: fc.constantFrom<WorkClass>(...classOrder),
      prefixKey: fc.constantFrom(undefined, 'p', 'q'),
      attempt: fc.constantFrom(1, 1, 1, 2),
      deadline: fc.constantFrom(undefined, undefined, 5, 15),
      cost: fc.record({ tokens: fc.nat(60), items: fc.integer({ min: 1, max: 3 }), kvTokens: fc.nat(40), prefixTokens: fc.constant(10) }),
    });
    const usage = fc.record({ slots: fc.nat(1), kvTokens: fc.nat(40) });
    fc.assert(
      fc.property(fc.array(work, { maxLength: 30 }), usage, (works, { slots, kvTokens }) => {
        const limits = { ...roomyLimits, concurrency: 4, interactiveReserve: { concurrency: 1, kvTokens: 20 } };
        const known = works.map((one) => {
          const cost = one.prefixKey === undefined ? { ...one.cost, prefixTokens: 0 } : one.cost;
          return waiting({ ...one, cost });
        });
        const capacity = used({ slots: ofClass({ batch: slots }), kvTokens: ofClass({ batch: kvTokens }) });
        const before = structuredClone([...capacity]);
        const decided = plan([lane(known, limits)], capacity, 10);
        expect(plan([lane(known, limits)], capacity, 10)).toEqual(decided);
        expect([...capacity]).toEqual(before);

        const budget = createBudget(limits, capacity.get('embed'));
        const byId = new Map(known.map((one) => [one.id, one]));
        const started = decided.start.flatMap((batch) => batch.works);
        expect(new Set([...started, ...decided.expire]).size).toBe(started.length + decided.expire.length);
        for (const id of decided.expire) expect(byId.get(id)?.deadline).toBe(5);
        for (const batch of decided.start) {
          expect(budget.hasSlot(batch.class)).toBe(true);
          budget.takeSlot(batch.class, batch.isRetry);
          for (const id of batch.works) {
            const one = byId.get(id) as WaitingWork;
            expect([one.class, budget.hasKvTokens(one), budget.isPrefixPending(one), one.deadline === 5]).toEqual([
              batch.class,
              true,
              false,
              false,
            ]);
            budget.charge(one);
          }
        }
      }),
    );
  });
});

/** What starts one after another, when each ends before the next begins and nothing new comes. */
function served(works: readonly WaitingWork[], options: { now?: number; usage?: Partial<LaneUsage>; limits?: Partial<LaneLimits> } = {}) {
  const planned = lane(works, { ...one, ...options.limits });
  const queue = planned.waiting as ReturnType<typeof createLaneQueue>;
  const byId = new Map(works.map((work) => [work.id, work]));
  const order: WaitingWork[] = [];
  while (queue.size > 0) {
    const started = plan([planned], used(options.usage ?? {}), options.now ?? 0).start.flatMap(({ works: ids }) => ids);
    if (started.length === 0) break;
    for (const id of started) {
      const work = byId.get(id) as WaitingWork;
      queue.start(work, sizeOf(work.cost, true), options.now ?? 0);
      order.push(work);
    }
  }
  return order;
}

describe('the order of service', () => {
  it('gives every class its share, by weight', () => {
    const works = (['background', 'batch', 'interactive'] as const).flatMap((workClass) =>
      Array.from({ length: 600 }, () => waiting({ class: workClass })),
    );
    const first = served(works).slice(0, 546);
    const count = (workClass: WorkClass): number => first.filter((work) => work.class === workClass).length;
    expect([count('interactive'), count('batch'), count('background')]).toEqual([512, 32, 2]);
  });

  it('counts tokens, not pieces: one long generation weighs as much as many short ones', () => {
    const long = waiting({ tenant: 'a', cost: { kvTokens: 90 } });
    const next = waiting({ tenant: 'a', cost: { kvTokens: 90 } });
    const short = Array.from({ length: 5 }, () => waiting({ tenant: 'b', cost: { kvTokens: 30 } }));
    expect(
      served([long, next, ...short])
        .map(({ tenant }) => tenant)
        .join(''),
    ).toBe('abbbabb');
  });

  it('serves a class that has aged before its share, once nothing of it runs', () => {
    const works = [waiting({ class: 'background' }), waiting({ class: 'interactive' })];
    const classAfter = (now: number, usage: Partial<LaneUsage> = {}): string | undefined => {
      const two = lane(works, one);
      const queue = two.waiting as ReturnType<typeof createLaneQueue>;
      // The question came just now.
      queue.ended('interactive', now);
      const [started] = plan(
        [{ ...two, limits: { ...two.limits, concurrency: 2 } }],
        used({ slots: ofClass({ batch: 1 }), ...usage }),
        now,
      ).start;
      return started?.class;
    };
    expect(classAfter(59_999)).toBe('interactive');
    expect(classAfter(60_000)).toBe('background');
    expect(classAfter(60_000, { slots: ofClass({ background: 1 }) })).toBe('interactive');
  });

  it('serves the earliest deadline first, and what has none when its patience ends', () => {
    const patient = waiting();
    const [late, soon, far] = [500, 300, 700_000].map((deadline) => waiting({ deadline }));
    expect(served([patient, late, soon, far] as WaitingWork[])).toEqual([soon, late, patient, far]);
    expect(served([waiting({ deadline: 601_000, arrivedAt: 1_000 }), patient])[0]).toBe(patient);
  });

  it('serves tenants in turn, whoever came first and however many wait for one', () => {
    const flood = Array.from({ length: 50 }, () => waiting({ tenant: 'flood' }));
    const small = [waiting({ tenant: 'small' }), waiting({ tenant: 'small' })];
    expect(
      served([...flood, ...small])
        .slice(0, 5)
        .map(({ tenant }) => tenant),
    ).toEqual(['flood', 'small', 'flood', 'small', 'flood']);
  });

  it('lets twins of a prefix in memory go first, but not for ever and not before a near deadline', () => {
    const first = waiting();
    const twin = waiting({ prefixKey: 'p', arrivedAt: 60_000 });
    const young = waiting({ prefixKey: 'p', arrivedAt: 60_001 });
    const usage = { recent: ['p'] };
    expect(served([first, twin], { usage })).toEqual([twin, first]);
    expect(served([first, twin])).toEqual([first, twin]);
    expect(served([first, young], { usage })).toEqual([first, young]);
    const urgent = waiting({ deadline: 70_000 });
    const later = waiting({ prefixKey: 'p', deadline: 90_000 });
    expect(served([urgent, later], { usage, now: 9_999 })[0]).toBe(later);
    expect(served([urgent, later], { usage, now: 10_000 })[0]).toBe(urgent);
  });

  it('charges a prefix to the tenant whose work has to compute it', () => {
    const works = ['a', 'b', 'a', 'b', 'b'].map((tenant) =>
      waiting({ tenant, cost: { kvTokens: 10, prefixTokens: tenant === 'a' ? 20 : 0 }, ...(tenant === 'a' ? { prefixKey: 'p' } : {}) }),
    );
    const order = (recent: string[]): string[] => {
      const planned = lane(works, { ...one, concurrency: 5 });
      return plan([planned], used({ recent }), 0).start.flatMap(({ works: ids }) =>
        ids.map((id) => works.find((work) => work.id === id)?.tenant ?? ''),
      );
    };
    // The twin of the leader waits until the prefix is there.
    expect(order([])).toEqual(['a', 'b', 'b', 'b']);
  });
});

describe('work that is too large for what is free', () => {
  it('keeps those below its class back, and once it has aged all but the reserve', () => {
    const large = waiting({ cost: { kvTokens: 70 } });
    const background = waiting({ class: 'background', cost: { kvTokens: 1, tokens: 90 } });
    const asked = [30, 30].map((kvTokens) => waiting({ class: 'interactive', cost: { kvTokens } }));
    const limits = { ...roomyLimits, concurrency: 4, batchItems: 1, interactiveReserve: { concurrency: 1, kvTokens: 30 } };
    const usage = { kvTokens: ofClass({ background: 10 }), slots: ofClass({ background: 1 }) };
    const startedAt = (now: number): number[] => {
      const planned = lane([large, background, ...asked], limits);
      (planned.waiting as ReturnType<typeof createLaneQueue>).ended('interactive', now);
      return plan([planned], used(usage), now).start.flatMap(({ works }) => works);
    };
    expect(startedAt(9_999)).toEqual(asked.map(({ id }) => id));
    expect(startedAt(10_000)).toEqual([asked[0]?.id]);
  });

  it('runs by itself when it is larger than what the reserve leaves', () => {
    const limits = { ...roomyLimits, batchItems: 1, interactiveReserve: { concurrency: 1, kvTokens: 30 } };
    const huge = waiting({ cost: { kvTokens: 100 } });
    expect(plan([lane([huge], limits)], new Map(), 0).start.flatMap(({ works }) => works)).toEqual([huge.id]);
    const beside = used({ slots: ofClass({ background: 1 }), kvTokens: ofClass({ background: 1 }) });
    expect(plan([lane([huge], { ...limits, concurrency: 3 })], beside, 0).start).toEqual([]);
  });
});

describe('work that is tried again', () => {
  const limits = { ...roomyLimits, concurrency: 4 };
  const again = (workClass: WorkClass = 'batch'): WaitingWork => waiting({ class: workClass, attempt: 2 });

  it('runs one at a time without bulk work beside it, where a crash ends all calls', () => {
    const [first, second] = [again(), again()];
    const fresh = [waiting(), waiting({ class: 'background' }), waiting({ class: 'interactive' })];
    const all = lane([...fresh, first, second], limits);
    const starts = (usage: Partial<LaneUsage>): number[] => plan([all], used(usage), 0).start.flatMap(({ works }) => works);
    expect(starts({ slots: ofClass({ batch: 1 }) })).toEqual([fresh[2]?.id]);
    expect(starts({})).toEqual([first.id, fresh[2]?.id]);
    expect(starts({ slots: ofClass({ batch: 1 }), retries: 1 })).toEqual([fresh[2]?.id]);
  });

  it('does not keep a question waiting for bulk work', () => {
    const [asked, other] = [again('interactive'), waiting()];
    const usage = used({ slots: ofClass({ batch: 1 }) });
    expect(plan([lane([other, asked], limits)], usage, 0).start.map(({ works }) => works)).toEqual([[asked.id], [other.id]]);
  });

  it('runs beside others where each call can crash by itself alone', () => {
    const works = [again(), again(), waiting()];
    const { start } = plan([lane(works, limits, false)], used({ slots: ofClass({ batch: 1 }) }), 0);
    expect(start.map(({ works: ids, isRetry }) => [ids, isRetry])).toEqual(works.map(({ id }, index) => [[id], index < 2]));
  });

  it('is not tried again past its deadline', () => {
    const late = waiting({ attempt: 2, deadline: 5 });
    expect(plan([lane([late])], new Map(), 5)).toEqual({ start: [], expire: [late.id], wait: [] });
  });
});

describe('the budget of a lane', () => {
  it('is as it was when everything that was charged is released, in any order', () => {
    const work = fc.record({
      class: fc.constantFrom<WorkClass>(...classOrder),
      prefixKey: fc.constantFrom(undefined, 'p', 'q'),
      cost: fc.record({ kvTokens: fc.nat(100), prefixTokens: fc.nat(50) }),
      order: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(work, { maxLength: 20 }), (works) => {
        const budget = createBudget(roomyLimits);
        const known = works.map(({ order, ...one }) => ({ order, one: waiting(one) }));
        for (const { one } of known) {
          budget.charge(one);
          budget.takeSlot(one.class, false);
        }
        const keys = new Set(works.flatMap(({ prefixKey }) => (prefixKey === undefined ? [] : [prefixKey])));
        expect(budget.usage().prefixes.size).toBeGreaterThanOrEqual(keys.size);
        for (const { one } of known.toSorted((a, b) => a.order - b.order)) {
          budget.release(one);
          budget.freeSlot(one.class, false);
        }
        expect(budget.usage()).toEqual({ ...emptyUsage, prefixes: new Map() });
        expect(budget.usedKvTokens()).toBe(0);
      }),
    );
  });
});
