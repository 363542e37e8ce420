import { existsSync, readFileSync } from 'node:fs';
import type { DocumentId } from '../../spec/identifiers.ts';
import type { VerifyReport } from '../../spec/store-reports.ts';
import { sha256 } from '../../util/hash.ts';
import { indexChunk, titlesOf } from './chunk-texts.ts';
import { unlessDamaged } from './unless-damaged.ts';
import type { Connection } from './connection.ts';
import { blobPath } from '../blob-files.ts';
import { pendingPurges } from './purge.ts';
import { storedText, storedTextHash } from './stored-text.ts';
import { createQueries } from './queries.ts';
import { type CheckedTable, checksumOf } from './row-checksum.ts';
import { compareTextIndex } from './verify-text-index.ts';
import { compareVectorIndex } from './verify-vector-index.ts';
import type { ChunkId } from '../../spec/identifiers.ts';

const maxProblems = 1_000;

/** Where what belongs to a record lies; a place that is not given is not looked at. */
interface RecordPlaces {
  readonly indexFolder?: string;
  /** Of the kept bytes. */
  readonly directory?: string;
}

/** What a row is called in a sentence, from its own columns. */
const rowNames: Readonly<Record<CheckedTable, string>> = {
  documents: `'document ' || id`,
  document_texts: `'the structure of document ' || document`,
  sources: `'source ' || key`,
  pages: `'page ' || number || ' of document ' || document`,
  chunks: `'chunk ' || id`,
  vectors: `'the vector of chunk ' || chunk`,
  source_versions: `'version ' || number || ' of source ' || source`,
  runs: `'run ' || id`,
  run_items: `'item ' || number || ' of run ' || run`,
  settings: `'setting ' || key`,
};

/** Rows that are not what was written. */
function* damagedRows(connection: Connection): Generator<string> {
  for (const [table, name] of Object.entries(rowNames) as [CheckedTable, string][]) {
    const rows = connection
      .prepare(`SELECT ${name} AS name FROM ${table} WHERE checksum IS NOT ${checksumOf(table)} LIMIT ${maxProblems}`)
      .iterate() as IterableIterator<{ readonly name: string }>;
    for (const row of rows) yield `The stored row of ${row.name} is damaged.`;
  }
}

/** Kept bytes that are gone or not what was kept. */
function* damagedBlobs(connection: Connection, directory: string): Generator<string> {
  const rows = connection.prepare('SELECT DISTINCT blob FROM sources WHERE blob IS NOT NULL').all() as { readonly blob: string }[];
  for (const { blob } of rows) {
    const path = blobPath(directory, blob);
    if (!existsSync(path)) yield `The kept bytes ${blob} are missing.`;
    else if (sha256(readFileSync(path)) !== blob) yield `The kept bytes ${blob} are damaged.`;
  }
}

/**
 * Compares the record with its own hashes and checksums, with the text index, with the files of the vector index, both ways, and with the
 * kept bytes. Reads everything once. Where the database cannot even be read to its end, the report says so.
 */
export function verifyRecord(connection: Connection, places: RecordPlaces = {}): VerifyReport {
  const problems: string[] = [];
  const checked = { documents: 0, chunks: 0, vectors: 0 };
  function report(problem: string): void {
    if (problems.length < maxProblems) problems.push(problem);
  }
  try {
    compare(connection, places, checked, report, () => problems.length === 0);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (!/^SQLITE_(?:CORRUPT|NOTADB|IOERR)/u.test(code) && !(error instanceof SyntaxError)) throw error;
    report(`The record cannot be read to its end: ${message}.`);
  }
  return { ok: problems.length === 0, problems, checked };
}

