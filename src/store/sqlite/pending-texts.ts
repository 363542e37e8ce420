/** One row of the text index: id of the chunk, its text, headings and title, as they are indexed. */
export type IndexedText = readonly [id: number, text: string, headings: string, title: string];

/** How much of it there was at some point of a transaction. */
export interface PendingMark {
  readonly rows: IndexedText[];
  readonly count: number;
}

/**
 * What goes into the text index at the end of a transaction. FTS5 writes out what it has gathered whenever a statement or a savepoint
 * begins behind it, which makes a segment of each document; with its rows last there is one of the whole transaction.
 */
export interface PendingTexts {
  /** Goes into the index at once unless `defer` was called. */
  add(row: IndexedText): void;
  /** Which of these chunks are pending and now are not any more. */
  withdraw(ids: readonly number[]): ReadonlySet<number>;
  /** From now on rows wait for `flush`. */
  defer(): void;
  flush(): void;
  /** The transaction is undone. */
  discard(): void;
  /** Taken with a savepoint, and given back when what came after it is undone. */
  mark(): PendingMark;
  restore(mark: PendingMark): void;
}

/** More does not wait where it can go into the index alone, UTF-16 units. */
const maxUnits = 8 * 1024 * 1024;

export function createPendingTexts(insert: (row: IndexedText) => void): PendingTexts {
  let rows: IndexedText[] = [];
  let units = 0;
  let deferred = false;
  /** Rows of earlier savepoints wait: they must not go into the index inside a later one, which may be undone. */
  let earlier = 0;

  function insertAll(): void {
    for (const row of rows) insert(row);
    rows = [];
    units = 0;
  }

  return {
    add(row) {
      if (!deferred) return insert(row);
      rows.push(row);
      units += row[1].length;
      if (units > maxUnits && earlier === 0) insertAll();
    },
    withdraw(ids) {
      if (rows.length === 0) return new Set();
      const unwanted = new Set(ids);
      const withdrawn = new Set(rows.flatMap(([id]) => (unwanted.has(id) ? [id] : [])));
      if (withdrawn.size > 0) rows = rows.filter(([id]) => !withdrawn.has(id));
      return withdrawn;
    },
    defer() {
      deferred = true;
    },
    flush() {
      deferred = false;
      earlier = 0;
      insertAll();
    },
    discard() {
      deferred = false;
      earlier = 0;
      rows = [];
      units = 0;
    },
    mark() {
      earlier = rows.length;
      return { rows, count: rows.length };
    },
    restore(mark) {
      ({ rows } = mark);
      rows.length = mark.count;
    },
  };
}
