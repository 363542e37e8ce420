import type { Embedder } from '../spec/engine.ts';
import type { ScoredChunk } from '../spec/store.ts';
import type { QueryParts } from './parts.ts';

/** False where the embedder was made for other languages than this one; an unknown language is none. */
export function reads({ model }: Pick<Embedder, 'model'>, language: string | undefined): boolean {
  return language === undefined || model.languages.includes('*') || model.languages.includes(language);
}

export function languageNotice({ model }: Pick<Embedder, 'model'>, language: string | undefined): string {
  return (
    `The embedder ${model.id} reads ${model.languages.join(', ')} only and the question is in ${language ?? 'another language'}: only words were searched. ` +
    `A collection ingested with --embedder multilingual-e5-small is found by meaning too.`
  );
}

/** Chunks whose language stands for that of a question that is too short to tell. */
const readChunks = 3;

/** True where the chunks that hold the words of the question are in a language that the embedder was not made for. */
export async function isForeign(parts: QueryParts, collection: string, found: readonly ScoredChunk[]): Promise<boolean> {
  const embedder = await parts.embedder(collection);
  if (embedder === undefined || embedder.model.languages.includes('*') || found.length === 0) return false;
  const chunks = await parts.store.readChunks(found.slice(0, readChunks).map(({ chunk }) => chunk));
  return !reads(embedder, parts.languages.detect(chunks.map(({ text }) => text).join('\n')));
}
