import { createHeap } from './heap.ts';

/** What an item of an `IndexedHeap` carries: its index there, -1 outside. Only the heap writes it. */
export interface Placed {
  place: number;
}

/** A binary heap whose items can leave or change from anywhere in it, and which can be read in order without being changed. */
export interface IndexedHeap<T extends Placed> {
  readonly size: number;
  push(item: T): void;
  /** False when the item is not in this heap. */
  remove(item: T): boolean;
  /** The item's key has changed. */
  update(item: T): void;
  peek(): T | undefined;
  /** A reading from the first item on. Valid until the heap changes; k items take O(k log k), however many there are. */
  read(): HeapReader<T>;
}

export interface HeapReader<T> {
  peek(): T | undefined;
  next(): T | undefined;
}

export function createIndexedHeap<T extends Placed>(before: (a: T, b: T) => boolean): IndexedHeap<T> {
  const items: T[] = [];

  function put(item: T, index: number): void {
    items[index] = item;
    item.place = index;
  }

  function rise(item: T, start: number): void {
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = items[parent] as T;
      if (!before(item, above)) break;
      put(above, index);
      index = parent;
    }
    put(item, index);
  }

  function sink(item: T, start: number): void {
    let index = start;
    for (;;) {
      const left = 2 * index + 1;
      if (left >= items.length) break;
      const right = left + 1;
      const child = right < items.length && before(items[right] as T, items[left] as T) ? right : left;
      const below = items[child] as T;
      if (!before(below, item)) break;
      put(below, index);
      index = child;
    }
    put(item, index);
  }

  function settle(item: T, index: number): void {
    const parent = items[(index - 1) >> 1];
    if (index > 0 && parent !== undefined && before(item, parent)) rise(item, index);
    else sink(item, index);
  }

  return {
    get size() {
      return items.length;
    },
    push(item) {
      items.push(item);
      rise(item, items.length - 1);
    },
    remove(item) {
      const { place } = item;
      if (items[place] !== item) return false;
      const last = items.pop() as T;
      if (last !== item) settle(last, place);
      item.place = -1;
      return true;
    },
    update(item) {
      settle(item, item.place);
    },
    peek: () => items[0],
    read() {
      const frontier = createHeap<number>((a, b) => before(items[a] as T, items[b] as T));
      if (items.length > 0) frontier.push(0);
      return {
        peek() {
          const index = frontier.peek();
          return index === undefined ? undefined : items[index];
        },
        next() {
          const index = frontier.pop();
          if (index === undefined) return undefined;
          for (const child of [2 * index + 1, 2 * index + 2]) if (child < items.length) frontier.push(child);
          return items[index];
        },
      };
    },
  };
}
