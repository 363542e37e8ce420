import { createPrefixTree, type PrefixMemory, type PrefixNode } from './prefix-tree.ts';

/** Sequence ids that a unified cache offers (LLAMA_MAX_SEQ). */
const maxSequenceIds = 256;

/** Where a running request lives in the KV cache. */
export interface Place {
  readonly sequence: number;
  /** Cells it may fill beyond those of the prefix it holds. */
  reservedTokens: number;
  /** The named prefix, once it is cached; held until the place is left. */
  prefix: PrefixNode | undefined;
}

/**
 * Sequence ids and cells of one unified KV cache. Running requests reserve all cells they can ever fill; cached prefixes take the rest
 * and give way at once, so that a request that was placed never fails for want of cells.
 */
export interface Placement {
  /** A place for a prompt of `tokens` and `maxTokens` of answer; undefined while others hold too much. */
  place(tokens: Int32Array, maxTokens: number, prefixTokens: number): Place | undefined;
  /** Lets a sequence that has computed nothing begin with what is cached of its prompt; returns those tokens, less than all. */
  adopt(place: Place, prompt: Int32Array): number;
  /** Caches the first `prefixTokens` of the sequence, which it has computed, and holds them. False when that cannot be. */
  keep(place: Place, tokens: Int32Array, prefixTokens: number): boolean;
  leave(place: Place): void;
  /** Forgets every cached prefix that nobody holds. */
  evictIdle(): void;
  readonly prefixTokens: number;
}

/**
 * @param options.kvTokens cells of the cache
 * @param options.sequences most running requests
 * @param options.idleTokens most cells of prefixes that nobody holds: in a unified cache idle cells slow every step
 * @param options.shares false for models whose cache cannot be shared by prefix (recurrent ones)
 */
export function createPlacement(options: {
  readonly kvTokens: number;
  readonly sequences: number;
  readonly idleTokens: number;
  readonly shares: boolean;
  readonly memory: PrefixMemory;
}): Placement {
  const { kvTokens, memory, shares } = options;
  const freeSequences = Array.from({ length: options.sequences }, (_, index) => index);
  const tree = createPrefixTree({
    sequences: Array.from({ length: maxSequenceIds - options.sequences }, (_, index) => options.sequences + index),
    memory,
  });
  let reservedTokens = 0;

  function makeRoom(cells: number): boolean {
    while (reservedTokens + tree.cells + cells > kvTokens) if (tree.evict() === 0) return false;
    return true;
  }

  function trimIdle(): void {
    while (tree.idleCells > options.idleTokens && tree.evict() > 0);
  }

  return {
    place(tokens, maxTokens, prefixTokens) {
      if (freeSequences.length === 0) return undefined;
      const cached = shares && prefixTokens > 0 ? tree.match(tokens, prefixTokens) : undefined;
      const prefix = cached?.tokens === prefixTokens && cached.node.length === prefixTokens ? cached.node : undefined;
      if (prefix !== undefined) tree.hold(prefix);
      const own = tokens.length + maxTokens - (prefix?.length ?? 0);
      if (!makeRoom(own)) {
        if (prefix !== undefined) tree.release(prefix);
        return undefined;
      }
      reservedTokens += own;
      return { sequence: freeSequences.shift()!, reservedTokens: own, prefix };
    },
    adopt(place, prompt) {
      const cached = shares ? tree.match(prompt, prompt.length - 1) : undefined;
      if (cached === undefined) return 0;
      memory.copy(cached.node.sequence, place.sequence, cached.tokens);
      return cached.tokens;
    },
    keep(place, tokens, prefixTokens) {
      if (place.prefix !== undefined) return true;
      place.prefix = shares ? tree.insert(tokens, prefixTokens, place.sequence) : undefined;
      if (place.prefix === undefined) return false;
      // The cells move from the request to the tree, which counts them once for all who hold them.
      place.reservedTokens -= prefixTokens;
      reservedTokens -= prefixTokens;
      return true;
    },
    leave(place) {
      memory.remove(place.sequence);
      freeSequences.push(place.sequence);
      freeSequences.sort((a, b) => a - b);
      reservedTokens -= place.reservedTokens;
      if (place.prefix !== undefined) tree.release(place.prefix);
      trimIdle();
    },
    evictIdle() {
      while (tree.evict() > 0);
    },
    get prefixTokens() {
      return tree.cells;
    },
  };
}
