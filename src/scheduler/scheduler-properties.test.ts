import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crash, createLaneBench, type BenchCall, type Submitted } from '../../test/support/lane-bench.ts';
import { MillraceError } from '../errors.ts';
import type { WorkClass } from '../spec/engine.ts';
import type { LaneLimits } from '../spec/work.ts';
import { dueAt } from './policy.ts';

/**
 * Random histories of one lane: work is submitted, aborted, runs into its deadline, its engine fails in every way, time passes, and the
 * lane is closed at last. What must hold is looked at whenever the engine is called, and whenever nothing can happen any more.
 */

const limits: LaneLimits = {
  concurrency: 4,
  batchItems: 3,
  batchTokens: 50,
  kvTokens: 100,
  queuedItems: 12,
  queuedBytes: 400,
  interactiveReserve: { concurrency: 1, kvTokens: 30 },
};
const reserve = { concurrency: 1, kvTokens: 30 };
const prefixTokens: Readonly<Record<string, number>> = { p: 10, q: 20 };

const submission = fc.record({
  class: fc.constantFrom<WorkClass>('interactive', 'batch', 'batch', 'background'),
  tenant: fc.constantFrom(undefined, undefined, 'a', 'b'),
  tokens: fc.integer({ min: 0, max: 30 }),
  items: fc.integer({ min: 1, max: 2 }),
  kvTokens: fc.integer({ min: 0, max: 45 }),
  bytes: fc.integer({ min: 0, max: 60 }),
  prefixKey: fc.constantFrom(undefined, undefined, 'p', 'q'),
  deadlineMs: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
  /** Its own signal, or one that it shares. */
  signal: fc.constantFrom('own', 'own', 'shared'),
});
type Submission = typeof submission extends fc.Arbitrary<infer T> ? T : never;

const command = fc.oneof(
  { arbitrary: submission.map((work) => ({ do: 'submit' as const, work })), weight: 8 },
  {
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      whom: fc.nat(),
      how: fc.constantFrom('succeed', 'succeed', 'crash', 'delivered', 'fail', 'forget', 'reject'),
    }),
    weight: 6,
  },
  { arbitrary: fc.record({ do: fc.constant('prefix' as const), whom: fc.nat() }), weight: 2 },
  { arbitrary: fc.record({ do: fc.constant('abort' as const), whom: fc.nat() }), weight: 2 },
  { arbitrary: fc.constant({ do: 'abort-shared' as const }), weight: 1 },
);
/** What happens in one turn, and the time that passes after it. */
const history = fc.array(
  fc.record({ commands: fc.array(command, { minLength: 1, maxLength: 4 }), thenMs: fc.constantFrom(0, 0, 0, 7, 25) }),
  {
    maxLength: 25,
  },
);
type History = typeof history extends fc.Arbitrary<infer T> ? T : never;

interface Known {
  readonly number: number;
  readonly work: Submission;
  readonly submitted: Submitted;
  readonly deadline: number | undefined;
  readonly due: number;
  readonly controller: AbortController;
  starts: number;
}

