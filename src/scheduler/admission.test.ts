import { describe, expect, it } from 'vitest';
import { createLaneBench } from '../../test/support/lane-bench.ts';
import { MillraceError } from '../errors.ts';
import type { AdmissionRequest, LaneLimits, Permit } from '../spec/work.ts';

const one = { concurrency: 1, batchItems: 1 };

/** A lane whose calls take 100 ms. */
async function measuredLane(limits: Partial<LaneLimits> = {}) {
  const bench = createLaneBench({ ...one, ...limits });
  bench.submit('first');
  await bench.clock.advance(100);
  bench.calls[0]?.succeed();
  await bench.clock.settle();

  function submit(name: string, deadlineMs: number | undefined, tenant?: string) {
    const deadline = deadlineMs === undefined ? {} : { deadline: bench.clock.monotonic() + deadlineMs };
    return bench.submit(name, { class: 'interactive', tenant, ...deadline });
  }
  function admit(request: Partial<AdmissionRequest> = {}) {
    const outcomes: (Permit | MillraceError)[] = [];
    bench.scheduler.admit({ class: 'interactive', costs: { embed: {} }, ...request }).then(
      (permit) => outcomes.push(permit),
      (error: unknown) => outcomes.push(error as MillraceError),
    );
    return outcomes;
  }
  return { ...bench, submit, admit };
}

describe('a question with a deadline', () => {
  it('is refused when it would not be answered in time, with the time in which what is before it drains', async () => {
    const { submit, clock } = await measuredLane();
    const running = submit('running', 10_000);
    await clock.settle();
    // Half of what runs, two that wait, its own 100 ms; a fifth is kept for what the estimate does not know.
    const waiting = ['a', 'b'].map((name) => submit(name, 10_000));
    const punctual = submit('punctual', 350 / 0.8);
    const late = submit('late', 449 / 0.8);
    await clock.settle();
    expect([running, ...waiting, punctual].map((work) => work.outcome())).toEqual([undefined, undefined, undefined, undefined]);
    expect(late.settlements).toEqual([expect.objectContaining({ code: 'E_OVERLOADED', retryAfterMs: 350 })]);
    expect(submit('later', 250).settlements).toEqual([]);
    await clock.settle();
    expect(submit('in time', 451 / 0.8).outcome()).toBeUndefined();
  });

  it('is let in while a slot is free, and as long as nothing was measured', async () => {
    const { submit, clock, calls } = await measuredLane({ concurrency: 2 });
    const works = ['a', 'b'].map((name) => submit(name, 50));
    await clock.settle();
    expect(works.map((work) => work.outcome())).toEqual([undefined, undefined]);
    expect(calls).toHaveLength(3);
    const unknown = createLaneBench(one);
    const asked = Array.from({ length: 5 }, () =>
      unknown.submit('asked', { class: 'interactive', deadline: unknown.clock.monotonic() + 1 }),
    );
    await unknown.clock.settle();
    expect(asked.map((work) => work.outcome())).toEqual(asked.map(() => undefined));
  });

  it('is refused by what waits for its own tenant, not by the flood of another', async () => {
    const { submit, clock } = await measuredLane();
    const flood = Array.from({ length: 20 }, (_, index) => submit(`flood ${index}`, 1_000, 'flood'));
    await clock.settle();
    const letIn = flood.filter((work) => work.outcome() === undefined).length;
    expect(letIn).toBeGreaterThan(5);
    expect(letIn).toBeLessThan(12);
    const small = submit('small', 400, 'small');
    await clock.settle();
    expect(small.outcome()).toBeUndefined();
  });

  it('is let in again once a lane that had become slow is fast', async () => {
    const bench = await measuredLane();
    const slow = bench.submit('slow', 5_000);
    await bench.clock.advance(5_000);
    bench.calls.at(-1)?.fail(new MillraceError('E_CANCELLED', 'At last.'));
    await bench.clock.settle();
    expect(slow.outcome()).toBe('E_DEADLINE_EXCEEDED');
    const ask = async () => {
      bench.submit('running', 10_000);
      await bench.clock.settle();
      const asked = bench.submit('asked', 1_000);
      await bench.clock.settle();
      return asked.outcome();
    };
    expect(await ask()).toBe('E_OVERLOADED');
    for (let call = 0; call < 12; call += 1) {
      await bench.clock.advance(100);
      bench.calls.at(-1)?.succeed();
      await bench.clock.settle();
      bench.submit('running', 10_000);
      await bench.clock.settle();
    }
    await bench.clock.advance(100);
    bench.calls.at(-1)?.succeed();
    await bench.clock.settle();
    expect(await ask()).toBeUndefined();
  });
});

describe('a question without a deadline', () => {
  it('is refused when it would wait for longer than five minutes', async () => {
    const { submit, clock } = await measuredLane({ queuedItems: 10_000 });
    const asked = Array.from({ length: 3_100 }, (_, index) => submit(String(index), undefined));
    await clock.settle();
    const refused = asked.findIndex((work) => work.outcome() === 'E_OVERLOADED');
    expect(refused).toBeGreaterThanOrEqual(2_999);
    expect(refused).toBeLessThanOrEqual(3_002);
  });
});

