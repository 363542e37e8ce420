import type { Hit } from '../spec/answers.ts';
import type { ChunkId } from '../spec/identifiers.ts';
import type { StoredChunk } from '../spec/store.ts';
import type { FusedChunk } from './fuse.ts';

export interface SelectOptions {
  readonly limit: number;
  /** Most hits of one document; undefined: no limit. */
  readonly perDocument: number | undefined;
}

/**
 * The best chunks as hits: of chunks with the same text the best only, of one document no more than allowed, `limit` in all. Chunks are
 * read from the record as they are needed; one that is gone meanwhile is left out.
 */
export async function selectHits(
  fused: readonly FusedChunk[],
  { limit, perDocument = Number.POSITIVE_INFINITY }: SelectOptions,
  read: (ids: readonly ChunkId[]) => Promise<readonly StoredChunk[]>,
  hitOf: (chunk: StoredChunk, found: FusedChunk, rank: number) => Hit,
): Promise<Hit[]> {
  const hits: Hit[] = [];
  const texts = new Set<string>();
  const ofDocument = new Map<string, number>();
  for (let next = 0; next < fused.length && hits.length < limit;) {
    const wanted = fused.slice(next, next + limit - hits.length);
    next += wanted.length;
    const chunks = new Map((await read(wanted.map(({ chunk }) => chunk))).map((chunk) => [chunk.id, chunk]));
    for (const found of wanted) {
      const chunk = chunks.get(found.chunk);
      if (chunk === undefined) continue;
      const text = plain(chunk.text);
      const taken = ofDocument.get(chunk.document) ?? 0;
      if (texts.has(text) || taken >= perDocument) continue;
      texts.add(text);
      ofDocument.set(chunk.document, taken + 1);
      hits.push(hitOf(chunk, found, hits.length + 1));
    }
  }
  return hits;
}

/** Equal for texts that differ in case and white space only: they are the same, and one is shown and read. */
export function plain(text: string): string {
  return text.normalize('NFKC').toLowerCase().replaceAll(/\s+/g, ' ').trim();
}
