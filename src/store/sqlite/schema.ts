import type Database from 'better-sqlite3';
import { MillraceError } from '../../errors.ts';
import { type FaultPoints, noFaults } from '../../spec/faults.ts';
import { type CheckedTable, checksumOf, checksumTriggers } from './row-checksum.ts';

/** Version of the record this build writes; `PRAGMA user_version` of `record.sqlite`. */
export const schemaVersion = 4;

/** Columns and options of the text index. */
export const textIndexOptions = `
  text, headings, title,
  content = '', contentless_delete = 1, tokenize = 'porter unicode61 remove_diacritics 2'
`;

/** Tables that have had their checksums since these versions. */
const checkedSince2: readonly CheckedTable[] = ['documents', 'document_texts', 'sources', 'pages', 'chunks', 'vectors'];
const checkedSince3 = ['source_versions', 'runs', 'run_items', 'settings'] as const;

const migrations: readonly string[] = [
  `
CREATE TABLE collections (
  name TEXT PRIMARY KEY,
  revision INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE documents (
  id TEXT PRIMARY KEY,
  collection TEXT NOT NULL,
  bytes_sha256 TEXT NOT NULL,
  parser TEXT NOT NULL,
  parser_version INTEGER NOT NULL,
  parse_options_hash TEXT NOT NULL,
  content_type TEXT NOT NULL,
  text_sha256 TEXT NOT NULL,
  text_length INTEGER NOT NULL,
  title TEXT,
  author TEXT,
  language TEXT,
  created_at REAL,
  modified_at REAL,
  pages INTEGER NOT NULL,
  chunks INTEGER NOT NULL,
  chunker_hash TEXT NOT NULL,
  warnings TEXT NOT NULL,
  committed_at REAL NOT NULL,
  UNIQUE (collection, bytes_sha256, parser, parser_version, parse_options_hash)
) STRICT;

CREATE TABLE document_texts (
  document TEXT PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
  text TEXT NOT NULL,
  blocks TEXT NOT NULL
) STRICT;

CREATE TABLE sources (
  id TEXT PRIMARY KEY,
  collection TEXT NOT NULL,
  key TEXT NOT NULL,
  uri TEXT NOT NULL,
  title TEXT,
  mtime REAL,
  size INTEGER,
  metadata TEXT NOT NULL,
  document TEXT REFERENCES documents (id) DEFERRABLE INITIALLY DEFERRED,
  error TEXT,
  updated_at REAL NOT NULL,
  UNIQUE (collection, key)
) STRICT;
CREATE INDEX sources_document ON sources (document, key);

CREATE TABLE pages (
  document TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  label TEXT,
  start INTEGER NOT NULL,
  "end" INTEGER NOT NULL,
  width REAL,
  height REAL,
  boxes BLOB,
  PRIMARY KEY (document, number)
) STRICT;

CREATE TABLE chunks (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  collection TEXT NOT NULL,
  document TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
  chunker_hash TEXT NOT NULL,
  number INTEGER NOT NULL,
  start INTEGER NOT NULL,
  "end" INTEGER NOT NULL,
  heading_path TEXT NOT NULL,
  table_header_start INTEGER,
  table_header_end INTEGER,
  tokens INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  UNIQUE (document, number)
) STRICT;
CREATE INDEX chunks_collection ON chunks (collection, id);

CREATE TABLE vectors (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  collection TEXT NOT NULL,
  chunk INTEGER NOT NULL REFERENCES chunks (id) ON DELETE CASCADE,
  embedder_hash TEXT NOT NULL,
  vector BLOB NOT NULL,
  UNIQUE (chunk, embedder_hash)
) STRICT;
CREATE INDEX vectors_collection ON vectors (collection, embedder_hash, number);
CREATE INDEX vectors_embedder ON vectors (embedder_hash);

CREATE VIRTUAL TABLE chunk_index USING fts5 (${textIndexOptions});

CREATE TABLE runs (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('running', 'interrupted', 'done', 'cancelled')),
  definition TEXT NOT NULL,
  progress TEXT NOT NULL DEFAULT 'null',
  created_at REAL NOT NULL,
  updated_at REAL NOT NULL
) STRICT;

CREATE TABLE run_items (
  run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  key TEXT NOT NULL,
  input TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'claimed', 'settled')),
  status TEXT CHECK (status IN ('done', 'failed', 'cancelled', 'expired')),
  attempt INTEGER NOT NULL DEFAULT 0,
  fence INTEGER NOT NULL DEFAULT 0,
  lease_until REAL,
  result TEXT,
  error TEXT,
  started_at REAL,
  ended_at REAL,
  PRIMARY KEY (run, number)
) STRICT;
CREATE INDEX run_items_state ON run_items (run, state, number);

CREATE TABLE settings (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`,
  // Version 2: what a source was before, what a program hands over to be kept, and a checksum in each row.
  `
ALTER TABLE sources ADD COLUMN blob TEXT;
ALTER TABLE sources ADD COLUMN content_type TEXT;
ALTER TABLE sources ADD COLUMN pending_at REAL;
CREATE INDEX sources_pending ON sources (collection, key) WHERE pending_at IS NOT NULL;
CREATE INDEX sources_blob ON sources (blob) WHERE blob IS NOT NULL;

CREATE TABLE source_versions (
  source TEXT NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  document TEXT NOT NULL,
  bytes_sha256 TEXT NOT NULL,
  text_sha256 TEXT NOT NULL,
  from_at REAL NOT NULL,
  until_at REAL,
  PRIMARY KEY (source, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX source_versions_document ON source_versions (document);
INSERT INTO source_versions (source, number, document, bytes_sha256, text_sha256, from_at)
  SELECT s.id, 1, d.id, d.bytes_sha256, d.text_sha256, d.committed_at FROM sources s JOIN documents d ON d.id = s.document;

${checkedSince2.map(addChecksums).join('\n')}
`,
  // Version 3: checksums in what else must not change unnoticed. Its rows are written in many ways, so the database keeps them.
  checkedSince3.map((table) => `${addChecksums(table)}\n${checksumTriggers(table)}`).join('\n'),
  // Version 4: long texts in pieces. Those of before stay in one row, and are read from there.
  `
CREATE TABLE text_pieces (
  document TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
  start INTEGER NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (document, start)
) STRICT;
`,
];

