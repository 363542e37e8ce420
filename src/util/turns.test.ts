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
});
