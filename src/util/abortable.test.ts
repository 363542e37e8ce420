import { describe, expect, it } from 'vitest';
import { abortable } from './abortable.ts';
import { createDeferred } from './deferred.ts';

const never = new AbortController().signal;

describe('abortable', () => {
  it('hands over the items of plain and asynchronous sources', async () => {
    async function* source() {
      yield 1;
      await Promise.resolve();
      yield 2;
    }
    expect(await Array.fromAsync(abortable(source(), never))).toEqual([1, 2]);
    expect(await Array.fromAsync(abortable([3, 4], never))).toEqual([3, 4]);
  });

  it('ends at an abort although the source is stuck, and passes the source’s own failure on', async () => {
    const controller = new AbortController();
    async function* stuck() {
      yield 1;
      await createDeferred<void>().promise;
    }
    const items = abortable(stuck(), controller.signal);
    expect((await items.next()).value).toBe(1);
    const next = items.next();
    controller.abort(new Error('stop'));
    await expect(next).rejects.toThrow('stop');
    await expect(abortable([1], controller.signal).next()).rejects.toThrow('stop');
    async function* failing(): AsyncGenerator<number> {
      await Promise.reject(new Error('broken'));
      yield 1;
    }
    await expect(abortable(failing(), never).next()).rejects.toThrow('broken');
  });

  it('ends at an abort that came while its consumer was busy with an item', async () => {
    const controller = new AbortController();
    let asked = 0;
    async function* stuckAfterTwo() {
      asked += 1;
      yield 1;
      asked += 1;
      await createDeferred<void>().promise;
    }
    const items = abortable(stuckAfterTwo(), controller.signal);
    await items.next();
    controller.abort(new Error('stop'));
    await expect(items.next()).rejects.toThrow('stop');
    expect(asked).toBe(1);
  });

  it('closes the source when its consumer leaves', async () => {
    let closed = false;
    async function* source() {
      try {
        yield 1;
        yield 2;
      } finally {
        closed = true;
      }
    }
    for await (const _item of abortable(source(), never)) break;
    expect(closed).toBe(true);
  });
});
