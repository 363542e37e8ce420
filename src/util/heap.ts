/** A binary heap: `pop` returns the item that comes `before` all others. Items that are equal leave in any order. */
export interface Heap<T> {
  readonly size: number;
  push(item: T): void;
  pop(): T | undefined;
  peek(): T | undefined;
}

export function createHeap<T>(before: (a: T, b: T) => boolean): Heap<T> {
  const items: T[] = [];
  return {
    get size() {
      return items.length;
    },
    push(item) {
      items.push(item);
      rise(items, before);
    },
    peek: () => items[0],
    pop() {
      const top = items[0];
      const last = items.pop();
      if (items.length > 0) sink(items, last as T, before);
      return top;
    },
  };
}

/** Moves the last item up to its place. */
function rise<T>(items: T[], before: (a: T, b: T) => boolean): void {
  let index = items.length - 1;
  const item = items[index] as T;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = items[parent] as T;
    if (!before(item, above)) break;
    items[index] = above;
    index = parent;
  }
  items[index] = item;
}

/** Puts an item in the place of the first, and down to its own. */
function sink<T>(items: T[], item: T, before: (a: T, b: T) => boolean): void {
  let index = 0;
  for (;;) {
    const left = 2 * index + 1;
    if (left >= items.length) break;
    const right = left + 1;
    const child = right < items.length && before(items[right] as T, items[left] as T) ? right : left;
    const below = items[child] as T;
    if (!before(below, item)) break;
    items[index] = below;
    index = child;
  }
  items[index] = item;
}
