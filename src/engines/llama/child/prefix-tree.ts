import type { CellMemory } from './cell-memory.ts';

export interface PrefixNode {
  /** A sequence that holds the tokens up to the end of this node, and maybe more. It changes as others come and go. */
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
   * Remembers the first `length` of `tokens`, whose cells sequence `from` holds. Returns the node, held once, or undefined when as many
   * prefixes are held as there are sequence ids.
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
  /** Undefined where it needs none: a node with children is a part of what their sequences hold. */
  own: number | undefined;
  parent: Node | undefined;
  /** Tokens after the parent's end. */
  edge: Int32Array;
  readonly children: Map<number, Node>;
  holders: number;
  lastUse: number;
}

/**
 * A radix tree over tokens; each leaf owns one sequence id whose cells are all tokens from the root to its end. Bounded by the number of
 * sequence ids: as many prefixes can be held, whatever they have in common.
 *
 * @param options.sequences ids the tree may use
 */
export function createPrefixTree(options: { readonly sequences: readonly number[]; readonly memory: CellMemory }): PrefixTree {
  const { memory } = options;
  const free = [...options.sequences].reverse();
  const root = createNode(undefined, undefined, new Int32Array(0));
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

  /** An id for a node that continues `base`. */
  function takeSequence(base: Node): number | undefined {
    if (free.length === 0) giveUpInner();
    base.holders += 1;
    while (free.length === 0 && evict() > 0);
    base.holders -= 1;
    if (free.length === 0 && base.own !== undefined) giveUp(base, base.own);
    return free.pop();
  }

  /** A node that was continued no longer needs the id that it got as a leaf. */
  function giveUpInner(): void {
    for (const node of nodes) if (node.own !== undefined && node.children.size > 0) return giveUp(node, node.own);
  }

  function giveUp(node: Node, own: number): void {
    memory.remove(own, 0);
    free.push(own);
    node.own = undefined;
  }

  function add(parent: Node, own: number | undefined, edge: Int32Array): Node {
    const node = createNode(parent, own, edge);
    node.lastUse = uses;
    parent.children.set(edge[0]!, node);
    nodes.add(node);
    return node;
  }

  /** Puts a node in the middle of `child`'s edge, so that something else can branch off there. */
  function split(child: Node, length: number): Node {
    const cut = length - child.parent!.length;
    const middle = add(child.parent!, undefined, child.edge.slice(0, cut));
    child.edge = child.edge.slice(cut);
    adoptChild(middle, child);
    return middle;
  }

  /** Takes a node out at which nothing branches off any more. */
  function join(middle: Node): void {
    const [child] = middle.children.values();
    if (middle === root || middle.own !== undefined || middle.holders > 0 || middle.children.size !== 1 || child === undefined) return;
    const edge = new Int32Array(middle.edge.length + child.edge.length);
    edge.set(middle.edge);
    edge.set(child.edge, middle.edge.length);
    child.edge = edge;
    nodes.delete(middle);
    adoptChild(middle.parent!, child);
  }

  function adoptChild(parent: Node, child: Node): void {
    child.parent = parent;
    parent.children.set(child.edge[0]!, child);
  }

  function evict(): number {
    let oldest: Node | undefined;
    for (const node of nodes) {
      if (node.holders > 0 || node.children.size > 0) continue;
      if (oldest === undefined || node.lastUse < oldest.lastUse) oldest = node;
    }
    if (oldest === undefined) return 0;
    const { parent, own } = oldest as Node & { parent: Node; own: number };
    parent.children.delete(oldest.edge[0]!);
    nodes.delete(oldest);
    const isHeir = parent !== root && parent.own === undefined && parent.children.size === 0;
    memory.remove(own, isHeir ? parent.length : 0);
    if (isHeir) parent.own = own;
    else free.push(own);
    join(parent);
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
      let base = partial !== undefined && matched > whole.length ? split(partial, matched) : whole;
      if (base.length < length) {
        const sequence = takeSequence(base);
        if (sequence === undefined) {
          join(base);
          return undefined;
        }
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
      join(internal(node));
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
        if (node.own === undefined) continue;
        memory.remove(node.own, 0);
        free.push(node.own);
      }
      nodes.clear();
      root.children.clear();
      cells = 0;
    },
  };
}

function createNode(parent: Node | undefined, own: number | undefined, edge: Int32Array): Node {
  return {
    own,
    parent,
    edge,
    length: (parent?.length ?? 0) + edge.length,
    children: new Map(),
    holders: 0,
    lastUse: 0,
    get sequence() {
      return this.own ?? this.children.values().next().value!.sequence;
    },
  };
}
