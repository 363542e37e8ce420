import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFakeCells } from '../../../../test/support/fake-cells.ts';
import { createPrefixTree } from './prefix-tree.ts';

const tokens = (...values: number[]) => Int32Array.from(values);

function setup(sequences = 8) {
  const cells = createFakeCells();
  const tree = createPrefixTree({ sequences: Array.from({ length: sequences }, (_, index) => 100 + index), memory: cells });
  /** What a running request does: computes its tokens in its own sequence, then caches a beginning. */
  const cache = (sequence: number, all: Int32Array, length: number) => {
    cells.compute(sequence, all);
    const node = tree.insert(all, length, sequence);
    cells.remove(sequence, 0);
    return node;
  };
  return { cells, tree, cache };
}

describe('prefix tree', () => {
  it('finds the longest cached beginning, also inside an edge, within the limit', () => {
    const { tree, cache } = setup();
    cache(0, tokens(1, 2, 3, 4, 5, 6), 5);
    expect(tree.match(tokens(1, 2, 3, 9), 4)?.tokens).toBe(3);
    expect(tree.match(tokens(1, 2, 3, 4, 5, 6), 6)?.tokens).toBe(5);
    expect(tree.match(tokens(1, 2, 3, 4, 5, 6), 2)?.tokens).toBe(2);
    expect(tree.match(tokens(7, 2), 2)).toBeUndefined();
  });

  it('shares the cells of common beginnings', () => {
    const { tree, cells, cache } = setup();
    cache(0, tokens(1, 2, 3, 4), 4);
    cells.copy(100, 1, 2);
    cells.compute(1, tokens(1, 2, 8, 9), 2);
    tree.insert(tokens(1, 2, 8, 9), 4, 1);
    cells.remove(1, 0);
    expect(tree.cells).toBe(6);
    expect(cells.used).toBe(6);
    expect(tree.match(tokens(1, 2, 8, 9), 4)?.tokens).toBe(4);
    expect(tree.match(tokens(1, 2, 3, 4), 4)?.tokens).toBe(4);
  });

  it('evicts the least recently used that nobody holds, and leaves what it shares', () => {
    const { tree, cells, cache } = setup();
    const first = cache(0, tokens(1, 1, 1), 3)!;
    const second = cache(0, tokens(2, 2), 2)!;
    tree.release(first);
    tree.release(second);
    tree.match(tokens(1, 1, 1), 3);
    expect(tree.idleCells).toBe(5);
    expect(tree.evict()).toBe(2);
    expect(tree.match(tokens(2, 2), 2)).toBeUndefined();
    expect(cells.used).toBe(3);
    tree.hold(first);
    expect(tree.idleCells).toBe(0);
    expect(tree.evict()).toBe(0);
  });

  it('makes room for a new prefix when every sequence id is taken, and gives up when all are held', () => {
    const { tree, cache } = setup(2);
    const first = cache(0, tokens(1, 1), 2)!;
    cache(0, tokens(2, 2), 2);
    expect(cache(0, tokens(3, 3), 2)).toBeUndefined();
    tree.release(first);
    expect(cache(0, tokens(3, 3), 2)).toBeDefined();
    expect(tree.match(tokens(1, 1), 2)).toBeUndefined();
  });

  it('holds as many prefixes as there are sequence ids, whatever they have in common', () => {
    const { tree, cells, cache } = setup(4);
    const prefixes = [tokens(1, 1, 1, 1), tokens(1, 1, 1, 2), tokens(1, 1, 2), tokens(1, 1, 1, 1, 5)];
    const held = prefixes.map((prefix) => cache(0, prefix, prefix.length));
    expect(held.map((node) => node && cells.tokensOf(node.sequence).slice(0, node.length))).toEqual(prefixes.map((prefix) => [...prefix]));
    expect(cache(0, tokens(1, 1, 1), 3)).toBeDefined();
    expect(cache(0, tokens(1, 2), 2)).toBeDefined();
    expect(cache(0, tokens(1, 3), 2)).toBeUndefined();
    tree.release(held[1]!);
    expect(cache(0, tokens(1, 3), 2)).toBeDefined();
  });

  it('keeps no id for a place where something branched off before', () => {
    const { tree, cache } = setup(2);
    const long = Int32Array.from({ length: 20 }, () => 1);
    cache(0, long, 20);
    for (let length = 1; length < 20; length++) {
      const node = cache(0, tokens(...long.slice(0, length), 2), length + 1);
      expect(node).toBeDefined();
      tree.release(node!);
    }
    expect(tree.size).toBe(3);
  });

  it('keeps cells and answers consistent under any use', () => {
    const step = fc.record({
      tokens: fc.array(fc.nat(2), { minLength: 1, maxLength: 8 }),
      action: fc.constantFrom('cache', 'release', 'evict'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { tree, cells, cache } = setup(5);
        const held: NonNullable<ReturnType<typeof cache>>[] = [];
        for (const { tokens: values, action } of steps) {
          if (action === 'cache') {
            const leaves = new Set(held.map((node) => cells.tokensOf(node.sequence).slice(0, node.length).join())).size;
            const node = cache(0, tokens(...values), values.length);
            if (leaves < 5) expect(node).toBeDefined();
            if (node !== undefined) {
              held.push(node);
              expect(node.length).toBe(values.length);
              expect(cells.tokensOf(node.sequence).slice(0, node.length)).toEqual(values);
              for (const other of held) expect(cells.tokensOf(other.sequence).length).toBeGreaterThanOrEqual(other.length);
            }
          } else if (action === 'release') {
            const node = held.shift();
            if (node !== undefined) tree.release(node);
          } else tree.evict();
          expect(cells.distinctBeginnings()).toBe(tree.cells);
          expect(tree.idleCells).toBeLessThanOrEqual(tree.cells);
          const match = tree.match(tokens(...values), values.length);
          if (match !== undefined)
            expect(cells.tokensOf(match.node.sequence).slice(0, match.tokens)).toEqual(values.slice(0, match.tokens));
        }
        for (const node of held) tree.release(node);
        while (tree.evict() > 0);
        expect(tree.size).toBe(0);
        expect(cells.used).toBe(0);
      }),
    );
  });
});
