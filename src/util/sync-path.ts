import { closeSync, fsyncSync, openSync } from 'node:fs';

/** Puts a file (`r+`) or, not on Windows, the names in a folder (`r`) on the disk. */
export function syncPath(path: string, flags: 'r' | 'r+'): void {
  const file = openSync(path, flags);
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
