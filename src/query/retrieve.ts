import type { Hit, StageTimings } from '../spec/answers.ts';
import type { Embedder, WorkClass } from '../spec/engine.ts';
import type { DocumentId } from '../spec/identifiers.ts';
import type { ScoredChunk, SearchScope, StoredChunk } from '../spec/store.ts';
import type { Deadline } from '../spec/time.ts';
import type { Permit } from '../spec/work.ts';
import { hashOf } from '../util/hash.ts';
import { flightOf } from './caches.ts';
import { isForeign, languageNotice, reads } from './embedder-language.ts';
import { feedbackQuery, feedbackWeight, largestFeedbackChunks } from './feedback.ts';
import { type FusedChunk, fuseByScore, leastCosine, type Ranking } from './fuse.ts';
import type { QueryParts } from './parts.ts';
import type { RetrieveSection } from './resolve-pipeline.ts';
import { selectHits } from './select-hits.ts';
import { shownTitle } from './shown-title.ts';

export interface RetrieveRequest {
  readonly query: string;
  /** Only chunks of these documents. */
  readonly documents?: readonly DocumentId[];
  readonly class: WorkClass;
  readonly tenant?: string | undefined;
  readonly permit?: Permit | undefined;
  readonly deadline?: Deadline | undefined;
  readonly signal: AbortSignal;
  /** False neither takes from a cache nor puts into one. */
  readonly cache?: boolean | undefined;
}

export interface Retrieved {
  readonly hits: Hit[];
  readonly notices: string[];
  readonly timings: Omit<StageTimings, 'totalMs'>;
}

/**
 * Text search and vector search side by side, fused by score, searched once more with words of the best where the section asks for it and
 * both found something, read from the record. An embedder that was not made for the query's language is left out.
 */
export async function retrieve(parts: QueryParts, section: RetrieveSection, request: RetrieveRequest): Promise<Retrieved> {
  const { store, clock } = parts;
  const language = parts.languages.detect(request.query);
  const timings: { embedMs?: number; searchTextMs?: number; searchVectorsMs?: number; readMs?: number; sourcesMs?: number } = {};
  const notices: string[] = [];
  const started = clock.monotonic();
  const { collection, filter, mode, depth } = section;
  const { documents } = request;
  const scope: SearchScope = {
    collection,
    ...(filter === undefined ? {} : { filter }),
    ...(documents === undefined ? {} : { documents }),
  };

  const searchText = async (): Promise<readonly ScoredChunk[]> => {
    if (mode === 'vector') return [];
    const begun = clock.monotonic();
    const found = await store.searchText(request.query, scope, depth);
    timings.searchTextMs = clock.monotonic() - begun;
    return found;
  };
  const searchVectors = async (): Promise<readonly ScoredChunk[]> => {
    if (mode === 'text') return [];
    const embedder = await parts.embedder(collection);
    if (embedder === undefined) {
      // Of a collection that holds nothing this would be no reason.
      if ((await store.countChunks(collection)) > 0)
        notices.push('No embedder is installed for this collection: only the text index was searched.');
      return [];
    }
    if (mode === 'hybrid' && !reads(embedder, language)) {
      notices.push(languageNotice(embedder, language));
      return [];
    }
    const begun = clock.monotonic();
    const vector = await queryVector(parts, embedder, request);
    timings.embedMs = clock.monotonic() - begun;
    const found = await store.searchVectors(vector, embedder.model.hash, scope, depth);
    timings.searchVectorsMs = clock.monotonic() - begun - timings.embedMs;
    return found;
  };

  const [text, vector] = await Promise.all([searchText(), searchVectors()]);
  request.signal.throwIfAborted();
  // Of any vectors some are always nearest: a filter alone can leave none.
  const without = mode !== 'text' && vector.length === 0 && notices.length === 0 && filter === undefined && documents === undefined;
  if (without && (text.length > 0 || mode === 'vector')) {
    notices.push('The collection has no vectors yet: only words can be found. Run "millrace ingest" without --no-embed to make them.');
  }
  const foreign = mode === 'hybrid' && language === undefined && vector.length > 0 && (await isForeign(parts, collection, text));
  const rankings: readonly Ranking[] = [
    { chunks: text, weight: section.weights.text, name: 'text' },
    { chunks: vector, weight: foreign ? 0 : section.weights.vector, least: leastCosine(vector), name: 'vector' },
  ];
  const first = fuseByScore(rankings, Number.POSITIVE_INFINITY);
  const feedback =
    section.feedback && vector.length > 0 && text.length > 0 && !foreign
      ? await searchAgain(parts, { query: request.query, language }, scope, first, depth)
      : [];
  const fused =
    feedback.length === 0 ? first : fuseByScore([...rankings, { chunks: feedback, weight: feedbackWeight }], Number.POSITIVE_INFINITY);
  const reading = clock.monotonic();
  const hits = await selectHits(fused, section, (ids) => store.readChunks(ids, filter), hitOf);
  timings.readMs = clock.monotonic() - reading;
  timings.sourcesMs = clock.monotonic() - started;
  return { hits, notices, timings };
}

