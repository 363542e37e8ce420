import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { MillraceError } from '../../errors.ts';
import { isRunning } from '../../util/is-running.ts';
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

/** Whether the process that last said it writes here is there; one that was killed says so still. */
export function hasLivingOwner(directory: string): boolean {
  const owner = readOwner(directory);
  return owner !== undefined && isRunning(owner.pid);
}

/**
 * Makes this process the only writer of the directory, by a transaction of `lock.sqlite` that stays open. The operating system
 * ends it with the process, so a killed writer leaves no lock behind. Throws `E_LOCKED` with the owner's description.
 */
export function lockDirectory(directory: string, owner: StoreOwner): StoreLock {
  const path = join(directory, 'lock.sqlite');
  makePrivateFile(path);
  const db = new Database(path, { timeout: 0 });
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
