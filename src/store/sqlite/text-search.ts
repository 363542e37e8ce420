import type { LanguageDetector } from '../../language/detect-language.ts';
import type { ScoredChunk, SearchScope } from '../../spec/store.ts';
import type { Connection } from './connection.ts';
import { scopeCondition } from './filter.ts';
import { queryTerms, textQuery } from './text-query.ts';

/** In smaller collections common words cost nothing, and leaving them out could leave only words that nothing holds. */
const largeCollectionChunks = 1_000;
/** BM25 costs about a microsecond for each chunk that holds any of the words: a word in more than this many is too dear for what it says. */
const dearestTermChunks = 5_000;
/** Of column text, headings and title: a word in a heading says twice as much of what the chunk is about. */
const columnWeights = '1.0, 2.0, 2.0';

/** BM25 over text, headings and title of the chunks in scope, best first. */
export function searchText(
  connection: Connection,
  languages: LanguageDetector,
  query: string,
  scope: SearchScope,
  limit: number,
): readonly ScoredChunk[] {
  const terms = queryTerms(query, languages.detect(query));
  const whole = textQuery(terms, () => false);
  if (whole === undefined || limit <= 0) return [];
  // Ids are never reused, so the last one is a bound of the number.
  const { count } = connection.prepare('SELECT coalesce(max(id), 0) AS count FROM chunks').get() as { readonly count: number };
  const least = Math.min(Math.ceil(count / 2), dearestTermChunks);
  const countHolders = connection.prepare('SELECT count(*) AS count FROM (SELECT 1 FROM chunk_index WHERE chunk_index MATCH ? LIMIT ?)');
  const isCommon = (term: string): boolean => (countHolders.get(term, least) as { readonly count: number }).count >= least;
  const telling = count < largeCollectionChunks ? whole : textQuery(terms, isCommon);
  const found = matches(connection, telling ?? whole, scope, limit);
  // What was left out is better than nothing: the rest of the words may stand nowhere.
  return found.length > 0 || telling === whole ? found : matches(connection, whole, scope, limit);
}

function matches(connection: Connection, expression: string, scope: SearchScope, limit: number): readonly ScoredChunk[] {
  const condition = scopeCondition(scope);
  return connection
    .prepare(
      `SELECT c.id AS chunk, -bm25(chunk_index, ${columnWeights}) AS score FROM chunk_index JOIN chunks c ON c.id = chunk_index.rowid
       WHERE chunk_index MATCH ? AND ${condition.sql} ORDER BY score DESC, c.id LIMIT ?`,
    )
    .all(expression, ...condition.parameters, limit) as ScoredChunk[];
}
