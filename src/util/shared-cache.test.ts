import { describe, expect, it } from 'vitest';
import { createDeferred, type Deferred } from './deferred.ts';
import { createSharedCache } from './shared-cache.ts';

const forever = new AbortController().signal;

function open(bounds: { maxItems?: number; maxBytes?: number } = {}) {
  const cache = createSharedCache<string>({ maxItems: 10, maxBytes: 1_000, ...bounds, bytesOf: (value) => value.length });
  const begun: { readonly key: string; readonly outcome: Deferred<string>; readonly signal: AbortSignal }[] = [];
  const get = (key: string, signal = forever, flight = '') =>
    cache.get(key, { signal, flight }, (until) => {
      const outcome = createDeferred<string>();
      begun.push({ key, outcome, signal: until });
      return outcome.promise;
    });
  return { cache, begun, get };
}

describe('a shared cache', () => {
  it('computes once what a thousand ask for at once, and settles each', async () => {
    const { begun, get, cache } = open();
    const asked = Array.from({ length: 1_000 }, () => get('a'));
    expect(begun).toHaveLength(1);
    begun[0]?.outcome.resolve('x');
    const answers = await Promise.all(asked);
    expect(answers.map(({ origin }) => origin)).toEqual(['computed', ...Array.from({ length: 999 }, () => 'shared')]);
    expect((await get('a')).origin).toBe('kept');
    expect(cache.statistics()).toEqual({ items: 1, bytes: 1, hits: 1, misses: 1, shared: 999 });
  });

  it('goes on for those who wait when others leave, the first one too, and stops with the last', async () => {
    const { begun, get } = open();
    const callers = Array.from({ length: 3 }, () => new AbortController());
    const asked = callers.map(({ signal }) => get('a', signal));
    const reason = new Error('gone');
    callers[0]?.abort(reason);
    callers[2]?.abort(reason);
    await expect(asked[0]).rejects.toBe(reason);
    await expect(asked[2]).rejects.toBe(reason);
    expect(begun[0]?.signal.aborted).toBe(false);
    callers[1]?.abort(reason);
    await expect(asked[1]).rejects.toBe(reason);
    expect(begun[0]?.signal).toMatchObject({ aborted: true, reason });
    // One who comes now does not join what is being stopped.
    const late = get('a');
    expect(begun).toHaveLength(2);
    begun[0]?.outcome.reject(reason);
    begun[1]?.outcome.resolve('y');
    expect(await late).toEqual({ value: 'y', origin: 'computed' });
  });

  it('gives an error to all who wait and keeps none', async () => {
    const { begun, get } = open();
    const asked = [get('a'), get('a')];
    const error = new Error('no');
    begun[0]?.outcome.reject(error);
    await expect(asked[0]).rejects.toBe(error);
    await expect(asked[1]).rejects.toBe(error);
    const again = get('a');
    begun[1]?.outcome.resolve('z');
    expect((await again).value).toBe('z');
  });

  it('lets callers of another flight compute for themselves', async () => {
    const { begun, get } = open();
    const asked = [get('a', forever, 'batch'), get('a', forever, 'interactive')];
    expect(begun).toHaveLength(2);
    for (const { outcome } of begun) outcome.resolve('x');
    expect((await Promise.all(asked)).map(({ origin }) => origin)).toEqual(['computed', 'computed']);
    expect((await get('a', forever, 'third')).origin).toBe('kept');
  });

  it('stays inside its bounds of items and bytes, and drops what was used least lately', async () => {
    const { begun, get, cache } = open({ maxItems: 3, maxBytes: 20 });
    const put = async (key: string, value: string): Promise<void> => {
      const asked = get(key);
      begun.at(-1)?.outcome.resolve(value);
      await asked;
    };
    for (const key of ['a', 'b', 'c']) await put(key, 'xxxx');
    expect((await get('a')).origin).toBe('kept');
    await put('d', 'xxxx');
    expect(cache.statistics()).toMatchObject({ items: 3, bytes: 12 });
    expect((await get('a')).origin).toBe('kept');
    await put('e', 'x'.repeat(18));
    expect(cache.statistics()).toMatchObject({ items: 1, bytes: 18 });
    await put('f', 'x'.repeat(21));
    expect(cache.statistics().bytes).toBeLessThanOrEqual(20);
  });

  it('keeps nothing where no item is allowed, and shares all the same', async () => {
    const { begun, get, cache } = open({ maxItems: 0 });
    const asked = [get('a'), get('a')];
    begun[0]?.outcome.resolve('x');
    await Promise.all(asked);
    void get('a');
    expect(begun).toHaveLength(2);
    expect(cache.statistics()).toMatchObject({ items: 0, misses: 2, shared: 1 });
  });

  it('takes nobody in who has gone already', async () => {
    const { begun, get } = open();
    await expect(get('a', AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    expect(begun).toHaveLength(0);
  });
});
