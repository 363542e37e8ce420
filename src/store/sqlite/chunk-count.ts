import type { Connection } from './connection.ts';

/** Chunks of a collection, counted once until the record changes. */
export function createChunkCount(connection: Connection): (collection: string) => number {
  const counts = new Map<string, number>();
  let version: string | undefined;
  return (collection) => {
    const now = connection.version();
    if (now !== version) counts.clear();
    version = now;
    const known = counts.get(collection);
    if (known !== undefined) return known;
    const { count } = connection.prepare('SELECT count(*) AS count FROM chunks WHERE collection = ?').get(collection) as {
      readonly count: number;
    };
    counts.set(collection, count);
    return count;
  };
}
