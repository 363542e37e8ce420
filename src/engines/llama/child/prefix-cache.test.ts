import { describe, expect, it } from 'vitest';
import { createPrefixCache, type PrefixCells } from './prefix-cache.ts';

function setup(limitBytes: number) {
  const freed: bigint[] = [];
  const dropped: string[] = [];
  const cache = createPrefixCache({ limitBytes, free: (address) => freed.push(address), onDropped: (key) => dropped.push(key) });
  let next = 1n;
  const add = (key: string, bytes: number, lent = false, owners: string[] = []): PrefixCells => {
    const cells = { key, tokens: 20, owners, address: next++, offset: 12, bytes };
    cache.add(cells, lent);
    return cells;
  };
  return { cache, add, freed, dropped };
}

describe('prefixes in memory', () => {
  it('drops what was used longest ago, and frees it once', () => {
    const { cache, add, freed, dropped } = setup(100);
    for (const key of ['a', 'b', 'c']) add(key, 40);
    expect(cache.get('a')?.key).toBe('a');
    cache.trim();
    expect([dropped, freed]).toEqual([['b'], [2n]]);
    expect([cache.has('a'), cache.has('b'), cache.has('c')]).toEqual([true, false, true]);
    cache.clear();
    expect(new Set(freed)).toEqual(new Set([1n, 2n, 3n]));
    expect(freed).toHaveLength(3);
  });

  it('frees what is lent only when it is returned', () => {
    const { cache, add, freed, dropped } = setup(0);
    add('a', 40, true, ['d']);
    add('b', 10, true);
    cache.trim();
    expect([cache.lentBytes, dropped]).toEqual([50, []]);
    cache.forget(new Set(['d']));
    expect([cache.has('a'), cache.lentBytes, freed, dropped]).toEqual([false, 50, [], ['a']]);
    cache.returned('a');
    cache.returned('b');
    cache.returned('b');
    expect([freed, dropped, cache.lentBytes]).toEqual([[1n, 2n], ['a', 'b'], 0]);
  });

  it('takes a second copy of a prefix for nothing', () => {
    const { cache, add, freed } = setup(100);
    add('a', 40, true);
    add('a', 40);
    expect([freed, cache.get('a')?.address]).toEqual([[2n], 1n]);
  });
});
