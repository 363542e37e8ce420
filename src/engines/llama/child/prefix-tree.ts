import type { CellMemory } from './cell-memory.ts';

export interface PrefixNode {
  readonly sequence: number;
  /** Tokens from the root to the end of this node. */
  readonly length: number;
}

export interface PrefixMatch {
  readonly node: PrefixNode;
  /** Leading tokens that are in the cache; ≤ `node.length`. */
  readonly tokens: number;
}

export interface PrefixTree {
  /** The longest cached beginning of `tokens`, at most `limit` tokens of it. */
  match(tokens: Int32Array, limit: number): PrefixMatch | undefined;
  /**
   * Remembers the first `length` of `tokens`, whose cells sequence `from` holds. Returns the node, held once, or undefined when no
   * sequence id is free and nothing can be evicted.
   */
  insert(tokens: Int32Array, length: number, from: number): PrefixNode | undefined;
  hold(node: PrefixNode): void;
  release(node: PrefixNode): void;
  /** Evicts the least recently used prefix that nobody holds and nothing continues. Returns the cells it freed, 0 when there is none. */
  evict(): number;
  /** Cells of all cached prefixes; shared beginnings count once. */
  readonly cells: number;
  /** Cells of cached prefixes that no held one needs: what eviction can free. */
  readonly idleCells: number;
  readonly size: number;
  clear(): void;
}

interface Node extends PrefixNode {
  parent: Node | undefined;
  /** Tokens after the parent's end. */
  edge: Int32Array;
  readonly children: Map<number, Node>;
  holders: number;
  lastUse: number;
}

/**
 * A radix tree over tokens; each node owns one sequence id whose cells are all tokens from the root to its end. Bounded by the
 * number of sequence ids.
 *
 * @param options.sequences ids the tree may use
 */
export function createPrefixTree(options: { readonly sequences: readonly number[]; readonly memory: CellMemory }): PrefixTree {
  const { memory } = options;
  const free = [...options.sequences].reverse();
  const root: Node = { sequence: -1, length: 0, parent: undefined, edge: new Int32Array(0), children: new Map(), holders: 0, lastUse: 0 };
  const nodes = new Set<Node>();
  let cells = 0;
  let uses = 0;

  function commonLength(edge: Int32Array, tokens: Int32Array, offset: number, limit: number): number {
    const end = Math.min(edge.length, limit - offset);
    let count = 0;
    while (count < end && edge[count] === tokens[offset + count]) count++;
    return count;
  }

  /** The deepest node whose whole path is a beginning of `tokens`, and a child of it that matches a part of its edge. */
  function descend(tokens: Int32Array, limit: number): { whole: Node; partial: Node | undefined; matched: number } {
    let whole = root;
    for (;;) {
      const child = whole.length < limit ? whole.children.get(tokens[whole.length]!) : undefined;
      if (child === undefined) return { whole, partial: undefined, matched: whole.length };
      const common = commonLength(child.edge, tokens, whole.length, limit);
      if (common < child.edge.length) return { whole, partial: child, matched: whole.length + common };
      whole = child;
    }
  }

  function touch(node: Node): void {
    uses += 1;
    for (let at: Node | undefined = node; at !== undefined; at = at.parent) at.lastUse = uses;
  }

  function takeSequence(keep: Node): number | undefined {
    if (free.length === 0) {
      keep.holders += 1;
      evict();
      keep.holders -= 1;
    }
    return free.pop();
  }

  function add(parent: Node, sequence: number, edge: Int32Array): Node {
    const node: Node = { sequence, length: parent.length + edge.length, parent, edge, children: new Map(), holders: 0, lastUse: uses };
    parent.children.set(edge[0]!, node);
    nodes.add(node);
    return node;
  }

  /** Puts a node in the middle of `child`'s edge, so that something else can branch off there. */
  function split(child: Node, length: number): Node | undefined {
    const sequence = takeSequence(child);
    if (sequence === undefined) return undefined;
    const parent = child.parent!;
    const cut = length - parent.length;
    memory.copy(child.sequence, sequence, length);
    const middle = add(parent, sequence, child.edge.slice(0, cut));
    child.edge = child.edge.slice(cut);
    child.parent = middle;
    middle.children.set(child.edge[0]!, child);
    return middle;
  }

  function evict(): number {
    let oldest: Node | undefined;
    for (const node of nodes) {
      if (node.holders > 0 || node.children.size > 0) continue;
      if (oldest === undefined || node.lastUse < oldest.lastUse) oldest = node;
    }
    if (oldest === undefined) return 0;
    memory.remove(oldest.sequence, 0);
    oldest.parent!.children.delete(oldest.edge[0]!);
    nodes.delete(oldest);
    free.push(oldest.sequence);
    cells -= oldest.edge.length;
    return oldest.edge.length;
  }

  const internal = (node: PrefixNode): Node => node as Node;

  return {
    match(tokens, limit) {
      const { whole, partial, matched } = descend(tokens, limit);
      if (matched === 0) return undefined;
      const node = matched > whole.length ? partial! : whole;
      touch(node);
      return { node, tokens: matched };
    },
    insert(tokens, length, from) {
      if (length <= 0) return undefined;
      const { whole, partial, matched } = descend(tokens, length);
      let base: Node | undefined = whole;
      if (partial !== undefined && matched > whole.length) base = split(partial, matched);
      if (base === undefined) return undefined;
      if (base.length < length) {
        const sequence = takeSequence(base);
        if (sequence === undefined) return undefined;
        memory.copy(from, sequence, length);
        cells += length - base.length;
        base = add(base, sequence, tokens.slice(base.length, length));
      }
      touch(base);
      base.holders += 1;
      return base;
    },
    hold(node) {
      internal(node).holders += 1;
    },
    release(node) {
      internal(node).holders -= 1;
    },
    evict,
    get cells() {
      return cells;
    },
    get idleCells() {
      let needed = 0;
      const seen = new Set<Node>();
      for (const node of nodes) {
        if (node.holders === 0) continue;
        for (let at: Node | undefined = node; at !== undefined && at !== root && !seen.has(at); at = at.parent) {
          seen.add(at);
          needed += at.edge.length;
        }
      }
      return cells - needed;
    },
    get size() {
      return nodes.size;
    },
    clear() {
      for (const node of nodes) {
        memory.remove(node.sequence, 0);
        free.push(node.sequence);
      }
      nodes.clear();
      root.children.clear();
      cells = 0;
    },
  };
}
