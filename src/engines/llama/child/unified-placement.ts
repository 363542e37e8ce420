import type { CellMemory } from './cell-memory.ts';
import type { Placement } from './placement.ts';
import { createPrefixTree } from './prefix-tree.ts';

/** Sequence ids that a unified cache offers (LLAMA_MAX_SEQ). */
const maxSequenceIds = 256;
/** Each running request may hold a prefix of its own, which takes an id beside that of the request. */
export const mostUnifiedSequences = maxSequenceIds / 2;

/**
 * A unified cache: all sequences share all cells, and a cell can belong to many. A sequence may be as long as the whole cache, and a
 * prefix costs its cells once, whoever uses it; but every token attends over everyone's cells.
 *
 * @param options.kvTokens cells of the cache
 * @param options.sequences most running requests, at most {@link mostUnifiedSequences}
 * @param options.idleTokens most cells of prefixes that nobody holds, which slow every step; the prefix used last stays beside them
 * @param options.shares false for models whose cache cannot be cut at a position (recurrent ones)
 */
export function createUnifiedPlacement(options: {
  readonly kvTokens: number;
  readonly sequences: number;
  readonly idleTokens: number;
  readonly shares: boolean;
  readonly memory: CellMemory;
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
    cachedOf: (_, prompt) => (shares ? (tree.match(prompt, prompt.length - 1)?.tokens ?? 0) : 0),
    adopt(place, prompt, stored) {
      const cached = shares ? tree.match(prompt, prompt.length - 1) : undefined;
      // The cells of a prefix that the place holds are not its own: restored ones would be there twice.
      if (stored !== undefined && place.prefix === undefined && stored.tokens > (cached?.tokens ?? 0) && stored.restore(place.sequence)) {
        return stored.tokens;
      }
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
      memory.remove(place.sequence, 0);
      freeSequences.push(place.sequence);
      freeSequences.sort((a, b) => a - b);
      reservedTokens -= place.reservedTokens;
      while (tree.idleCells > options.idleTokens && tree.evict() > 0);
      if (place.prefix !== undefined) tree.release(place.prefix);
    },
    evictIdle() {
      while (tree.evict() > 0);
    },
    get cachedTokens() {
      return tree.cells;
    },
  };
}
