import type { Connection } from './connection.ts';
import { createQueries } from './queries.ts';
import type { SynchronousReader } from './queries.ts';
import { searchText } from './text-search.ts';
import { createVectorSearch, loadUsearch } from './vector-index.ts';
import type { VectorSearch } from './vector-index.ts';
import { verifyRecord } from './verify.ts';

/** All reading methods over one handle. The vector index, where one is needed, is loaded and built at the first vector search. */
export function createReader(connection: Connection): SynchronousReader & { advanceIndex(): boolean } {
  let vectors: VectorSearch | undefined;
  return {
    ...createQueries(connection),
    searchText: (query, scope, limit) => searchText(connection, query, scope, limit),
    searchVectors(vector, embedderHash, scope, limit) {
      vectors ??= createVectorSearch(connection, loadUsearch());
      return vectors.search(vector, embedderHash, scope, limit);
    },
    /** One step of the work that searches left; false when there is none. */
    advanceIndex: () => vectors?.advance() ?? false,
    verify: () => verifyRecord(connection),
  };
}