function addChecksums(table: CheckedTable): string {
  return `ALTER TABLE ${table} ADD COLUMN checksum INTEGER; UPDATE ${table} SET checksum = ${checksumOf(table)};`;
}

function readVersion(db: Database.Database): number {
  return Number(db.pragma('user_version', { simple: true }));
}

function refuseNewer(version: number, directory: string): void {
  if (version <= schemaVersion) return;
  throw new MillraceError(
    'E_STORE_VERSION',
    `The record in ${directory} has version ${version}; this millrace reads versions up to ${schemaVersion}.`,
    { details: { version, supported: schemaVersion } },
  );
}

/**
 * Brings the record to `schemaVersion`, each step one transaction: a process that dies meanwhile leaves a whole record of an earlier
 * version, and the next one goes on. Throws `E_STORE_VERSION` for a newer record.
 */
export function migrate(db: Database.Database, directory: string, faults: FaultPoints = noFaults): void {
  let version = readVersion(db);
  refuseNewer(version, directory);
  for (; version < schemaVersion; version += 1) {
    const migration = migrations[version];
    if (migration === undefined) throw new MillraceError('E_INTERNAL', `There is no migration from version ${version} of the record.`);
    db.exec('BEGIN IMMEDIATE');
    try {
      faults.reach('migration-begun');
      db.exec(migration);
      db.pragma(`user_version = ${version + 1}`);
      faults.reach('migration-applied');
      db.exec('COMMIT');
      faults.reach('migration-committed');
    } catch (error) {
      if (db.inTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }
}

/**
 * For readers, which change nothing: `E_STORE_MISSING` when no writer has made the tables yet, `E_STORE_VERSION` when the record is
 * newer, or older and not yet brought up by a writer.
 */
export function requireVersion(db: Database.Database, directory: string): void {
  const version = readVersion(db);
  refuseNewer(version, directory);
  if (version === 0) throw new MillraceError('E_STORE_MISSING', `The directory ${directory} holds no record yet.`);
  if (version < schemaVersion) {
    throw new MillraceError(
      'E_STORE_VERSION',
      `The record in ${directory} has version ${version} and must first be brought to ${schemaVersion}.`,
      {
        remedy: 'Run "millrace rebuild" once: opening for writing does it, and changes nothing of what is on record.',
        details: { version, supported: schemaVersion, isOlder: true },
      },
    );
  }
}