function createHistory() {
  const violations: string[] = [];
  const known = new Map<string, Known>();
  const ready = new Set<string>();
  /** Judged when nothing can happen any more: until then what was refused looks like work that waits. */
  const overtakings: { readonly number: number; readonly overtaken: readonly Known[] }[] = [];
  let shared = new AbortController();
  let closed = false;
  const bench = createLaneBench(limits, onCall);

  const running = (): BenchCall[] => bench.calls.filter((call) => !call.isEnded());
  const membersOf = (call: BenchCall): Known[] => call.names.map((name) => known.get(name) as Known);
  const isOver = ({ controller, deadline, submitted }: Known): boolean =>
    closed ||
    controller.signal.aborted ||
    submitted.settlements.length > 0 ||
    (deadline !== undefined && deadline <= bench.clock.monotonic());
  const isDueBefore = (one: Known, other: Known): boolean => one.due < other.due || (one.due === other.due && one.number < other.number);
  const isOther = ({ work }: Known): boolean => work.class !== 'interactive';
  const require = (holds: boolean, what: string): void => void (holds || violations.push(what));

  function cells(members: readonly Known[]): number {
    const keys = new Set(members.flatMap(({ work }) => (work.prefixKey === undefined ? [] : [work.prefixKey])));
    return members.reduce((sum, { work }) => sum + work.kvTokens, 0) + [...keys].reduce((sum, key) => sum + (prefixTokens[key] ?? 0), 0);
  }

  function onCall(call: BenchCall): void {
    const members = membersOf(call);
    const before = running()
      .filter((other) => other !== call)
      .flatMap(membersOf);
    for (const [index, member] of members.entries()) {
      const { number, work } = member;
      member.starts += 1;
      require(!isOver(member), `${number} was over before it started`);
      require(call.works[index]?.attempt === member.starts && member.starts <= 2, `${number} started ${member.starts} times`);
      require(member.starts === 1 || members.length === 1, `${number} was tried again in company`);
      const holders = [...before, ...members.slice(0, index)].filter(
        (holder) => isOther(holder) && holder.work.prefixKey === work.prefixKey,
      );
      const isPending = work.prefixKey !== undefined && holders.length > 0 && !ready.has(work.prefixKey);
      require(!isPending || !isOther(member), `${number} did not wait for its prefix`);
      if (member.starts > 1 && isOther(member))
        require(before.every((other) => !isOther(other)), `${number} was tried again beside bulk work`);
      // A prefix that is in memory may go before, see `plan.test.ts`.
      const overtaken = [...known.values()].filter(
        (other) =>
          isDueBefore(other, member) &&
          other.work.class === work.class &&
          other.work.tenant === work.tenant &&
          other.work.prefixKey === undefined &&
          work.prefixKey === undefined &&
          other.starts === 0 &&
          !isOver(other),
      );
      if (member.starts === 1) overtakings.push({ number, overtaken });
    }
    require(new Set(members.map(({ work }) => work.class)).size === 1, 'classes were mixed');
    require(members.reduce((sum, { work }) => sum + work.items, 0) <= limits.batchItems, 'too many items in a call');
    require(members.reduce((sum, { work }) => sum + work.tokens, 0) <= limits.batchTokens, 'too many tokens in a call');
    checkBudgets();
  }

  function checkBudgets(): void {
    const calls = running();
    const members = calls.flatMap(membersOf);
    const others = members.filter(isOther);
    require(calls.length <= limits.concurrency, `${calls.length} calls at once`);
    require(calls.filter((call) => membersOf(call).some(isOther)).length <=
      limits.concurrency - reserve.concurrency, 'reserved slots were used');
    require(cells(members) <= limits.kvTokens, `${cells(members)} cells in use`);
    require(cells(others) <= limits.kvTokens - reserve.kvTokens, `${cells(others)} cells used by others: the reserve is gone`);
  }

  /** Nothing can happen any more without the test. */
  function checkRest(): void {
    checkBudgets();
    for (const { number, overtaken } of overtakings.splice(0)) {
      const waited = overtaken.filter(({ submitted }) => submitted.outcome() !== 'E_OVERLOADED');
      require(waited.length === 0, `${number} overtook ${waited.map((other) => other.number).join()}`);
    }
    const calls = running();
    const members = calls.flatMap(membersOf);
    const { waiting, running: runningWorks, queuedBytes, usedKvTokens } = bench.snapshot();
    const waits = [...known.values()].filter((one) => !isOver(one) && !members.includes(one));
    require(waiting.interactive + waiting.batch + waiting.background ===
      waits.length, 'something waits that is over, or the other way round');
    require(waits.length <= limits.queuedItems + limits.concurrency * limits.batchItems, `${waits.length} wait`);
    require(runningWorks === members.length, `${runningWorks} run instead of ${members.length}`);
    // A question that did not wait for a run to compute their prefix holds its own copy.
    const copies = members.filter((one) => !isOther(one)).reduce((sum, { work }) => sum + (prefixTokens[work.prefixKey ?? ''] ?? 0), 0);
    const excess = usedKvTokens - cells(members);
    require(excess >= 0 &&
      excess <= copies &&
      usedKvTokens <= limits.kvTokens, `${usedKvTokens} cells on the books instead of ${cells(members)}`);
    const bytes = [...waits, ...members].reduce((sum, { work }) => sum + work.bytes, 0);
    require(queuedBytes === bytes && bytes <= limits.queuedBytes, `${queuedBytes} bytes on the books instead of ${bytes}`);
    require(waits.length === 0 || calls.length > 0, 'work waits for an idle engine');
    for (const { number, submitted } of known.values()) require(submitted.settlements.length <= 1, `${number} settled twice`);
    for (const one of known.values()) {
      if (isOver(one)) require(one.submitted.settlements.length === 1, `${one.number} is over and its caller does not know`);
    }
    for (const key of ready) if (!members.some(({ work }) => work.prefixKey === key)) ready.delete(key);
  }

  function submit(work: Submission): void {
    const number = known.size;
    const { class: workClass, tenant, prefixKey, deadlineMs, ...cost } = work;
    const controller = work.signal === 'own' ? new AbortController() : shared;
    const deadline = deadlineMs === undefined ? undefined : bench.clock.monotonic() + deadlineMs;
    const submitted = bench.submit(String(number), {
      class: workClass,
      tenant,
      cost: { ...cost, prefixTokens: prefixKey === undefined ? 0 : (prefixTokens[prefixKey] ?? 0) },
      signal: controller.signal,
      ...(prefixKey === undefined ? {} : { prefixKey }),
      ...(deadline === undefined ? {} : { deadline }),
    });
    const due = dueAt(workClass, bench.clock.monotonic(), deadline);
    known.set(String(number), { number, work, submitted, deadline, due, controller, starts: 0 });
  }

  function end(call: BenchCall | undefined, how: string): void {
    if (call === undefined) return;
    if (how === 'succeed') call.succeed();
    else if (how === 'crash' || how === 'delivered') call.fail(crash(how === 'delivered'));
    else if (how === 'fail') call.fail(new MillraceError('E_CONTEXT_EXCEEDED', 'Too long.'));
    else if (how === 'forget') call.end([{ status: 'fulfilled', value: [] }]);
    else call.reject(new RangeError('out of range'));
  }

  function obey(step: History[number]['commands'][number]): void {
    if (step.do === 'submit') return submit(step.work);
    if (step.do === 'end') return end(running()[step.whom % Math.max(1, running().length)], step.how);
    if (step.do === 'abort') return known.get(String(step.whom % Math.max(1, known.size)))?.controller.abort();
    if (step.do === 'abort-shared') {
      shared.abort();
      shared = new AbortController();
      return;
    }
    const works = running().flatMap((call) => call.works.map((work, index) => ({ work, member: membersOf(call)[index] })));
    const one = works[step.whom % Math.max(1, works.length)];
    const key = one?.member?.work.prefixKey;
    if (one === undefined || key === undefined) return;
    ready.add(key);
    one.work.prefixReady();
  }

  return {
    bench,
    violations,
    known,
    async play(steps: History): Promise<void> {
      for (const { commands, thenMs } of steps) {
        for (const step of commands) obey(step);
        await bench.clock.settle();
        checkRest();
        await bench.clock.advance(thenMs);
        checkRest();
        if (violations.length > 0) return;
      }
    },
    async close(): Promise<void> {
      closed = true;
      const closing = bench.scheduler.close();
      await bench.clock.settle();
      checkRest();
      while (running().length > 0) {
        for (const call of running()) end(call, 'crash');
        await bench.clock.settle();
      }
      await closing;
    },
  };
}

