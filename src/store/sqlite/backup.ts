import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MillraceError } from '../../errors.ts';
import { makePrivateFile } from '../../util/private-file.ts';
import { syncPath } from '../../util/sync-path.ts';
import { blobPath } from '../blob-files.ts';
import { type Connection, recordPath } from './connection.ts';
import { lockPartial } from './lock.ts';

/**
 * A whole directory of one moment in a new folder: the record written anew (`VACUUM INTO` reads one state, whatever is committed
 * meanwhile), the kept bytes that it names, everything fsynced, and the folder named last: until then it is called `partial`, and the caller
 * removes it, whatever ends this. Indexes are made anew where it is opened.
 * @throws MillraceError E_OUTPUT_EXISTS, E_STORE_CORRUPT (kept bytes are gone), E_DISK_FULL
 */
export function backUp(connection: Connection, directory: string, target: string, partial: string): void {
  if (existsSync(target) && (readdirSync(target).length > 0 || existsSync(recordPath(target)))) {
    throw new MillraceError('E_OUTPUT_EXISTS', `The folder ${target} exists already and is not empty.`, { remedy: 'Name a new folder.' });
  }
  mkdirSync(join(partial, 'blobs'), { recursive: true, mode: 0o700 });
  // Whoever finds the folder can tell whether it is still being made.
  const lock = lockPartial(partial);
  try {
    fill(connection, directory, partial);
    // Empty when it was looked at: what somebody has put there since stays.
    if (existsSync(target)) rmdirSync(target);
  } finally {
    lock.release();
  }
  renameSync(partial, target);
  connection.faults.reach('backup-named');
  if (process.platform !== 'win32') syncPath(dirname(target), 'r');
}

function fill(connection: Connection, directory: string, partial: string): void {
  makePrivateFile(recordPath(partial));
  // A snapshot cannot be taken inside a transaction, and the names of the kept bytes must be those of the snapshot.
  connection.db.prepare('VACUUM INTO ?').run(recordPath(partial));
  const names = blobsOf(connection, recordPath(partial));
  for (const name of names) copyBlob(directory, partial, name);
  connection.faults.reach('backup-copied');
  writeFileSync(join(partial, '.gitignore'), '*\n', { mode: 0o600 });
  syncPath(recordPath(partial), 'r+');
  if (process.platform !== 'win32') for (const folder of [join(partial, 'blobs'), partial]) syncPath(folder, 'r');
  connection.faults.reach('backup-synced');
}

function blobsOf(connection: Connection, snapshot: string): readonly string[] {
  connection.db.prepare('ATTACH ? AS snapshot').run(snapshot);
  try {
    const rows = connection.db.prepare('SELECT DISTINCT blob FROM snapshot.sources WHERE blob IS NOT NULL').all() as { blob: string }[];
    return rows.map(({ blob }) => blob);
  } finally {
    connection.db.exec('DETACH snapshot');
  }
}

function copyBlob(directory: string, target: string, name: string): void {
  const copy = blobPath(target, name);
  try {
    copyFileSync(blobPath(directory, name), copy);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new MillraceError('E_STORE_CORRUPT', `The kept bytes ${name} went away while the backup was made, or are missing.`, {
      remedy: 'Repeat the backup; if it fails again, run "millrace verify".',
      cause: error,
    });
  }
  syncPath(copy, 'r+');
}
