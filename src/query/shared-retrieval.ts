import { describeIndexing, indexingSetting } from '../spec/indexing.ts';
import type { StoreReader } from '../spec/store.ts';
import { hashOf } from '../util/hash.ts';
import { flightOf } from './caches.ts';
import type { QueryParts } from './parts.ts';
import type { RetrieveSection } from './resolve-pipeline.ts';
import { type Retrieved, retrieve, type RetrieveRequest } from './retrieve.ts';

/**
 * `retrieve`, with what it finds kept for as long as the collection stays as it is, and looked for once by those who ask at once. How far an
 * ingestion has come is told as it is now, since it changes without the collection.
 */
export async function retrieveShared(parts: QueryParts, section: RetrieveSection, request: RetrieveRequest): Promise<Retrieved> {
  const { notices, ...found } = await retrieveKept(parts, section, request);
  return { ...found, notices: [...notices, ...(await indexingNotices(parts.store, section.collection))] };
}

async function indexingNotices(store: Pick<StoreReader, 'readSetting'>, collection: string): Promise<readonly string[]> {
  const notice = describeIndexing(await store.readSetting(indexingSetting(collection)));
  return notice === undefined ? [] : [notice];
}

async function retrieveKept(parts: QueryParts, section: RetrieveSection, request: RetrieveRequest): Promise<Retrieved> {
  const { caches, clock, store } = parts;
  if (caches === undefined || request.cache === false) return retrieve(parts, section, request);
  const started = clock.monotonic();
  const [revision, embedder] = await Promise.all([
    store.readRevision(section.collection),
    section.mode === 'text' ? undefined : parts.embedder(section.collection),
  ]);
  const key = hashOf({ section, documents: request.documents, query: request.query, revision, embedder: embedder?.model.hash ?? null });
  let own: Retrieved | undefined;
  const { flight, deadline } = flightOf(request, started);
  const { value } = await caches.retrieval.get(key, { signal: request.signal, flight }, async (signal) => {
    own = await retrieve(parts, section, { ...request, deadline, signal });
    return { hits: structuredClone(own.hits), notices: [...own.notices] };
  });
  return (
    own ?? { hits: structuredClone([...value.hits]), notices: [...value.notices], timings: { sourcesMs: clock.monotonic() - started } }
  );
}
