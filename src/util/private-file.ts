import { closeSync, openSync } from 'node:fs';

/**
 * Makes an empty file that only its owner can read, for what is then written by a library that would make it by the umask. One that is
 * there already stays as it is.
 */
export function makePrivateFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
