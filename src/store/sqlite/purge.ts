import { MillraceError } from '../../errors.ts';
import type { DocumentId, RunId } from '../../spec/identifiers.ts';
import type { PurgeReport } from '../../spec/store.ts';
import type { Connection } from './connection.ts';
import { removeSource } from './member-operations.ts';

/** Fields of a stored result that hold text of documents, or were made from it. */
const textFields = new Set([
  'answer',
  'text',
  'quote',
  'quotes',
  'value',
  'values',
  'evidence',
  'unsupported',
  'sentences',
  'title',
  'headingPath',
  'tableHeader',
]);

/** The value with every text field emptied, whatever its shape: numbers and identifiers stay. */
function blank(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(blank);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, textFields.has(name) ? emptied(member) : blank(member)]));
}

function emptied(value: unknown): unknown {
  if (typeof value === 'string') return '';
  return Array.isArray(value) ? [] : null;
}

function names(value: unknown, wanted: ReadonlySet<string>): boolean {
  if (typeof value === 'string') return wanted.has(value);
  if (value === null || typeof value !== 'object') return false;
  return Object.values(value).some((member) => names(member, wanted));
}

/** Results that name a document or the source lose what they say: an answer is made of all its passages. */
function blankRuns(connection: Connection, wanted: ReadonlySet<string>): PurgeReport['runs'] {
  const blanked = new Map<RunId, number>();
  const items = connection
    .prepare('SELECT run, number, input, result FROM run_items WHERE result IS NOT NULL')
    .iterate() as IterableIterator<{
    readonly run: RunId;
    readonly number: number;
    readonly input: string;
    readonly result: string;
  }>;
  const found: { readonly run: RunId; readonly number: number; readonly result: string }[] = [];
  for (const { run, number, input, result } of items) {
    const value: unknown = JSON.parse(result);
    if (!names(value, wanted) && !names(JSON.parse(input), wanted)) continue;
    found.push({ run, number, result: JSON.stringify({ ...(blank(value) as object), purged: true }) });
    blanked.set(run, (blanked.get(run) ?? 0) + 1);
  }
  const update = connection.prepare('UPDATE run_items SET result = ? WHERE run = ? AND number = ?');
  for (const { run, number, result } of found) update.run(result, run, number);
  return [...blanked].map(([run, count]) => ({ run, items: count, label: labelOf(connection, run) }));
}

function labelOf(connection: Connection, run: RunId): Readonly<Record<string, string>> {
  const row = connection.prepare('SELECT definition FROM runs WHERE id = ?').get(run) as { readonly definition: string } | undefined;
  const { label } = JSON.parse(row?.definition ?? '{}') as { readonly label?: Readonly<Record<string, string>> };
  return label ?? {};
}

/** The source, its documents and what runs say of them, in the transaction of the caller. Undefined where there is no such source. */
export function purgeSource(connection: Connection, collection: string, key: string, at: number): PurgeReport | undefined {
  const source = connection.prepare('SELECT id, uri, document FROM sources WHERE collection = ? AND key = ?').get(collection, key) as
    | { readonly id: string; readonly uri: string; readonly document: DocumentId | null }
    | undefined;
  if (source === undefined) return undefined;
  const versions = connection.prepare('SELECT document FROM source_versions WHERE source = ?').all(source.id) as { document: DocumentId }[];
  const documents = [...new Set([...versions.map(({ document }) => document), ...(source.document === null ? [] : [source.document])])];
  removeSource(connection, { type: 'removeSource', collection, key, at });
  const kept = connection.prepare('SELECT 1 FROM documents WHERE id = ?');
  const gone = documents.filter((id) => kept.get(id) === undefined);
  const runs = blankRuns(connection, new Set([...gone, key, source.uri]));
  return { documents: gone, runs };
}

/**
 * Overwrites what was freed: the text index is merged without what was removed, the file is written anew, and the journal is emptied. No
 * transaction may be open. Throws `E_STORE_FAILED` when readers keep the journal in use.
 */
export function overwriteFreed(connection: Connection): void {
  const { db } = connection;
  db.exec(`INSERT INTO chunk_index (chunk_index) VALUES ('optimize')`);
  db.exec('VACUUM');
  connection.faults.reach('purge-overwritten');
  const [checkpoint] = db.pragma('wal_checkpoint(TRUNCATE)') as { readonly busy: number }[];
  if (checkpoint?.busy === 0) return;
  throw new MillraceError(
    'E_STORE_FAILED',
    'The source is removed, but its text could not be overwritten on the disk: the record is being read.',
    {
      remedy: 'Repeat the command with --purge when no other process reads the directory.',
    },
  );
}
