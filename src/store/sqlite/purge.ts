import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MillraceError } from '../../errors.ts';
import type { ErrorData } from '../../spec/failure.ts';
import type { DocumentId, RunId } from '../../spec/identifiers.ts';
import type { PurgeReport } from '../../spec/store-reports.ts';
import type { Connection } from './connection.ts';
import { isMember } from './member-rows.ts';
import { removeSource } from './member-operations.ts';
import { forgetRemoved, wasRemoved } from './removed-sources.ts';

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

interface ItemRow {
  readonly run: RunId;
  readonly number: number;
  readonly input: string;
  readonly result: string | null;
  readonly error: string | null;
}

/** A settled result that names one of these documents, without what it says of them; any other as it is. */
export function withoutPurged(result: unknown, purged: ReadonlySet<string>): unknown {
  return purged.size > 0 && names(result, purged) ? { ...(blank(result) as object), purged: true } : result;
}

/** What failed may quote what it failed on. */
function withoutWords({ code, retryable }: ErrorData): ErrorData {
  return { code, message: 'What was said here named a document that was purged.', remedy: 'Ask again.', retryable };
}

function blanked({ run, number, input, result, error }: ItemRow): ItemRow {
  const asked = JSON.parse(input) as { readonly title?: unknown };
  return {
    run,
    number,
    input: 'title' in asked ? JSON.stringify({ ...asked, title: null }) : input,
    result: result === null ? null : JSON.stringify({ ...(blank(JSON.parse(result)) as object), purged: true }),
    error: error === null ? null : JSON.stringify(withoutWords(JSON.parse(error) as ErrorData)),
  };
}

/** Items that name a document or the source lose what they say: an answer is made of all its passages. */
function blankItems(connection: Connection, wanted: ReadonlySet<string>): ReadonlyMap<RunId, number> {
  const written = [...wanted].map((name) => JSON.stringify(name));
  const mentions = (text: string | null): boolean =>
    text !== null && written.some((name) => text.includes(name)) && names(JSON.parse(text), wanted);
  const items = connection
    .prepare('SELECT run, number, input, result, error FROM run_items WHERE result IS NOT NULL OR error IS NOT NULL')
    .iterate() as IterableIterator<ItemRow>;
  const found: ItemRow[] = [];
  for (const item of items) {
    if (!mentions(item.input) && !mentions(item.result) && !mentions(item.error)) continue;
    const { input, result, error } = blanked(item);
    // Another purge may have been there before.
    if (input !== item.input || result !== item.result || error !== item.error) found.push({ ...item, input, result, error });
  }
  const update = connection.prepare('UPDATE run_items SET input = ?, result = ?, error = ? WHERE run = ? AND number = ?');
  const counts = new Map<RunId, number>();
  for (const { run, number, input, result, error } of found) {
    update.run(input, result, error, run, number);
    counts.set(run, (counts.get(run) ?? 0) + 1);
  }
  return counts;
}

/** The definition of a table holds the title of each row. */
function blankDefinitions(connection: Connection, wanted: ReadonlySet<string>): void {
  const tables = connection.prepare(`SELECT id, definition FROM runs WHERE kind = 'table'`).all() as { id: RunId; definition: string }[];
  const update = connection.prepare('UPDATE runs SET definition = ? WHERE id = ?');
  for (const { id, definition } of tables) {
    const { rows, ...rest } = JSON.parse(definition) as { readonly rows: readonly Readonly<Record<string, unknown>>[] };
    if (!names(rows, wanted)) continue;
    update.run(JSON.stringify({ ...rest, rows: rows.map((row) => (names(row, wanted) ? { ...row, title: null } : row)) }), id);
  }
}

function labelOf(connection: Connection, run: RunId): Readonly<Record<string, string>> {
  const row = connection.prepare('SELECT definition FROM runs WHERE id = ?').get(run) as { readonly definition: string } | undefined;
  const { label } = JSON.parse(row?.definition ?? '{}') as { readonly label?: Readonly<Record<string, string>> };
  return label ?? {};
}

interface PurgedSource {
  readonly id: string;
  readonly key: string;
  readonly uri: string;
  readonly document: DocumentId | null;
}

