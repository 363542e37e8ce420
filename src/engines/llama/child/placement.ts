import type { PrefixNode } from './prefix-tree.ts';

/** Where a running request lives in the KV cache. */
export interface Place {
  readonly sequence: number;
  /** Cells it may fill beyond those of the prefix it holds. */
  reservedTokens: number;
  /** The named prefix it shares with others, where cells can be shared; held until the place is left. */
  prefix: PrefixNode | undefined;
}

/** A beginning of a prompt that is kept outside of the KV cache. */
export interface StoredBeginning {
  readonly tokens: number;
  /** Makes its cells the only ones of a sequence. When it fails the sequence is empty. */
  restore(sequence: number): boolean;
}

/**
 * Sequence ids and cells of one KV cache: who may run, and what of a prompt is already computed. A running request has all cells it can
 * ever fill; cached prefixes give way at once, so a request that was placed never fails for want of cells.
 */
export interface Placement {
  /** A place for a prompt of `tokens` and `maxTokens` of answer; undefined while others hold too much. */
  place(tokens: Int32Array, maxTokens: number, prefixTokens: number): Place | undefined;
  /** Tokens of the prompt that are in the KV cache, less than all: what `adopt` would begin with. */
  cachedOf(place: Place, prompt: Int32Array): number;
  /**
   * Lets a sequence that has computed nothing begin with what is cached of its prompt, or with what is stored of it where that is more;
   * returns those tokens, less than all.
   */
  adopt(place: Place, prompt: Int32Array, stored?: StoredBeginning): number;
  /** Keeps the first `prefixTokens` of the sequence, which it has computed, for others. False when that cannot be. */
  keep(place: Place, tokens: Int32Array, prefixTokens: number): boolean;
  leave(place: Place): void;
  /** Forgets every cached prefix that nobody uses. */
  evictIdle(): void;
  /** Cells of cached prefixes that belong to no running request. */
  readonly cachedTokens: number;
}
