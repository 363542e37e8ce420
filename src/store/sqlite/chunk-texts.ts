import { indexText } from '../../language/index-text.ts';
import type { StoredChunk } from '../../spec/store.ts';
import type { Connection } from './connection.ts';
import type { IndexedText } from './pending-texts.ts';
import { createQueries } from './queries.ts';

type IndexedChunk = Pick<StoredChunk, 'id' | 'text' | 'headingPath' | 'tableHeader' | 'title'>;

/** What the text index holds of a chunk. */
export function indexedText({ id, text, headingPath, tableHeader, title }: IndexedChunk): IndexedText {
  const headings = [...headingPath, ...(tableHeader === null ? [] : [tableHeader])].join('\n');
  return [id, indexText(text), indexText(headings), indexText(title ?? '')];
}

/** Adds one chunk to the text index, at the end of the transaction where there is one. */
export function indexChunk(connection: Connection, chunk: IndexedChunk): void {
  connection.texts.add(indexedText(chunk));
}

/** Takes chunks out of the text index. */
export function removeTexts(connection: Connection, ids: readonly number[]): void {
  const pending = connection.texts.withdraw(ids);
  const remove = connection.prepare('DELETE FROM chunk_index WHERE rowid = ?');
  for (const id of ids) if (!pending.has(id)) remove.run(id);
}

/** Raise it whenever other texts of a chunk are indexed: text indexes of older versions are made anew. */
export const indexedTextVersion = 3;

/** Of a document that is handed over many times: sources, in the order of their keys, that are looked at, and titles. */
const mostSources = 64;
const mostTitles = 16;

/** A document is found by its own title and by those that its sources were given. */
export function titlesOf(connection: Connection, document: string): string {
  const own = connection.prepare('SELECT title FROM documents WHERE id = ?').get(document) as { readonly title: string | null } | undefined;
  return titlesBeside(connection, document, own?.title ?? null, null);
}

/** The same of a document that is not in the record yet. @param more of a source that is not, either */
export function titlesBeside(connection: Connection, document: string, own: string | null, more: string | null): string {
  const given = connection
    .prepare(
      `SELECT DISTINCT title FROM (SELECT title FROM sources WHERE document = ? ORDER BY key LIMIT ?)
       WHERE title IS NOT NULL ORDER BY title LIMIT ?`,
    )
    .all(document, mostSources, mostTitles) as { readonly title: string }[];
  return [...new Set([own, ...given.map(({ title }) => title), more])].filter((one) => one !== null).join('\n');
}

/** After the titles of a document have changed: it is found by the new ones. */
export function retitle(connection: Connection, document: string): void {
  const queries = createQueries(connection);
  const ids = queries.listChunks(document as Parameters<typeof queries.listChunks>[0]);
  const title = titlesOf(connection, document);
  removeTexts(connection, ids);
  for (const chunk of queries.readChunks(ids)) indexChunk(connection, { ...chunk, title });
}