/** The source and, of a container, what it holds. */
function sourcesOf(connection: Connection, collection: string, key: string): readonly PurgedSource[] {
  const columns = 'SELECT id, key, uri, document FROM sources WHERE';
  const source = connection.prepare(`${columns} collection = ? AND key = ?`).all(collection, key) as PurgedSource[];
  return [...source, ...(connection.prepare(`${columns} ${isMember}`).all({ collection, container: key }) as PurgedSource[])];
}

const pendingSetting = 'purge-pending';

/** A purge that the record has noted and that is not yet carried out on the disk. */
export interface PendingPurge {
  readonly collection: string;
  readonly key: string;
  readonly report: PurgeReport;
  /** Kept bytes that no source may name any more. */
  readonly blobs: readonly string[];
}

export function pendingPurges(connection: Connection): readonly PendingPurge[] {
  const row = connection.prepare('SELECT value FROM settings WHERE key = ?').get(pendingSetting) as { readonly value: string } | undefined;
  return row === undefined ? [] : (JSON.parse(row.value) as PendingPurge[]);
}

function notePending(connection: Connection, pending: readonly PendingPurge[]): void {
  connection.prepare('DELETE FROM settings WHERE key = ?').run(pendingSetting);
  if (pending.length === 0) return;
  connection.prepare('INSERT INTO settings (key, value) VALUES (?, ?)').run(pendingSetting, JSON.stringify(pending));
}

/** The purge is carried out to its end. */
export function endPurge(connection: Connection, collection: string, key: string): void {
  notePending(
    connection,
    pendingPurges(connection).filter((one) => one.collection !== collection || one.key !== key),
  );
}

/**
 * The source, its documents and what runs say of them, in the transaction of the caller; of a source that is gone what runs still say, and
 * the pages that it freed. What is answered from these documents just now is blanked when it settles. It is pending until `endPurge`: repeated
 * before that, it is told again as a whole. Undefined where there is nothing of it.
 */
export function purgeSource(connection: Connection, collection: string, key: string, at: number): PendingPurge | undefined {
  const all = pendingPurges(connection);
  const isSame = (one: PendingPurge): boolean => one.collection === collection && one.key === key;
  const before = all.find(isSame);
  const now = purgeRows(connection, collection, key, at);
  if (now === undefined) return before;
  const purge: PendingPurge = {
    collection,
    key,
    report: {
      documents: [...new Set([...(before?.report.documents ?? []), ...now.report.documents])],
      runs: [...(before?.report.runs ?? []).filter(({ run }) => now.report.runs.every((one) => one.run !== run)), ...now.report.runs],
    },
    blobs: [...(before?.blobs ?? []), ...now.blobs],
  };
  notePending(connection, [...all.filter((one) => !isSame(one)), purge]);
  return purge;
}

function purgeRows(
  connection: Connection,
  collection: string,
  key: string,
  at: number,
): Pick<PendingPurge, 'report' | 'blobs'> | undefined {
  const sources = sourcesOf(connection, collection, key);
  const versionsOf = connection.prepare('SELECT document FROM source_versions WHERE source = ?');
  const documents = new Set<DocumentId>();
  for (const { id, document } of sources) {
    for (const version of versionsOf.all(id) as { readonly document: DocumentId }[]) documents.add(version.document);
    if (document !== null) documents.add(document);
  }
  const { freedBlob } = removeSource(connection, { type: 'removeSource', collection, key, at });
  const kept = connection.prepare('SELECT 1 FROM documents WHERE id = ?');
  const gone = [...documents].filter((id) => kept.get(id) === undefined);
  for (const id of gone) connection.purged.add(id);
  // A source that is gone has told its URI to what cites it.
  const uri = isAbsolute(key) ? pathToFileURL(key).href : key;
  const wanted = new Set([...gone, key, uri, ...sources.flatMap((source) => [source.key, source.uri])]);
  const items = blankItems(connection, wanted);
  blankDefinitions(connection, wanted);
  if (sources.length === 0 && items.size === 0 && !wasRemoved(connection, collection, key)) return undefined;
  const runs = [...items].map(([run, count]) => ({ run, items: count, label: labelOf(connection, run) }));
  return { report: { documents: gone, runs }, blobs: freedBlob === undefined ? [] : [freedBlob] };
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
  if (checkpoint?.busy === 0) return forgetRemoved(connection);
  throw new MillraceError(
    'E_STORE_FAILED',
    'The source is removed, but its text could not be overwritten on the disk: the record is being read.',
    {
      remedy: 'Repeat the command with --purge when no other process reads the directory.',
    },
  );
}
