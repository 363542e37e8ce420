import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTurns } from './turns.ts';

const never = new AbortController().signal;

describe('createTurns', () => {
  it('serves one of a key at a time, in order of asking, and other keys at once', async () => {
    const turns = createTurns();
    const order: string[] = [];
    const endFirst = await turns.take('a', never);
    const second = turns.take('a', never).then((end) => {
      order.push('second');
      return end;
    });
    const third = turns.take('a', never).then((end) => {
      order.push('third');
      return end;
    });
    const endOther = await turns.take('b', never);
    expect(order).toEqual([]);
    endFirst();
    (await second)();
    (await third)();
    endOther();
    expect(order).toEqual(['second', 'third']);
    (await turns.take('a', never))();
  });

  it('lets those behind one who stopped waiting wait for the one before', async () => {
    const turns = createTurns();
    const endFirst = await turns.take('a', never);
    const controller = new AbortController();
    const second = turns.take('a', controller.signal);
    let served = false;
    const third = turns.take('a', never).then((end) => {
      served = true;
      return end;
    });
    controller.abort(new Error('stop'));
    await expect(second).rejects.toThrow('stop');
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    expect(served).toBe(false);
    endFirst();
    (await third)();
  });

  it('lets nobody in before the one at work is done, also when the last who waited has gone', async () => {
    const turns = createTurns();
    const endFirst = await turns.take('a', never);
    const controller = new AbortController();
    const second = turns.take('a', controller.signal);
    controller.abort(new Error('stop'));
    await expect(second).rejects.toThrow('stop');
    let served = false;
    const third = turns.take('a', never).then((end) => {
      served = true;
      return end;
    });
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    expect(served).toBe(false);
    endFirst();
    (await third)();
    expect(served).toBe(true);
  });

  it('has one at work for each key, in order of asking, whoever gives up and whenever', async () => {
    const actions = fc.array(
      fc.record({ key: fc.constantFrom('a', 'b'), do: fc.constantFrom('ask', 'ask', 'abort', 'end'), whom: fc.nat() }),
      {
        maxLength: 40,
      },
    );
    await fc.assert(
      fc.asyncProperty(actions, async (steps) => {
        const turns = createTurns();
        const asked: { key: string; controller: AbortController; end: (() => void) | undefined; isOver: boolean; isSettled: boolean }[] =
          [];
        const served: Record<string, number[]> = { a: [], b: [] };
        const look = async (): Promise<void> => {
          for (let turn = 0; turn < 30; turn += 1) await Promise.resolve();
          for (const key of ['a', 'b']) {
            expect(asked.filter((one) => one.key === key && one.end !== undefined && !one.isOver).length).toBeLessThanOrEqual(1);
          }
        };
        const end = (one: (typeof asked)[number] | undefined): void => {
          if (one?.end === undefined || one.isOver) return;
          one.isOver = true;
          one.end();
        };
        for (const step of steps) {
          if (step.do === 'ask') {
            const one = {
              key: step.key,
              controller: new AbortController(),
              end: undefined as (() => void) | undefined,
              isOver: false,
              isSettled: false,
            };
            const number = asked.push(one);
            turns.take(step.key, one.controller.signal).then(
              (finish) => {
                one.isSettled = true;
                one.end = finish;
                served[step.key]?.push(number);
              },
              () => {
                one.isSettled = true;
                one.isOver = true;
              },
            );
          } else if (step.do === 'abort') asked[step.whom % Math.max(1, asked.length)]?.controller.abort(new Error('stop'));
          else end(asked.find((one) => one.key === step.key && one.end !== undefined && !one.isOver));
          await look();
        }
        for (let round = 0; round <= asked.length; round += 1) {
          for (const one of asked) end(one);
          await look();
        }
        expect(asked.filter((one) => !one.isSettled)).toEqual([]);
        for (const order of Object.values(served)) expect(order).toEqual(order.toSorted((a, b) => a - b));
      }),
      { numRuns: 60 },
    );
  });
});
