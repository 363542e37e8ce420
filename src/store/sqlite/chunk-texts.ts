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
export const indexedTextVersion = 2;

/** A document is found by its own title and by the one that its source was given. */
export function titleOf({ title, source }: { readonly title: string | null; readonly source: { readonly title: string | null } }): string {
  return [...new Set([title, source.title])].filter((one) => one !== null).join('\n');
}

/** After the title of a source has changed: its document is found by the new one. */
export function retitle(connection: Connection, document: string): void {
  const queries = createQueries(connection);
  const ids = queries.listChunks(document as Parameters<typeof queries.listChunks>[0]);
  removeTexts(connection, ids);
  for (const chunk of queries.readChunks(ids)) indexChunk(connection, { ...chunk, title: titleOf(chunk) });
}
