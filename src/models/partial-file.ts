import { createHash } from 'node:crypto';
import { type FileHandle, rename, rm, stat } from 'node:fs/promises';
import { asDiskFull, type Disk } from './disk.ts';
import { feedHash } from './hash-file.ts';
import { syncFolder } from '../util/files.ts';
import { dirname } from 'node:path';

/**
 * A file that grows from what an earlier attempt left, and is hashed while it grows. It takes its final name only when it is
 * complete, hashed and on the disk.
 */
export class PartialFile {
  readonly path: string;
  readonly #finalPath: string;
  readonly #expectedBytes: number;
  readonly #file: FileHandle;
  #hash = createHash('sha256');
  #bytes = 0;

  private constructor(finalPath: string, file: FileHandle, expectedBytes: number) {
    this.#finalPath = finalPath;
    this.path = partialPath(finalPath);
    this.#file = file;
    this.#expectedBytes = expectedBytes;
  }

  /** Opens the partial file of `finalPath` and keeps its first `keepBytes` (at most what is there). */
  static async open(
    finalPath: string,
    options: { disk: Disk; keepBytes: number; expectedBytes: number; signal?: AbortSignal | undefined },
  ): Promise<PartialFile> {
    const path = partialPath(finalPath);
    const there = await partialBytes(finalPath);
    const keep = Math.min(there, options.keepBytes);
    const handle = await options.disk.open(path, there === 0 ? 'w' : 'r+').catch((error: unknown) => {
      throw asDiskFull(error, path, options.expectedBytes);
    });
    const file = new PartialFile(finalPath, handle, options.expectedBytes);
    try {
      await handle.truncate(keep);
      file.#bytes = await feedHash(file.#hash, path, { bytes: keep, signal: options.signal });
    } catch (error) {
      await handle.close();
      throw error;
    }
    return file;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @throws MillraceError E_DISK_FULL; what was written before stays */
  async append(part: Uint8Array): Promise<void> {
    let written = 0;
    try {
      while (written < part.byteLength) {
        const { bytesWritten } = await this.#file.write(part, written, part.byteLength - written, this.#bytes + written);
        written += bytesWritten;
      }
    } catch (error) {
      throw asDiskFull(error, this.path, Math.max(0, this.#expectedBytes - this.#bytes));
    }
    this.#hash.update(part);
    this.#bytes += part.byteLength;
  }

  async restart(): Promise<void> {
    await this.#file.truncate(0);
    this.#hash = createHash('sha256');
    this.#bytes = 0;
  }

  async sync(): Promise<void> {
    await this.#file.sync();
  }

  /** sha256 of what is there; ends the hashing. */
  digest(): string {
    return this.#hash.digest('hex');
  }

  /** Gives the file its final name, durably. */
  async finish(): Promise<void> {
    await this.#file.sync();
    await this.#file.close();
    await rename(this.path, this.#finalPath);
    await syncFolder(dirname(this.#finalPath));
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async discard(): Promise<void> {
    await this.#file.close();
    await rm(this.path, { force: true });
  }
}

export function partialPath(finalPath: string): string {
  return `${finalPath}.partial`;
}

/** Length of the partial file of `finalPath`; 0 when there is none. */
export async function partialBytes(finalPath: string): Promise<number> {
  return fileBytes(partialPath(finalPath));
}

/** Length of a file; 0 when there is none. */
export async function fileBytes(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
