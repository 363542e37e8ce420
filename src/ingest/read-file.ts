import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readlink, realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, sep } from 'node:path';
import { MillraceError, toMillraceError } from '../errors.ts';
import type { StreamedBytes } from '../spec/parser.ts';
import { createSha256 } from '../util/hash.ts';

/** A regular file as it was when it was looked at. */
export interface LookedFile {
  readonly size: number;
  /** Integer ms UTC. */
  readonly mtime: number;
  /** The whole content, if the file still is as it was looked at, before and after. That of a large one is read again whenever it is asked for. */
  read(signal: AbortSignal): Promise<ReadContent>;
}

export interface ReadContent {
  readonly bytes: Uint8Array | StreamedBytes;
  readonly sha256: string;
}

/** Largest file that is read at all. */
const maxFileBytes = 1024 * 1024 * 1024;

/** Read and hashed in slices of this size, so that the main thread is held for a few milliseconds at most. */
const sliceBytes = 4 * 1024 * 1024;

/** A larger file is never in memory as a whole, and goes to its parser in slices of this size. */
const largeBytes = 8 * 1024 * 1024;
const streamedSliceBytes = 1024 * 1024;

/**
 * Looks at a file below `root` without opening it.
 * @throws MillraceError E_SOURCE_MISSING, E_SOURCE_UNREADABLE (permission, not a regular file, a link out of the root),
 *   E_SOURCE_TOO_LARGE; `read` also E_SOURCE_CHANGED (written to meanwhile)
 */
export async function lookAtFile(path: string, root: string): Promise<LookedFile> {
  try {
    const status = await lstat(path);
    // Where a path leads is asked before it is read; most files of a folder that is ingested again are not.
    const looked = status.isSymbolicLink() ? await stat(await realInside(path, root)) : status;
    requireRegular(looked, path);
    if (looked.size > maxFileBytes) {
      const details = { bytes: looked.size, maxFileBytes };
      throw new MillraceError('E_SOURCE_TOO_LARGE', `The file ${path} has ${looked.size} bytes; at most ${maxFileBytes} are read.`, {
        details,
        remedy: 'Split it.',
      });
    }
    return { size: looked.size, mtime: Math.round(looked.mtimeMs), read: (signal) => readLooked(path, root, looked, signal) };
  } catch (error) {
    throw describe(error, path);
  }
}

/** The path without links, which must not lead out of the root. */
async function realInside(path: string, root: string): Promise<string> {
  const [real, realRoot] = await Promise.all([realpath(path), realpath(root)]);
  if (isInside(real, realRoot)) return real;
  throw new MillraceError('E_SOURCE_UNREADABLE', `The file ${path} is a link that leads out of ${root}.`, {
    remedy: 'Leave it out, or name the file that it leads to.',
  });
}

function isInside(path: string, folder: string): boolean {
  const inside = relative(folder, path);
  return inside !== '..' && !inside.startsWith(`..${sep}`) && !isAbsolute(inside);
}

/**
 * Refuses an open file that lies outside the root. Its place may be spelled in another way than its path: where cases are one, the system
 * names both it and the root as they were first called.
 */
async function requireInside({ fd }: FileHandle, real: string, path: string, root: string): Promise<void> {
  const place = await placeOf(fd);
  if (place === real) return;
  if (place === undefined) {
    // Where its path leads by now is all that can be asked.
    if ((await realInside(path, root)) !== real) throw changed(path);
    return;
  }
  const folder = await open(root, constants.O_RDONLY | (constants.O_DIRECTORY ?? 0));
  try {
    if (!isInside(place, (await placeOf(folder.fd)) ?? root)) throw changed(path);
  } finally {
    await folder.close();
  }
}

/** Where what is open lies. Only Linux tells. */
async function placeOf(fd: number): Promise<string | undefined> {
  return process.platform === 'linux' ? readlink(`/proc/self/fd/${fd}`).catch(() => undefined) : undefined;
}

