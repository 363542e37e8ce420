import { open, realpath } from 'node:fs/promises';
import { relative, isAbsolute } from 'node:path';
import { MillraceError, toMillraceError } from '../errors.ts';
import { createSha256 } from '../util/hash.ts';

export interface FileContent {
  readonly bytes: Uint8Array;
  readonly sha256: string;
  /** Integer ms UTC. */
  readonly mtime: number;
  readonly size: number;
}

/** Largest file that is read at all. */
export const maxFileBytes = 1024 * 1024 * 1024;

/** Read and hashed in slices of this size, so that the main thread is held for a few milliseconds at most. */
const sliceBytes = 4 * 1024 * 1024;

/**
 * The whole content of a regular file below `root`, with its hash.
 * @throws MillraceError E_SOURCE_MISSING, E_SOURCE_UNREADABLE (permission, not a regular file, a link out of the root),
 *   E_SOURCE_TOO_LARGE, E_SOURCE_CHANGED (written to meanwhile)
 */
export async function readWholeFile(path: string, root: string, signal: AbortSignal): Promise<FileContent> {
  const [real, realRoot] = await Promise.all([realpath(path), realpath(root)]).catch((error: unknown) => {
    throw describe(error, path);
  });
  const inside = relative(realRoot, real);
  if (inside.startsWith('..') || isAbsolute(inside)) {
    throw new MillraceError('E_SOURCE_UNREADABLE', `The file ${path} is a link that leads out of ${root}.`);
  }
  const file = await open(real, 'r').catch((error: unknown) => {
    throw describe(error, path);
  });
  try {
    const before = await file.stat();
    if (!before.isFile()) throw new MillraceError('E_SOURCE_UNREADABLE', `${path} is not a regular file.`);
    if (before.size > maxFileBytes) {
      throw new MillraceError('E_SOURCE_TOO_LARGE', `The file ${path} has ${before.size} bytes; at most ${maxFileBytes} are read.`);
    }
    const bytes = new Uint8Array(before.size);
    const hash = createSha256();
    let position = 0;
    while (position < bytes.length) {
      signal.throwIfAborted();
      const { bytesRead } = await file.read(bytes, position, Math.min(sliceBytes, bytes.length - position), position);
      if (bytesRead === 0) break;
      hash.update(bytes.subarray(position, position + bytesRead));
      position += bytesRead;
    }
    const after = await file.stat();
    if (position !== before.size || after.size !== before.size || after.mtimeMs !== before.mtimeMs || after.ino !== before.ino) {
      throw new MillraceError('E_SOURCE_CHANGED', `The file ${path} changed while it was being read.`);
    }
    return { bytes, sha256: hash.digest(), mtime: Math.round(before.mtimeMs), size: before.size };
  } catch (error) {
    throw describe(error, path);
  } finally {
    await file.close();
  }
}

function describe(error: unknown, path: string): MillraceError {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return new MillraceError('E_SOURCE_MISSING', `The file ${path} does not exist any more.`, { cause: error });
  if (code === 'EACCES' || code === 'EPERM' || code === 'ELOOP' || code === 'EISDIR') {
    return new MillraceError('E_SOURCE_UNREADABLE', `The file ${path} cannot be read (${code}).`, { cause: error });
  }
  return toMillraceError(error, 'E_SOURCE_UNREADABLE', `The file ${path}`);
}
