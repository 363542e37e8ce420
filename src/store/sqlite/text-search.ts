import type { LanguageDetector } from '../../language/detect-language.ts';
import type { ScoredChunk, SearchScope } from '../../spec/store.ts';
import { createChunkCount } from './chunk-count.ts';
import type { Connection } from './connection.ts';
import { scopeCondition } from './filter.ts';
import { queryTerms, tellingTerms } from './text-query.ts';

/** In smaller collections common words cost nothing, and leaving them out could leave only words that nothing holds. */
const largeCollectionChunks = 1_000;
/** BM25 costs about a microsecond for each chunk that holds any of the words: a word in more than this many is too dear for what it says. */
const dearestTermChunks = 5_000;
/** Chunks that one search ranks, counted once for each of its words: past this the commonest words are left out. */
const rankedChunks = 20_000;
/** Words whose holders are remembered until the record changes. */
const maxCounted = 10_000;
/** Of column text, headings and title: a word in a heading says twice as much of what the chunk is about. */
const columnWeights = '1.0, 2.0, 2.0';

/** BM25 over text, headings and title of the chunks in scope, best first. How rare a word is counts over all collections of the record. */
export type TextSearch = (query: string, scope: SearchScope, limit: number) => readonly ScoredChunk[];

export function createTextSearch(
  connection: Connection,
  languages: LanguageDetector,
  chunksOf: (collection: string) => number = createChunkCount(connection),
): TextSearch {
  const counted = new Map<string, number>();
  let version: string | undefined;

  /** Chunks of a collection that hold a term; `most` where there are that many or more. */
  function holdersOf(term: string, scope: SearchScope, most: number): number {
    const now = connection.version();
    if (now !== version || counted.size >= maxCounted) counted.clear();
    version = now;
    const key = `${most} ${scope.collection} ${term}`;
    const known = counted.get(key);
    if (known !== undefined) return known;
    const isOnly = isWhole(connection, { collection: scope.collection });
    const { count } = (
      isOnly
        ? connection.prepare('SELECT count(*) AS count FROM (SELECT 1 FROM chunk_index WHERE chunk_index MATCH ? LIMIT ?)').get(term, most)
        : connection
            .prepare(
              `SELECT count(*) AS count FROM (SELECT 1 FROM chunk_index JOIN chunks c ON c.id = chunk_index.rowid
               WHERE chunk_index MATCH ? AND c.collection = ? LIMIT ?)`,
            )
            .get(term, scope.collection, most)
    ) as { readonly count: number };
    counted.set(key, count);
    return count;
  }

  return (query, scope, limit) => {
    const terms = queryTerms(query, languages.detect(query));
    if (terms.length === 0 || limit <= 0) return [];
    const chunks = chunksOf(scope.collection);
    const dearest = Math.min(Math.ceil(chunks / 2), dearestTermChunks);
    const holders = (term: string): number => holdersOf(term, scope, dearest);
    const telling = chunks < largeCollectionChunks ? terms : tellingTerms(terms, holders, { dearest, together: rankedChunks });
    const found = matches(connection, telling, scope, limit);
    // What was left out is better than nothing: the rest of the words may stand nowhere.
    return found.length > 0 || telling.length === terms.length ? found : matches(connection, terms, scope, limit);
  };
}

function matches(connection: Connection, terms: readonly string[], scope: SearchScope, limit: number): readonly ScoredChunk[] {
  const expression = terms.join(' OR ');
  if (isWhole(connection, scope)) {
    return connection
      .prepare(
        `SELECT rowid AS chunk, -bm25(chunk_index, ${columnWeights}) AS score FROM chunk_index
         WHERE chunk_index MATCH ? ORDER BY score DESC, rowid LIMIT ?`,
      )
      .all(expression, limit) as ScoredChunk[];
  }
  const condition = scopeCondition(scope);
  return connection
    .prepare(
      `SELECT c.id AS chunk, -bm25(chunk_index, ${columnWeights}) AS score FROM chunk_index JOIN chunks c ON c.id = chunk_index.rowid
       WHERE chunk_index MATCH ? AND ${condition.sql} ORDER BY score DESC, c.id LIMIT ?`,
    )
    .all(expression, ...condition.parameters, limit) as ScoredChunk[];
}

/** Whether the scope is all that the index holds: then no chunk has to be looked up to know that it is in it. */
function isWhole(connection: Connection, { collection, filter, documents }: SearchScope): boolean {
  if (filter !== undefined || documents !== undefined) return false;
  const names = connection.prepare('SELECT name FROM collections LIMIT 2').all() as { readonly name: string }[];
  return names.length === 1 && names[0]?.name === collection;
}
