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

/** A document's own title is found; where it has none, that of its source. */
export function titleOf({ title, source }: Pick<StoredChunk, 'title' | 'source'>): string | null {
  return title ?? source.title;
}

/** After the title of a source has changed: its document is found by the new one, unless it has a title of its own. */
export function retitle(connection: Connection, document: string): void {
  const own = connection.prepare('SELECT title FROM documents WHERE id = ?').get(document) as { readonly title: string | null } | undefined;
  if (own === undefined || own.title !== null) return;
  const queries = createQueries(connection);
  const ids = queries.listChunks(document as Parameters<typeof queries.listChunks>[0]);
  removeTexts(connection, ids);
  for (const chunk of queries.readChunks(ids)) indexChunk(connection, { ...chunk, title: titleOf(chunk) });
}
