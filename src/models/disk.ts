import { open, statfs, type FileHandle } from 'node:fs/promises';
import { MillraceError } from '../errors.ts';

/** The parts of the file system that tests replace to make a disk full. */
export interface Disk {
  /** Bytes that this user can still write beside `path`. */
  freeBytes(path: string): Promise<number>;
  open(path: string, flags: string): Promise<FileHandle>;
}

export const systemDisk: Disk = {
  async freeBytes(path) {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  },
  open: (path, flags) => open(path, flags),
};

/** Space that is left free, so that a pull never takes the last byte. */
const slackBytes = 16 * 1024 * 1024;

/** @throws MillraceError E_DISK_FULL, with `neededBytes`, `freeBytes` and `path` in its details, before anything is fetched */
export async function requireFreeSpace(disk: Disk, path: string, bytes: number, model: string): Promise<void> {
  const neededBytes = bytes + slackBytes;
  const freeBytes = await disk.freeBytes(path);
  if (freeBytes >= neededBytes) return;
  throw new MillraceError(
    'E_DISK_FULL',
    `Fetching ${model} needs ${megabytes(neededBytes)} in ${path}, and ${megabytes(freeBytes)} are free.`,
    {
      remedy: `Free at least ${megabytes(neededBytes - freeBytes)}, or set MILLRACE_HOME to a folder on another disk.`,
      details: { neededBytes, freeBytes, path },
    },
  );
}

/** An error of the file system as E_DISK_FULL when the disk was full; other errors as they are. */
export function asDiskFull(error: unknown, path: string, neededBytes: number): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new MillraceError('E_DISK_FULL', `The disk became full while writing ${path}. What was fetched is kept.`, {
    cause: error,
    remedy: `Free at least ${megabytes(neededBytes)} and repeat the command; it goes on where it stopped.`,
    details: { neededBytes, path },
  });
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
