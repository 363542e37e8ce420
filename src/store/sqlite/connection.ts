import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { MillraceError, toMillraceError } from '../../errors.ts';
import { type FaultPoints, noFaults } from '../../spec/faults.ts';
import { makePrivateFile } from '../../util/private-file.ts';
import { createPendingTexts, type PendingTexts } from './pending-texts.ts';
import { registerRowChecksum } from './row-checksum.ts';
import { migrate, requireVersion } from './schema.ts';

/** A handle of the record with its prepared statements. Lives in one thread. */
export interface Connection {
  readonly db: Database.Database;
  /** The prepared statement of a fixed SQL text, made at its first use. At most 500 are kept. */
  prepare(sql: string): Database.Statement<unknown[], unknown>;
  /** Another one whenever what can be read here may have changed, by whomever. */
  version(): string;
  readonly faults: FaultPoints;
  readonly texts: PendingTexts;
  /** Documents that were purged through this handle: what was being answered from them meanwhile is not kept. */
  readonly purged: Set<string>;
  /** How many documents were removed through this handle, in transactions that were undone too. */
  readonly removed: { documents: number };
  close(): void;
}

const busyTimeoutMs = 5_000;
/** Page cache of one handle, KiB. better-sqlite3's default is 16,000; the operating system caches the file as well. */
const cacheKib = 4_000;
/** Of the writing handle, which changes pages all over its tables and indexes in one transaction. */
const writerCacheKib = 8_000;
/** Pages in the journal after which they go into the record, 4 KiB each: pages that many commits change go there once. */
const checkpointPages = 4_000;

export function recordPath(directory: string): string {
  return join(directory, 'record.sqlite');
}

function connectionOf(db: Database.Database, faults: FaultPoints = noFaults): Connection {
  const statements = new Map<string, Database.Statement<unknown[], unknown>>();
  function prepare(sql: string): Database.Statement<unknown[], unknown> {
    let statement = statements.get(sql);
    if (statement === undefined) {
      if (statements.size >= 500) statements.clear();
      statement = db.prepare<unknown[], unknown>(sql);
      statements.set(sql, statement);
    }
    return statement;
  }
  return {
    db,
    faults,
    prepare,
    texts: createPendingTexts((row) => prepare('INSERT INTO chunk_index (rowid, text, headings, title) VALUES (?, ?, ?, ?)').run(row)),
    version() {
      const { data_version: byOthers } = prepare('PRAGMA data_version').get() as { readonly data_version: number };
      const { own } = prepare('SELECT total_changes() AS own').get() as { readonly own: number };
      return `${byOthers}.${own}`;
    },
    purged: new Set(),
    removed: { documents: 0 },
    close: () => db.close(),
  };
}

/** What helps where the record itself is gone; its indexes can be made anew, it cannot. */
const beyondMending = 'Put a copy of the directory in its place, or move it away and ingest the documents again.';

/** What better-sqlite3 throws, as an error of the catalogue. */
export function toStoreError(error: unknown, what: string): MillraceError {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'EDQUOT') {
    return new MillraceError('E_DISK_FULL', `${what}: the disk is full. What was committed before is kept and can be read.`, {
      remedy: 'Free space on the disk of the directory and repeat the command; it goes on where it stopped.',
      cause: error,
    });
  }
  if (code === 'SQLITE_NOTADB') {
    return new MillraceError('E_STORE_CORRUPT', `${what}: the file record.sqlite is damaged, it does not begin as a record does.`, {
      remedy: beyondMending,
      cause: error,
    });
  }
  if (code !== undefined && /^(?:SQLITE_(?:CANTOPEN|READONLY|PERM)|EACCES|EPERM|EROFS)/.test(code)) {
    return new MillraceError('E_STORE_FAILED', `${what}: its files cannot be opened or written.`, {
      remedy: 'Change the permissions of the directory and of the files in it, or choose another directory.',
      cause: error,
    });
  }
  if (code?.startsWith('SQLITE_CORRUPT') === true) {
    return new MillraceError('E_STORE_CORRUPT', `${what}: the record or an index in it is damaged.`, {
      remedy: `Run "millrace rebuild" and "millrace verify". If they fail too: ${beyondMending.charAt(0).toLowerCase()}${beyondMending.slice(1)}`,
      cause: error,
    });
  }
  return toMillraceError(error, 'E_STORE_FAILED', what);
}

/** The one writing handle: WAL, every commit fsynced unless `isDurable` is false, tables made or migrated. The caller holds the lock of the directory. */
export function openForWriting(directory: string, faults: FaultPoints = noFaults, isDurable = true): Connection {
  // The files that SQLite puts beside it are made as it is.
  makePrivateFile(recordPath(directory));
  const db = new Database(recordPath(directory), { timeout: busyTimeoutMs });
  try {
    registerRowChecksum(db);
    db.pragma('journal_mode = WAL');
    db.pragma(`synchronous = ${isDurable ? 'FULL' : 'OFF'}`);
    db.pragma('foreign_keys = ON');
    db.pragma(`cache_size = -${writerCacheKib}`);
    db.pragma(`wal_autocheckpoint = ${checkpointPages}`);
    migrate(db, directory, faults);
  } catch (error) {
    db.close();
    throw toStoreError(error, `Opening the record in ${directory}`);
  }
  return connectionOf(db, faults);
}

/** A private record in memory, gone with its handle. */
export function openInMemory(): Connection {
  const db = new Database(':memory:');
  registerRowChecksum(db);
  db.pragma('foreign_keys = ON');
  migrate(db, 'memory');
  return connectionOf(db);
}

/** A handle that can only read. Errors: `E_STORE_MISSING`, `E_STORE_VERSION`, `E_STORE_CORRUPT`. */
export function openForReading(directory: string, faults: FaultPoints = noFaults): Connection {
  const path = recordPath(directory);
  if (!existsSync(path)) throw new MillraceError('E_STORE_MISSING', `The directory ${directory} holds no record yet.`);
  let db: Database.Database | undefined;
  try {
    db = new Database(path, { readonly: true, timeout: busyTimeoutMs });
    registerRowChecksum(db);
    db.pragma(`cache_size = -${cacheKib}`);
    requireVersion(db, directory);
    return connectionOf(db, faults);
  } catch (error) {
    db?.close();
    throw toStoreError(error, `Opening the record in ${directory}`);
  }
}
