import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { roomyLimits } from '../../test/support/lane-bench.ts';
import type { WorkClass } from '../spec/engine.ts';
import type { LaneLimits } from '../spec/work.ts';
import { completeCost } from './admission.ts';
import { createBudget, emptyUsage, type LaneUsage } from './budget.ts';
import { plan, type PlannedLane } from './plan.ts';
import { classOrder, type WaitingWork } from './queue.ts';

let nextId = 1;
function waiting(work: Partial<Omit<WaitingWork, 'cost'>> & { cost?: Parameters<typeof completeCost>[0] } = {}): WaitingWork {
  const { cost = {}, ...rest } = work;
  return { id: nextId++, class: 'batch', prefixKey: undefined, deadline: undefined, attempt: 1, ...rest, cost: completeCost(cost) };
}

function lane(works: readonly WaitingWork[], limits: Partial<LaneLimits> = {}): PlannedLane {
  const ofClass = (workClass: WorkClass): WaitingWork[] => works.filter((work) => work.class === workClass);
  return {
    lane: 'embed',
    limits: { ...roomyLimits, ...limits },
    waiting: { interactive: ofClass('interactive'), batch: ofClass('batch'), background: ofClass('background') },
  };
}

const used = (usage: Partial<LaneUsage>) => new Map([['embed', { ...emptyUsage, ...usage }]] as const);

describe('plan', () => {
  it('says why the first that cannot start has to wait', () => {
    const [first, second] = [waiting({ cost: { kvTokens: 60 } }), waiting({ cost: { kvTokens: 60 } })];
    expect(plan([lane([first, second])], new Map(), 0)).toEqual({
      start: [{ lane: 'embed', class: 'batch', works: [first.id] }],
      expire: [],
      wait: [{ lane: 'embed', work: second.id, for: 'kv-tokens' }],
    });
    expect(plan([lane([first])], used({ slots: 2, otherSlots: 2 }), 0).wait).toEqual([{ lane: 'embed', work: first.id, for: 'slot' }]);
    const twin = waiting({ prefixKey: 'p', cost: { prefixTokens: 5 } });
    const pending = new Map([['p', { tokens: 5, holders: 1, otherHolders: 1, ready: false }]]);
    expect(plan([lane([twin])], used({ slots: 1, otherSlots: 1, prefixes: pending }), 0)).toEqual({
      start: [],
      expire: [],
      wait: [{ lane: 'embed', work: twin.id, for: 'prefix' }],
    });
  });

  it('expires what is past its deadline, also behind what has to wait and inside what would start', () => {
    const late = waiting({ deadline: 100 });
    const large = waiting({ cost: { kvTokens: 100 } });
    const decided = plan([lane([late, large])], used({ kvTokens: 1 }), 100);
    expect(decided).toEqual({ start: [], expire: [late.id], wait: [{ lane: 'embed', work: large.id, for: 'kv-tokens' }] });
    expect(plan([lane([waiting({ deadline: 100.5 })])], new Map(), 100).expire).toEqual([]);
  });

  it('plans each lane for itself', () => {
    const [here, there] = [waiting(), waiting({ class: 'interactive' })];
    const full = used({ slots: 2, otherSlots: 2 });
    const decided = plan([lane([here]), { ...lane([there]), lane: 'rerank' }], full, 0);
    expect(decided.start).toEqual([{ lane: 'rerank', class: 'interactive', works: [there.id] }]);
  });

  it('reads no further than the first that cannot start', () => {
    let read = 0;
    function* endless(): Generator<WaitingWork> {
      for (;;) {
        read += 1;
        yield waiting();
      }
    }
    const { start } = plan([{ ...lane([]), waiting: { interactive: [], batch: endless(), background: endless() } }], new Map(), 0);
    expect(start.map(({ works }) => works.length)).toEqual([4, 4]);
    expect(read).toBe(9);
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
        const capacity = used({ slots, otherSlots: slots, kvTokens, otherKvTokens: kvTokens });
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
          budget.takeSlot(batch.class);
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
          budget.takeSlot(one.class);
        }
        const keys = new Set(works.flatMap(({ prefixKey }) => (prefixKey === undefined ? [] : [prefixKey])));
        expect(budget.usage().prefixes.size).toBe(keys.size);
        for (const { one } of known.toSorted((a, b) => a.order - b.order)) {
          budget.release(one);
          budget.freeSlot(one.class);
        }
        expect(budget.usage()).toEqual(emptyUsage);
        expect(budget.usedKvTokens()).toBe(0);
      }),
    );
  });
});