describe('one tenant', () => {
  it('may fill most of a room, and leaves some of it to others', async () => {
    const { submit, clock } = await measuredLane({ queuedItems: 16 });
    submit('running', undefined, 'flood');
    await clock.settle();
    const flood = Array.from({ length: 20 }, (_, index) => submit(String(index), undefined, 'flood'));
    await clock.settle();
    expect(flood.filter((work) => work.outcome() === undefined)).toHaveLength(14);
    const others = [submit('a', undefined, 'a'), submit('b', undefined), submit('c', undefined)];
    await clock.settle();
    expect(others.map((work) => work.outcome())).toEqual([undefined, undefined, 'E_OVERLOADED']);
  });
});

describe('a permit for a whole request', () => {
  const execute = () => new Promise<never>(() => undefined);

  it('takes a place in every lane or in none', async () => {
    const { scheduler, admit, clock } = await measuredLane({ queuedItems: 2 });
    scheduler.addLane({ name: 'rerank', limits: { ...limitsOf(1), queuedItems: 1 }, execute });
    const both = { costs: { embed: {}, rerank: {} } };
    const [first, second, third] = [admit(both), admit(both), admit()];
    await clock.settle();
    expect(first[0]).toHaveProperty('release');
    expect(second[0]).toMatchObject({ code: 'E_OVERLOADED', details: { lane: 'rerank' } });
    expect(third[0]).toHaveProperty('release');
    (first[0] as Permit).release();
    (first[0] as Permit).release();
    const again = admit(both);
    await clock.settle();
    expect(again[0]).toHaveProperty('release');
  });

  it('counts as work that waits until its work has come, which is then not refused', async () => {
    const { scheduler, admit, submit, clock, snapshot } = await measuredLane({ queuedItems: 1 });
    submit('running', undefined);
    await clock.settle();
    const outcome = admit();
    await clock.settle();
    const permit = outcome[0] as Permit;
    const uninvited = submit('uninvited', undefined);
    await clock.settle();
    expect(uninvited.outcome()).toBe('E_OVERLOADED');
    const work = { lane: 'embed', class: 'interactive', input: { texts: ['x'], kind: 'query' }, cost: {}, permit } as const;
    // A request that was let in is not refused half way, however many pieces of work it is of, until it is over.
    const invited = [scheduler.submit(work), scheduler.submit(work)];
    expect(snapshot().waiting.interactive).toBe(2);
    permit.release();
    await expect(scheduler.submit(work).result()).rejects.toMatchObject({ code: 'E_OVERLOADED' });
    const results = invited.map((one) => one.result());
    void scheduler.close();
    for (const result of results) await expect(result).rejects.toMatchObject({ code: 'E_SHUTTING_DOWN' });
  });

  it('holds in a lane that came after it, from its first work there on', async () => {
    const { scheduler, admit, clock } = await measuredLane();
    const outcome = admit({ costs: { rerank: {} } });
    await clock.settle();
    const permit = outcome[0] as Permit;
    scheduler.addLane({ name: 'rerank', limits: { ...limitsOf(1), queuedItems: 2 }, execute });
    const work = { lane: 'rerank', class: 'interactive', input: { query: 'q', passages: ['p'] }, cost: {} } as const;
    const works = [scheduler.submit({ ...work, permit }), ...Array.from({ length: 3 }, () => scheduler.submit(work))];
    await clock.settle();
    await expect(works[3]?.result()).rejects.toMatchObject({ code: 'E_OVERLOADED' });
    const later = scheduler.submit({ ...work, permit }).result();
    void scheduler.close();
    await expect(later).rejects.toMatchObject({ code: 'E_SHUTTING_DOWN' });
  });

  it('is waited for by a run, and given up with its signal', async () => {
    const { admit, submit, clock, calls } = await measuredLane({ queuedItems: 1 });
    submit('running', undefined);
    await clock.settle();
    submit('waiting', undefined);
    const controller = new AbortController();
    const [stopped, waiting] = [admit({ class: 'batch', signal: controller.signal }), admit({ class: 'batch' })];
    await clock.settle();
    expect([stopped, waiting]).toEqual([[], []]);
    controller.abort();
    await clock.settle();
    expect(stopped).toEqual([expect.objectContaining({ code: 'E_CANCELLED' })]);
    calls.at(-1)?.succeed();
    await clock.settle();
    expect(waiting[0]).toHaveProperty('release');
  });

  it('leaves out lanes that no engine serves, and does not judge estimates, and is refused when everything closes', async () => {
    const { scheduler, admit, clock } = await measuredLane();
    const [free, huge] = [admit({ costs: { generate: {} } }), admit({ costs: { embed: { tokens: 1e9 } } })];
    await clock.settle();
    expect(free[0]).toHaveProperty('release');
    expect(huge[0]).toHaveProperty('release');
    await scheduler.close();
    const late = admit();
    await clock.settle();
    expect(late).toEqual([expect.objectContaining({ code: 'E_SHUTTING_DOWN' })]);
  });

  function limitsOf(concurrency: number): LaneLimits {
    return { concurrency, batchItems: 1, batchTokens: 100, kvTokens: 0, queuedItems: 100, queuedBytes: 1_000 };
  }
});