async function readLooked(path: string, root: string, looked: Stats, signal: AbortSignal): Promise<ReadContent> {
  const hash = createSha256();
  if (looked.size > largeBytes) {
    for await (const slice of readSlices(path, root, looked, streamedSliceBytes, signal)) hash.update(slice);
    const sha256 = hash.digest();
    return { bytes: { length: looked.size, read: (ofReader) => readAgain(path, root, looked, sha256, ofReader) }, sha256 };
  }
  const bytes = new Uint8Array(looked.size);
  let position = 0;
  for await (const slice of readSlices(path, root, looked, sliceBytes, signal, bytes)) {
    hash.update(slice);
    position += slice.length;
  }
  return { bytes: bytes.subarray(0, position), sha256: hash.digest() };
}

/** What was hashed before, and nothing else. */
async function* readAgain(path: string, root: string, looked: Stats, sha256: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const hash = createSha256();
  for await (const slice of readSlices(path, root, looked, streamedSliceBytes, signal)) {
    hash.update(slice);
    yield slice;
  }
  if (hash.digest() !== sha256) throw changed(path);
}

/** The content slice by slice, each good until the next one, in `into` where it is given. */
async function* readSlices(
  path: string,
  root: string,
  looked: Stats,
  length: number,
  signal: AbortSignal,
  into?: Uint8Array,
): AsyncGenerator<Uint8Array> {
  let file: FileHandle | undefined;
  try {
    const real = await realInside(path, root);
    signal.throwIfAborted();
    // A pipe that took the place of the file must not block.
    file = await open(real, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0));
    // A folder above it may have become a link meanwhile.
    await requireInside(file, real, path, root);
    const before = await file.stat();
    requireRegular(before, path);
    requireSame(looked, before, path);
    const buffer = into ?? new Uint8Array(length);
    let position = 0;
    while (position < looked.size) {
      signal.throwIfAborted();
      const at = into === undefined ? 0 : position;
      const { bytesRead } = await file.read(buffer, at, Math.min(length, looked.size - position), position);
      if (bytesRead === 0) break;
      yield buffer.subarray(at, at + bytesRead);
      position += bytesRead;
    }
    if (position !== looked.size) throw changed(path);
    requireSame(looked, await file.stat(), path);
    requireSame(looked, await stat(real), path);
  } catch (error) {
    signal.throwIfAborted();
    throw describe(error, path);
  } finally {
    await file?.close();
  }
}

function requireRegular(status: Stats, path: string): void {
  if (status.isFile()) return;
  const kind = status.isDirectory()
    ? 'a folder'
    : status.isFIFO()
      ? 'a named pipe'
      : status.isSocket()
        ? 'a socket'
        : status.isCharacterDevice() || status.isBlockDevice()
          ? 'a device'
          : 'a special file';
  throw new MillraceError('E_SOURCE_UNREADABLE', `${path} is ${kind}, not a regular file.`, { remedy: 'Leave it out.' });
}

type Identity = Pick<Stats, 'size' | 'mtimeMs' | 'ino' | 'dev'>;

function requireSame(looked: Identity, now: Identity, path: string): void {
  const same = looked.size === now.size && looked.mtimeMs === now.mtimeMs && looked.ino === now.ino && looked.dev === now.dev;
  if (!same) throw changed(path);
}

function changed(path: string): MillraceError {
  return new MillraceError('E_SOURCE_CHANGED', `The file ${path} changed while it was being read.`);
}

function describe(error: unknown, path: string): MillraceError {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' && path.includes('\uFFFD')) {
    return new MillraceError('E_SOURCE_UNREADABLE', `The name of the file ${path} is not valid UTF-8.`, {
      cause: error,
      remedy: 'Rename the file.',
    });
  }
  if (code === 'ENOENT') return new MillraceError('E_SOURCE_MISSING', `The file ${path} does not exist any more.`, { cause: error });
  if (code === 'EACCES' || code === 'EPERM' || code === 'ELOOP' || code === 'EISDIR' || code === 'ENXIO') {
    return new MillraceError('E_SOURCE_UNREADABLE', `The file ${path} cannot be read (${code}).`, { cause: error });
  }
  return toMillraceError(error, 'E_SOURCE_UNREADABLE', `The file ${path}`);
}
