import type { ScoredChunk, SearchScope } from '../../spec/store.ts';
import type { Connection } from './connection.ts';
import { scopeCondition } from './filter.ts';
import { textQuery } from './text-query.ts';

/** In smaller collections common words cost nothing, and leaving them out could leave only words that nothing holds. */
const largeCollectionChunks = 1_000;

/** BM25 over text, headings and title of the chunks in scope, best first. */
export function searchText(connection: Connection, query: string, scope: SearchScope, limit: number): readonly ScoredChunk[] {
  const { count } = connection.prepare('SELECT count(*) AS count FROM chunks').get() as { readonly count: number };
  const half = Math.ceil(count / 2);
  const countHolders = connection.prepare('SELECT count(*) AS count FROM (SELECT 1 FROM chunk_index WHERE chunk_index MATCH ? LIMIT ?)');
  const isCommon = (term: string): boolean => (countHolders.get(term, half) as { readonly count: number }).count >= half;
  const whole = textQuery(query, () => false);
  if (whole === undefined || limit <= 0) return [];
  const telling = count < largeCollectionChunks ? whole : textQuery(query, isCommon);
  const found = matches(connection, telling ?? whole, scope, limit);
  // What was left out is better than nothing: the rest of the words may stand nowhere.
  return found.length > 0 || telling === whole ? found : matches(connection, whole, scope, limit);
}

function matches(connection: Connection, expression: string, scope: SearchScope, limit: number): readonly ScoredChunk[] {
  const condition = scopeCondition(scope);
  return connection
    .prepare(
      `SELECT c.id AS chunk, -bm25(chunk_index, 1.0, 2.0, 2.0) AS score FROM chunk_index JOIN chunks c ON c.id = chunk_index.rowid
       WHERE chunk_index MATCH ? AND ${condition.sql} ORDER BY score DESC, c.id LIMIT ?`,
    )
    .all(expression, ...condition.parameters, limit) as ScoredChunk[];
}
