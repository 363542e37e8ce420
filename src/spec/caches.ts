/** How much a cache may hold. */
export interface CacheBounds {
  readonly maxItems: number;
  readonly maxBytes: number;
}

/** Counters only grow; `items` and `bytes` are those of now. */
export interface CacheStatistics {
  readonly items: number;
  readonly bytes: number;
  /** Found. */
  readonly hits: number;
  /** Computed. */
  readonly misses: number;
  /** Waited for a computation that had begun for another. */
  readonly shared: number;
}

/**
 * The caches of one open directory, in memory, each keyed by every version that its values depend on: nothing in them is ever stale.
 * `queryEmbeddings`: the vectors of questions, by embedder. `retrieval`: hits, by collection revision, embedder and all that the pipeline
 * says about retrieval. `answers`: by the whole pipeline and the collection revision; only for calls that ask for it.
 */
export type CacheName = 'queryEmbeddings' | 'retrieval' | 'answers';
export type CacheReport = Readonly<Record<CacheName, CacheStatistics>>;

export interface CacheOptions {
  /** Default 10,000 items, 32 MB. */
  readonly queryEmbeddings?: Partial<CacheBounds>;
  /** Default 1,000 items, 64 MB. */
  readonly retrieval?: Partial<CacheBounds>;
  /** Default 1,000 items, 64 MB. */
  readonly answers?: Partial<CacheBounds>;
}
