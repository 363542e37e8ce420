import type { DocumentId, Metadata } from '../../spec/identifiers.ts';
import type { DocumentState, SourceRecord, SourceVersion } from '../../spec/store.ts';
import type { Connection } from './connection.ts';
import { isMember } from './member-rows.ts';

const sourceColumns =
  'id, collection, key, uri, title, mtime, size, metadata, document, error, blob, content_type AS contentType, pending_at AS pendingAt, updated_at AS updatedAt';

type SourceRow = Omit<SourceRecord, 'metadata' | 'error'> & { readonly metadata: string; readonly error: string | null };

function sourceOf(value: unknown): SourceRecord {
  const row = value as SourceRow;
  return {
    ...row,
    metadata: JSON.parse(row.metadata) as Metadata,
    error: row.error === null ? null : (JSON.parse(row.error) as SourceRecord['error']),
  };
}

function stateOf(connection: Connection, document: DocumentId): DocumentState {
  if (connection.prepare('SELECT 1 FROM documents WHERE id = ?').get(document) !== undefined) {
    return { document, state: 'current', now: document };
  }
  const row = connection
    .prepare(
      `SELECT d.id AS now, d.text_sha256 = v.text_sha256 AS same
       FROM source_versions v JOIN sources s ON s.id = v.source JOIN documents d ON d.id = s.document
       WHERE v.document = ? ORDER BY same DESC, s.key LIMIT 1`,
    )
    .get(document) as { readonly now: DocumentId; readonly same: number } | undefined;
  if (row === undefined) return { document, state: 'removed', now: null };
  return { document, state: row.same === 1 ? 'current' : 'replaced', now: row.now };
}

/** What the record holds of sources and their versions. */
export function createSourceQueries(connection: Connection) {
  return {
    readSource(collection: string, key: string): SourceRecord | undefined {
      const row = connection.prepare(`SELECT ${sourceColumns} FROM sources WHERE collection = ? AND key = ?`).get(collection, key);
      return row === undefined ? undefined : sourceOf(row);
    },
    listSources(collection: string, options?: { readonly afterKey?: string; readonly limit?: number }): readonly SourceRecord[] {
      const { afterKey = '', limit = 1_000 } = options ?? {};
      return connection
        .prepare(`SELECT ${sourceColumns} FROM sources WHERE collection = ? AND key > ? ORDER BY key LIMIT ?`)
        .all(collection, afterKey, limit)
        .map(sourceOf);
    },
    listFailedMembers(
      collection: string,
      container: string,
      { afterKey, limit }: { readonly afterKey: string; readonly limit: number },
    ): readonly SourceRecord[] {
      return connection
        .prepare(
          `SELECT ${sourceColumns} FROM sources WHERE ${isMember} AND key > @afterKey AND error IS NOT NULL ORDER BY key LIMIT @limit`,
        )
        .all({ collection, container, afterKey, limit })
        .map(sourceOf);
    },
    listPending(collection: string, { afterKey, limit }: { readonly afterKey: string; readonly limit: number }): readonly SourceRecord[] {
      return connection
        .prepare(`SELECT ${sourceColumns} FROM sources WHERE collection = ? AND key > ? AND pending_at IS NOT NULL ORDER BY key LIMIT ?`)
        .all(collection, afterKey, limit)
        .map(sourceOf);
    },
    listVersions(collection: string, key: string): readonly SourceVersion[] {
      return connection
        .prepare(
          `SELECT v.number, v.document, v.bytes_sha256 AS bytesSha256, v.text_sha256 AS textSha256, v.from_at AS "from", v.until_at AS until
           FROM source_versions v JOIN sources s ON s.id = v.source WHERE s.collection = ? AND s.key = ? ORDER BY v.number`,
        )
        .all(collection, key) as SourceVersion[];
    },
    documentStates: (ids: readonly DocumentId[]): readonly DocumentState[] => ids.map((id) => stateOf(connection, id)),
  };
}
