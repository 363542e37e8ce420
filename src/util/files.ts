import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes a rename or a new file in a folder survive a power cut. Windows has no handle for folders: the rename is durable there by itself. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Writes and removes an empty file where `writeFileAtomically` would put its own: rejects with what it would reject with. */
export async function tryToWriteBeside(path: string): Promise<void> {
  const probe = `${path}.${randomUUID()}.partial`;
  await (await open(probe, 'wx', 0o600)).close();
  await rm(probe);
}

/** Steps of writing a file: its content is in the temporary file, is on the disk, has its name. */
export type WriteStep = 'written' | 'synced' | 'named';

/**
 * Writes a file whole or not at all: temporary file beside it, fsync, rename, fsync of the folder. Several writers of one file, in one
 * process or many, do not disturb each other: the last to be done wins. After a failure the old file stands and nothing else is left.
 * The caller may sync the folder itself, once for many files.
 */
export async function writeFileAtomically(
  path: string,
  content: string | Uint8Array,
  { reached, syncsFolder = true }: { readonly reached?: (step: WriteStep) => void; readonly syncsFolder?: boolean } = {},
): Promise<void> {
  const temporary = `${path}.${randomUUID()}.partial`;
  const file = await open(temporary, 'wx', 0o600);
  try {
    try {
      await file.writeFile(content);
      reached?.('written');
      await file.sync();
      reached?.('synced');
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    reached?.('named');
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  if (syncsFolder) await syncFolder(dirname(path));
}
