import { hashOf } from '../util/hash.ts';
import { flightOf } from './caches.ts';
import type { QueryParts } from './parts.ts';
import type { RetrieveSection } from './resolve-pipeline.ts';
import { type Retrieved, retrieve, type RetrieveRequest } from './retrieve.ts';

/** `retrieve`, with what it finds kept for as long as the collection stays as it is, and looked for once by those who ask at once. */
export async function retrieveShared(parts: QueryParts, section: RetrieveSection, request: RetrieveRequest): Promise<Retrieved> {
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