/** The query's vector, kept for whoever asks the same again and computed once for those who ask at once. */
async function queryVector(parts: QueryParts, embedder: Embedder, request: RetrieveRequest): Promise<Float32Array> {
  if (parts.caches === undefined || request.cache === false) return embedQuery(parts, embedder, request);
  const key = hashOf({ embedder: embedder.model.hash, query: request.query });
  const { flight, deadline } = flightOf(request, parts.clock.monotonic());
  const { value } = await parts.caches.embeddings.get(key, { signal: request.signal, flight }, (signal) =>
    embedQuery(parts, embedder, { ...request, deadline, signal }),
  );
  return value;
}

function hitOf(chunk: StoredChunk, { score, ranks }: FusedChunk, rank: number): Hit {
  return {
    rank,
    score,
    document: chunk.document,
    source: chunk.source.uri,
    title: shownTitle(chunk.title, chunk.source),
    metadata: chunk.source.metadata,
    page: chunk.page.number,
    pageLabel: chunk.page.label,
    pageKind: chunk.page.kind,
    start: chunk.start,
    end: chunk.end,
    headingPath: [...chunk.headingPath],
    tableHeader: chunk.tableHeader,
    text: chunk.text,
    chunk: chunk.id,
    ranks: { ...ranks },
  };
}

/** The text ranking for words of the best chunks; empty where the collection is too large for a second search or they have no words. */
async function searchAgain(
  { store }: QueryParts,
  request: { readonly query: string; readonly language: string | undefined },
  scope: SearchScope,
  fused: readonly FusedChunk[],
  depth: number,
): Promise<readonly ScoredChunk[]> {
  const seen = fused.slice(0, feedbackDepth);
  if (seen.length === 0 || (await store.countChunks(scope.collection)) > largestFeedbackChunks) return [];
  const texts = new Map((await store.readChunks(seen.map(({ chunk }) => chunk))).map(({ id, text }) => [id, text]));
  const read = seen.map(({ chunk, score }) => ({ text: texts.get(chunk) ?? '', score }));
  const query = feedbackQuery(request.query, read, request.language);
  return query === undefined ? [] : store.searchText(query, scope, depth);
}

/** Chunks read for feedback: the best are taken for relevant, the others tell which of their words are common. */
const feedbackDepth = 60;

/** The query's vector. A query longer than the embedder's input is cut for this purpose only. */
async function embedQuery(parts: QueryParts, embedder: Embedder, request: RetrieveRequest): Promise<Float32Array> {
  const reserve = 16;
  const room = embedder.model.maxInputTokens - reserve;
  let text = request.query;
  let [tokens = 0] = await embedder.tokenizer.countTokens([text], request.signal);
  while (tokens > room) {
    text = text.slice(0, Math.max(1, Math.floor((text.length * room) / tokens) - 1)).toWellFormed();
    [tokens = 0] = await embedder.tokenizer.countTokens([text], request.signal);
  }
  const work = parts.scheduler.submit({
    lane: 'embed',
    class: request.class,
    tenant: request.tenant,
    permit: request.permit,
    input: { texts: [text], kind: 'query' },
    cost: { tokens: tokens + reserve, items: 1, bytes: text.length * 2 },
    signal: request.signal,
    ...(request.deadline === undefined ? {} : { deadline: request.deadline }),
    deliver: 'final',
  });
  const [vector] = await work.result();
  if (vector === undefined) throw new TypeError('The embedder returned no vector for the query.');
  return vector;
}
