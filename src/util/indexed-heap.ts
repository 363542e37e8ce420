import { createHeap, type Heap } from './heap.ts';

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
  return {
    get size() {
      return items.length;
    },
    push(item) {
      items.push(item);
      rise(items, item, items.length - 1, before);
    },
    remove(item) {
      const { place } = item;
      if (items[place] !== item) return false;
      const last = items.pop() as T;
      if (last !== item) settle(items, last, place, before);
      item.place = -1;
      return true;
    },
    update: (item) => settle(items, item, item.place, before),
    peek: () => items[0],
    read: () => readHeap(items, before),
  };
}

function readHeap<T>(items: readonly T[], before: (a: T, b: T) => boolean): HeapReader<T> {
  /** Items whose parent was read, all but the first: most readers look at that one only. */
  let frontier: Heap<number> | undefined;
  let isFirst = true;
  return {
    peek() {
      const index = isFirst ? 0 : frontier?.peek();
      return index === undefined ? undefined : items[index];
    },
    next() {
      const index = isFirst ? 0 : frontier?.pop();
      isFirst = false;
      if (index === undefined) return undefined;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child >= items.length) break;
        frontier ??= createHeap<number>((a, b) => before(items[a] as T, items[b] as T));
        frontier.push(child);
      }
      return items[index];
    },
  };
}

function settle<T extends Placed>(items: T[], item: T, index: number, before: (a: T, b: T) => boolean): void {
  const parent = items[(index - 1) >> 1];
  if (index > 0 && parent !== undefined && before(item, parent)) rise(items, item, index, before);
  else sink(items, item, index, before);
}

/** Puts an item at an index, and up from there to its place. */
function rise<T extends Placed>(items: T[], item: T, start: number, before: (a: T, b: T) => boolean): void {
  let index = start;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = items[parent] as T;
    if (!before(item, above)) break;
    put(items, above, index);
    index = parent;
  }
  put(items, item, index);
}

/** Puts an item at an index, and down from there to its place. */
function sink<T extends Placed>(items: T[], item: T, start: number, before: (a: T, b: T) => boolean): void {
  let index = start;
  for (;;) {
    const left = 2 * index + 1;
    if (left >= items.length) break;
    const right = left + 1;
    const child = right < items.length && before(items[right] as T, items[left] as T) ? right : left;
    const below = items[child] as T;
    if (!before(below, item)) break;
    put(items, below, index);
    index = child;
  }
  put(items, item, index);
}

function put<T extends Placed>(items: T[], item: T, index: number): void {
  items[index] = item;
  item.place = index;
}
