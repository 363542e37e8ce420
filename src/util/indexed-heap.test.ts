import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createIndexedHeap, type Placed } from './indexed-heap.ts';

interface Item extends Placed {
  key: number;
  readonly id: number;
}
const before = (a: Item, b: Item): boolean => a.key < b.key || (a.key === b.key && a.id < b.id);

it('knows its first item and its order through any pushes, removals and changes', () => {
  const command = fc.record({ do: fc.constantFrom('push', 'push', 'push', 'remove', 'update'), which: fc.nat(), key: fc.nat(20) });
  fc.assert(
    fc.property(fc.array(command, { maxLength: 80 }), (commands) => {
      const heap = createIndexedHeap<Item>(before);
      const held: Item[] = [];
      for (const [id, { do: what, which, key }] of commands.entries()) {
        const item = held[which % Math.max(1, held.length)];
        if (what === 'push' || item === undefined) {
          const pushed = { key, id, place: -1 };
          held.push(pushed);
          heap.push(pushed);
        } else if (what === 'remove') {
          expect(heap.remove(item)).toBe(true);
          expect(heap.remove(item)).toBe(false);
          held.splice(held.indexOf(item), 1);
        } else {
          item.key = key;
          heap.update(item);
        }
        const order = held.toSorted((a, b) => (before(a, b) ? -1 : 1));
        const reader = heap.read();
        expect(heap.size).toBe(order.length);
        expect(heap.peek()).toBe(order[0]);
        for (const expected of order) {
          expect(reader.peek()).toBe(expected);
          expect(reader.next()).toBe(expected);
        }
        expect(reader.next()).toBeUndefined();
        expect(reader.peek()).toBeUndefined();
      }
    }),
  );
});
