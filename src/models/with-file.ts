import { open, type FileHandle } from 'node:fs/promises';

/** Opens a file for the time of `use`, and closes it however that ends. */
export async function withFile<T>(path: string, flags: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, flags);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}
