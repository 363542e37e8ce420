import type { ChunkId } from '../../spec/identifiers.ts';
import type { SearchScope } from '../../spec/store.ts';
import { hashOf } from '../../util/hash.ts';
import type { Connection } from './connection.ts';
import { filterCondition } from './filter.ts';

/** Chunks of a collection whose documents have a source that meets a filter. */
export interface FilteredChunks {
  /** Rising. */
  readonly ids: Float64Array;
  has(chunk: ChunkId): boolean;
}

/** Filters whose chunks are remembered: 8 bytes a chunk each. */
const maxKept = 4;

/** Looked up once for each filter until the record changes: metadata is read once a source, not once a chunk and search. */
export function createFilteredChunks(connection: Connection): (scope: Pick<SearchScope, 'collection' | 'filter'>) => FilteredChunks {
  const kept = new Map<string, FilteredChunks>();
  let version: string | undefined;
  return ({ collection, filter = {} }) => {
    const now = connection.version();
    if (now !== version) kept.clear();
    version = now;
    const key = hashOf({ collection, filter });
    const known = kept.get(key);
    if (known !== undefined) return known;
    const [oldest] = kept.keys();
    if (kept.size >= maxKept && oldest !== undefined) kept.delete(oldest);
    const found = filteredChunks(connection, { collection, filter });
    kept.set(key, found);
    return found;
  };
}

function filteredChunks(
  connection: Connection,
  { collection, filter }: Required<Pick<SearchScope, 'collection' | 'filter'>>,
): FilteredChunks {
  const condition = filterCondition(filter);
  const met = condition === undefined ? '' : ` AND ${condition.sql}`;
  const rows = connection
    .prepare(
      `SELECT c.id FROM chunks c
       WHERE c.collection = ? AND c.document IN (SELECT s.document FROM sources s WHERE s.collection = ?${met}) ORDER BY c.id`,
    )
    .all(collection, collection, ...(condition?.parameters ?? [])) as { readonly id: ChunkId }[];
  const ids = Float64Array.from(rows, ({ id }) => id);
  return { ids, has: (chunk) => ids[placeOf(ids, chunk)] === chunk };
}

/** Index of the first number that is not smaller. */
function placeOf(rising: Float64Array, wanted: number): number {
  let [low, high] = [0, rising.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rising[middle] ?? 0) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