function compare(
  connection: Connection,
  { indexFolder, directory }: RecordPlaces,
  checked: { documents: number; chunks: number; vectors: number },
  report: (problem: string) => void,
  isSound: () => boolean,
): void {
  for (const row of connection.prepare('PRAGMA integrity_check(100)').all() as { readonly integrity_check: string }[]) {
    if (row.integrity_check !== 'ok') report(`The database file is damaged: ${row.integrity_check}.`);
  }
  const documents = connection.prepare('SELECT id, text_sha256 AS sha256, chunks FROM documents').iterate() as IterableIterator<{
    id: DocumentId;
    sha256: string;
    chunks: number;
  }>;
  const chunksOf = connection.prepare('SELECT id, start, "end", sha256 FROM chunks WHERE document = ? ORDER BY number');
  const indexed = connection.prepare('SELECT 1 FROM chunk_index WHERE rowid = ?');
  for (const document of documents) {
    checked.documents += 1;
    if (storedTextHash(connection, document.id) !== document.sha256) {
      report(`The text of document ${document.id} is not the text that was committed.`);
      continue;
    }
    const text = storedText(connection, document.id);
    const chunks = chunksOf.all(document.id) as { id: number; start: number; end: number; sha256: string }[];
    if (chunks.length !== document.chunks) report(`Document ${document.id} has ${chunks.length} chunks instead of ${document.chunks}.`);
    for (const chunk of chunks) {
      checked.chunks += 1;
      if (sha256(text.slice(chunk.start, chunk.end)) !== chunk.sha256) report(`The text of chunk ${chunk.id} is damaged.`);
      if (indexed.get(chunk.id) === undefined) report(`Chunk ${chunk.id} is missing from the text index.`);
    }
  }
  const extra = connection
    .prepare('SELECT rowid AS id FROM chunk_index WHERE rowid NOT IN (SELECT id FROM chunks) LIMIT ?')
    .all(maxProblems);
  for (const row of extra as { readonly id: number }[]) report(`The text index holds chunk ${row.id}, which is not in the record.`);
  const vectors = connection
    .prepare(
      'SELECT v.chunk, v.collection = c.collection AND length(v.vector) > 0 AS sound FROM vectors v LEFT JOIN chunks c ON c.id = v.chunk',
    )
    .iterate() as IterableIterator<{ chunk: number; sound: number | null }>;
  for (const vector of vectors) {
    checked.vectors += 1;
    if (vector.sound !== 1) report(`The vector of chunk ${vector.chunk} does not belong to a chunk of its collection.`);
  }
  for (const problem of damagedRows(connection)) report(problem);
  if (isSound()) for (const problem of compareTextIndex(connection)) report(problem);
  for (const { key } of pendingPurges(connection)) {
    report(
      `The purge of ${key} is not carried out to its end: its text may be on the disk. Repeat it when nothing else reads the directory.`,
    );
  }
  if (indexFolder !== undefined) for (const problem of compareVectorIndex(connection, indexFolder)) report(problem);
  if (directory !== undefined) for (const problem of damagedBlobs(connection, directory)) report(problem);
}

/** Makes the text index anew from the record. The caller holds the transaction. Returns the number of damaged chunks, which are left out. */
export function rebuildTextIndex(connection: Connection): number {
  connection.db.exec(`INSERT INTO chunk_index (chunk_index) VALUES ('delete-all')`);
  const queries = createQueries(connection);
  const ids = connection.prepare('SELECT id FROM chunks WHERE id > ? ORDER BY id LIMIT 200');
  let last = 0;
  let damaged = 0;
  let titled: { readonly document?: string; readonly title: string } = { title: '' };
  for (;;) {
    const rows = (ids.all(last) as { readonly id: ChunkId }[]).map(({ id }) => id);
    if (rows.length === 0) return damaged;
    const together = unlessDamaged(() => queries.readChunks(rows));
    const chunks = together ?? rows.flatMap((id) => unlessDamaged(() => queries.readChunks([id])) ?? []);
    for (const chunk of chunks) {
      if (chunk.document !== titled.document) titled = { document: chunk.document, title: titlesOf(connection, chunk.document) };
      indexChunk(connection, { ...chunk, title: titled.title });
    }
    damaged += rows.length - chunks.length;
    last = rows.at(-1) ?? last;
  }
}
