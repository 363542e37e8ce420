import type { Pointer } from './layout.ts';

/** The cells of a prefix in memory outside of the KV cache, without what depends on the context they came from. */
export interface PrefixCells {
  readonly key: string;
  readonly tokens: number;
  /** Ids of documents; when one of them goes, the cells go. */
  readonly owners: readonly string[];
  /** The block of memory, and where in it the cells begin. */
  readonly address: Pointer;
  readonly offset: number;
  /** Length of the cells. */
  readonly bytes: number;
}

/** Prefixes in memory, those used last, within a limit. It owns the memory of what is in it. */
export interface PrefixCache {
  has(key: string): boolean;
  /** Counts as a use. */
  get(key: string): PrefixCells | undefined;
  /** `lent`: another thread reads the memory until `returned`. Takes the memory over, and frees it at once when the key is there. */
  add(cells: PrefixCells, lent: boolean): void;
  returned(key: string): void;
  drop(key: string): void;
  forget(owners: ReadonlySet<string>): void;
  /** Drops what was used longest ago until the limit is kept. What is lent stays until it is returned. */
  trim(): void;
  /** Bytes that another thread reads. */
  readonly lentBytes: number;
  clear(): void;
}

export function createPrefixCache(options: {
  readonly limitBytes: number;
  readonly free: (address: Pointer) => void;
  /** Told of every key that is not here any more. */
  readonly onDropped: (key: string) => void;
}): PrefixCache {
  /** In order of use. */
  const entries = new Map<string, { readonly cells: PrefixCells; lent: boolean }>();
  /** Dropped while they were lent. */
  const leaving = new Map<string, PrefixCells>();
  let bytes = 0;

  function drop(key: string): void {
    const entry = entries.get(key);
    if (entry === undefined) return;
    entries.delete(key);
    bytes -= entry.cells.bytes;
    if (entry.lent) leaving.set(key, entry.cells);
    else options.free(entry.cells.address);
    options.onDropped(key);
  }

  function trim(): void {
    for (const [key, { lent }] of entries) {
      if (bytes <= options.limitBytes) return;
      if (!lent) drop(key);
    }
  }

  return {
    has: (key) => entries.has(key),
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      entries.delete(key);
      entries.set(key, entry);
      return entry.cells;
    },
    add(cells, lent) {
      if (entries.has(cells.key)) {
        options.free(cells.address);
        return;
      }
      entries.set(cells.key, { cells, lent });
      bytes += cells.bytes;
    },
    returned(key) {
      const left = leaving.get(key);
      if (left !== undefined) {
        leaving.delete(key);
        options.free(left.address);
        return;
      }
      const entry = entries.get(key);
      if (entry !== undefined) entry.lent = false;
      trim();
    },
    drop,
    forget(owners) {
      for (const [key, { cells }] of entries) if (cells.owners.some((owner) => owners.has(owner))) drop(key);
    },
    trim,
    get lentBytes() {
      let lent = 0;
      for (const entry of entries.values()) if (entry.lent) lent += entry.cells.bytes;
      for (const cells of leaving.values()) lent += cells.bytes;
      return lent;
    },
    clear() {
      for (const key of entries.keys()) drop(key);
    },
  };
}
