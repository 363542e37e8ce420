/** A binary heap: `pop` returns the item that comes `before` all others. Items that are equal leave in any order. */
export interface Heap<T> {
  readonly size: number;
  push(item: T): void;
  pop(): T | undefined;
  peek(): T | undefined;
}

export function createHeap<T>(before: (a: T, b: T) => boolean): Heap<T> {
  const items: T[] = [];

  function at(index: number): T {
    return items[index] as T;
  }

  function swap(a: number, b: number): void {
    const held = at(a);
    items[a] = at(b);
    items[b] = held;
  }

  function rise(start: number): void {
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!before(at(index), at(parent))) return;
      swap(index, parent);
      index = parent;
    }
  }

  function sink(): void {
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const right = left + 1;
      let first = index;
      if (left < items.length && before(at(left), at(first))) first = left;
      if (right < items.length && before(at(right), at(first))) first = right;
      if (first === index) return;
      swap(index, first);
      index = first;
    }
  }

  return {
    get size() {
      return items.length;
    },
    push(item) {
      items.push(item);
      rise(items.length - 1);
    },
    peek: () => items[0],
    pop() {
      const top = items[0];
      const last = items.pop();
      if (items.length > 0) {
        items[0] = last as T;
        sink();
      }
      return top;
    },
  };
}