describe('every history of a lane', () => {
  it('keeps budgets, order and reserve, settles every piece of work once, and leaves nothing on the books', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const played = createHistory();
        await played.play(steps);
        await played.close();
        expect(played.violations).toEqual([]);
        expect([...played.known.values()].map(({ submitted }) => submitted.settlements.length).every((count) => count === 1)).toBe(true);
        expect(played.bench.snapshot()).toMatchObject({
          waiting: { interactive: 0, batch: 0, background: 0 },
          running: 0,
          queuedBytes: 0,
          usedKvTokens: 0,
        });
        expect(played.bench.clock.pendingTimers).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('comes to an end without being closed when the engine answers', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const played = createHistory();
        await played.play(steps);
        const { bench, known } = played;
        for (let open = bench.running(); open.length > 0; open = bench.running()) {
          for (const call of bench.calls) if (!call.isEnded()) call.succeed();
          await bench.clock.settle();
        }
        expect(played.violations).toEqual([]);
        expect([...known.values()].filter(({ submitted }) => submitted.settlements.length !== 1).map(({ number }) => number)).toEqual([]);
        expect(bench.clock.pendingTimers).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  it('refuses no feeder that submits when it was told to, whatever comes without asking', async () => {
    const feeding = fc.array(fc.oneof(submission, fc.constant('end' as const)), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(feeding, async (steps) => {
        const { bench, clock, scheduler } = (({ clock, scheduler, ...bench }) => ({ bench, clock, scheduler }))(createLaneBench(limits));
        const refused: unknown[] = [];
        let fed = 0;
        let feeders = 0;
        for (const step of steps) {
          if (step === 'end') bench.calls.find((call) => !call.isEnded())?.succeed();
          else if (step.class === 'interactive') bench.submit('unasked', { class: 'interactive', cost: { bytes: step.bytes } });
          else {
            const cost = { tokens: step.tokens, items: step.items, bytes: step.bytes };
            feeders += 1;
            void scheduler.ready('embed', cost, new AbortController().signal).then(() => {
              fed += 1;
              bench
                .submit('fed', { class: step.class, cost })
                .handle.result()
                .catch((error: unknown) => refused.push(error));
            });
          }
          await clock.settle();
        }
        for (let open = bench.running(); open.length > 0; open = bench.running()) {
          for (const call of bench.calls) if (!call.isEnded()) call.succeed();
          await clock.settle();
        }
        expect(refused).toEqual([]);
        expect(fed).toBe(feeders);
      }),
      { numRuns: 150 },
    );
  });
});
