import { mkdir, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { withFile } from './with-file.ts';

/** Writes a small file so that it is there whole or not at all, also after a power cut. */
export async function writeWhole(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}.partial`;
  await withFile(partial, 'w', async (file) => {
    await file.writeFile(text);
    await file.sync();
  });
  await rename(partial, path);
  await syncFolder(dirname(path));
}

/** Makes renames inside a folder durable. Windows has no such call and needs none for this. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  await withFile(folder, 'r', (handle) => handle.sync());
}
