import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { MillraceError } from '../../errors.ts';
import { makePrivateFile } from '../../util/private-file.ts';
import { toStoreError } from './connection.ts';

/** Who writes to a directory; for messages only, the lock itself is the operating system's. */
export interface StoreOwner {
  readonly pid: number;
  readonly command: string;
  /** Start of the process, ms UTC. */
  readonly startedAt: number;
}

export interface StoreLock {
  release(): void;
}

function ownerPath(directory: string): string {
  return join(directory, 'owner.json');
}

/** Undefined when there is no readable description: it is a help for people, and its writer may just be replacing it. */
export function readOwner(directory: string): StoreOwner | undefined {
  try {
    const { pid, command, startedAt } = JSON.parse(readFileSync(ownerPath(directory), 'utf8')) as Record<string, unknown>;
    return typeof pid === 'number' && typeof command === 'string' && typeof startedAt === 'number'
      ? { pid, command, startedAt }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Time that a new writer gives to those who look whether there is one, ms. */
const lookMs = 250;

function lockPath(directory: string): string {
  return join(directory, 'lock.sqlite');
}

/**
 * Whether a process writes to the directory now: the lock of a living one keeps everybody else from reading the file. Numbers of processes
 * would not tell, they are given again. What cannot be opened nobody holds.
 */
export function isLocked(directory: string): boolean {
  if (!existsSync(lockPath(directory))) return false;
  let db: Database.Database | undefined;
  try {
    db = new Database(lockPath(directory), { readonly: true, timeout: 0 });
    db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get();
    return false;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code).startsWith('SQLITE_BUSY');
  } finally {
    db?.close();
  }
}

function openLock(directory: string): Database.Database {
  makePrivateFile(lockPath(directory));
  return new Database(lockPath(directory), { timeout: lookMs });
}

function markPath(folder: string): string {
  return join(folder, 'being-made');
}

/**
 * The same for a folder that is not whole yet: both files go with the release. The mark is there only while the lock is held; the lock file
 * alone also is while it is taken and given back, and says nothing then.
 */
export function lockPartial(folder: string): StoreLock {
  const db = openLock(folder);
  try {
    db.exec('BEGIN EXCLUSIVE');
    writeFileSync(markPath(folder), '', { mode: 0o600 });
  } catch (error) {
    db.close();
    throw error;
  }
  return {
    release() {
      try {
        rmSync(markPath(folder), { force: true });
      } finally {
        db.close();
      }
      rmSync(lockPath(folder), { force: true });
    },
  };
}

/** Whether who held `lockPartial` of it was ended. Marked before and after the lock was seen free, it was free while it should have been held. */
export function wasLeftPartial(folder: string): boolean {
  const isMarked = (): boolean => existsSync(markPath(folder));
  return isMarked() && !isLocked(folder) && isMarked();
}

/**
 * Makes this process the only writer of the directory, by a transaction of `lock.sqlite` that stays open. The operating system
 * ends it with the process, so a killed writer leaves no lock behind. Throws `E_LOCKED` with the owner's description.
 */
export function lockDirectory(directory: string, owner: StoreOwner): StoreLock {
  const db = openLock(directory);
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    const { code = '' } = error as NodeJS.ErrnoException;
    if (/^SQLITE_(?:NOTADB|CORRUPT)/.test(code)) {
      throw new MillraceError('E_STORE_CORRUPT', `The file lock.sqlite in ${directory} is damaged. It holds nothing of the record.`, {
        remedy: 'Delete it while no process writes to the directory, and repeat the command.',
        cause: error,
      });
    }
    if (!code.startsWith('SQLITE_BUSY')) throw toStoreError(error, `Locking ${directory}`);
    const holder = readOwner(directory);
    const description = holder === undefined ? 'another process' : `process ${holder.pid} (${holder.command})`;
    throw new MillraceError('E_LOCKED', `The directory ${directory} is being written to by ${description}.`, {
      details: { directory, ...(holder === undefined ? {} : { owner: holder }) },
      cause: error,
    });
  }
  try {
    writeFileSync(ownerPath(directory), `${JSON.stringify(owner)}\n`, { mode: 0o600 });
  } catch (error) {
    db.close();
    throw toStoreError(error, `Writing owner.json in ${directory}`);
  }
  return {
    release() {
      rmSync(ownerPath(directory), { force: true });
      db.exec('ROLLBACK');
      db.close();
    },
  };
}
