import { randomUUID } from 'node:crypto';
import { mkdir, open as openFile, readdir, rename, rm, stat, utimes, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../../util/clock.ts';
import { createSha256, sha256InSteps } from '../../../util/hash.ts';
import { isRunning } from '../../../util/is-running.ts';
import { decodeHeader, encodeHeader, type EntryHeader, firstReadBytes } from './entry-file.ts';
import { tokensOfKey } from './prefix-key.ts';

/** An entry on disk. */
export interface FolderEntry {
  readonly model: string;
  readonly key: string;
  readonly bytes: number;
  /** ms UTC */
  readonly usedAt: number;
}

export type ReadOutcome =
  | { readonly outcome: 'ok'; readonly header: EntryHeader }
  | { readonly outcome: 'missing' }
  /** Not what it should be, by its header or its hash; the file is gone now. */
  | { readonly outcome: 'damaged' };

/**
 * Stored prefixes of one directory on disk: `<path>/<model>/<key>.kv`. Any number of processes may share it: an entry appears whole, by
 * a rename, and may vanish at any time. Nothing is flushed to the platter: what a power cut spoils fails its hash.
 */
export interface PrefixFolder {
  /** Keys of a model's entries. Looks again only when the folder has changed. */
  keys(model: string): Promise<ReadonlySet<string>>;
  /** Reads an entry's cells into the memory that `allocate` gives, and checks them. The memory stays the caller's, whatever comes out. */
  read(model: string, key: string, allocate: (bytes: number) => Uint8Array): Promise<ReadOutcome>;
  /** Writes an entry and deletes those used least recently beyond the limit. False when it is larger than the limit or already there. */
  write(header: Omit<EntryHeader, 'payloadBytes' | 'payloadSha256'>, payload: Uint8Array): Promise<boolean>;
  /** Notes that an entry was used, at most once a minute. */
  touch(model: string, key: string): void;
  remove(model: string, key: string): Promise<void>;
  /** Deletes every entry that `which` names; returns their number. An unreadable header counts as every owner's. */
  removeWhere(which: (header: EntryHeader) => boolean): Promise<number>;
  list(): Promise<readonly FolderEntry[]>;
  header(entry: Pick<FolderEntry, 'model' | 'key'>): Promise<EntryHeader | undefined>;
}

const ending = '.kv';
const partialEnding = '.partial';
/** Bytes of one read or hash step. */
const stepBytes = 2 * 1024 * 1024;
const touchEveryMs = 60_000;
/** What is left of a write is deleted after this long, or when its process is gone. */
const partialAgeMs = 3_600_000;

export function createPrefixFolder(options: {
  readonly path: string;
  readonly limitBytes: number;
  readonly clock: Pick<Clock, 'now'>;
  /** For tests of failing writes. */
  readonly open?: typeof openFile;
}): PrefixFolder {
  const { path, limitBytes, clock, open = openFile } = options;
  const seen = new Map<string, { readonly changedAt: number; readonly keys: ReadonlySet<string> }>();
  const headers = new Map<string, EntryHeader>();
  const touchedAt = new Map<string, number>();
  const folderOf = (model: string): string => join(path, model);
  const fileOf = (model: string, key: string): string => join(path, model, `${key}${ending}`);

  async function models(): Promise<string[]> {
    const entries = await readdir(path, { withFileTypes: true }).catch(emptyWhereMissing);
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  }

  async function list(): Promise<FolderEntry[]> {
    const found: FolderEntry[] = [];
    for (const model of await models()) {
      for (const name of await readdir(folderOf(model)).catch(emptyWhereMissing)) {
        const key = name.endsWith(ending) ? name.slice(0, -ending.length) : '';
        if (tokensOfKey(key) === undefined) {
          if (name.endsWith(partialEnding)) await removeAbandoned(join(folderOf(model), name));
          continue;
        }
        const known = await stat(fileOf(model, key)).catch(undefinedWhereMissing);
        if (known !== undefined) found.push({ model, key, bytes: known.size, usedAt: known.mtimeMs });
      }
    }
    for (const name of headers.keys()) if (!found.some(({ model, key }) => nameOf(model, key) === name)) headers.delete(name);
    return found;
  }

  async function removeAbandoned(file: string): Promise<void> {
    const pid = Number(/\.(\d+)\.[0-9a-f-]+\.partial$/u.exec(file)?.[1] ?? 0);
    const known = await stat(file).catch(undefinedWhereMissing);
    if (known === undefined || (isRunning(pid) && clock.now() - known.mtimeMs < partialAgeMs)) return;
    await rm(file, { force: true });
  }

  async function remove(model: string, key: string): Promise<void> {
    // Times of folders are coarse: what this process changed is looked for again, whatever they say.
    seen.delete(model);
    headers.delete(nameOf(model, key));
    touchedAt.delete(nameOf(model, key));
    await rm(fileOf(model, key), { force: true });
  }

  /** Deletes what was used longest ago, until `bytes` more fit. */
  async function makeRoom(bytes: number): Promise<void> {
    const entries = (await list()).sort((a, b) => a.usedAt - b.usedAt);
    let total = entries.reduce((sum, entry) => sum + entry.bytes, bytes);
    for (const entry of entries) {
      if (total <= limitBytes) return;
      await remove(entry.model, entry.key);
      total -= entry.bytes;
    }
  }

  async function header({ model, key }: Pick<FolderEntry, 'model' | 'key'>): Promise<EntryHeader | undefined> {
    const known = headers.get(nameOf(model, key));
    if (known !== undefined) return known;
    const file = await open(fileOf(model, key), 'r').catch(undefinedWhereMissing);
    if (file === undefined) return undefined;
    try {
      const decoded = await readHeader(file);
      if (decoded !== undefined) headers.set(nameOf(model, key), decoded.header);
      return decoded?.header;
    } finally {
      await file.close();
    }
  }

  return {
    list,
    header,
    remove,
    async keys(model) {
      const changedAt = (await stat(folderOf(model)).catch(undefinedWhereMissing))?.mtimeMs;
      if (changedAt === undefined) return new Set();
      const known = seen.get(model);
      if (known?.changedAt === changedAt) return known.keys;
      const names = await readdir(folderOf(model)).catch(emptyWhereMissing);
      const keys = new Set(names.filter((name) => name.endsWith(ending)).map((name) => name.slice(0, -ending.length)));
      seen.set(model, { changedAt, keys });
      return keys;
    },
    async read(model, key, allocate) {
      const file = await open(fileOf(model, key), 'r').catch(undefinedWhereMissing);
      if (file === undefined) return { outcome: 'missing' };
      try {
        const decoded = await readHeader(file);
        const sound =
          decoded !== undefined &&
          decoded.header.model === model &&
          decoded.header.key === key &&
          decoded.header.tokens === tokensOfKey(key) &&
          (await file.stat()).size === decoded.start + decoded.header.payloadBytes &&
          (await readPayload(file, decoded.start, allocate(decoded.header.payloadBytes))) === decoded.header.payloadSha256;
        if (sound) return { outcome: 'ok', header: decoded.header };
      } finally {
        await file.close();
      }
      await remove(model, key);
      return { outcome: 'damaged' };
    },
    async write(entry, payload) {
      const header = { ...entry, payloadBytes: payload.length, payloadSha256: await sha256InSteps(payload) };
      const head = encodeHeader(header);
      const target = fileOf(entry.model, entry.key);
      if (head.length + payload.length > limitBytes || (await stat(target).catch(undefinedWhereMissing)) !== undefined) return false;
      await mkdir(folderOf(entry.model), { recursive: true, mode: 0o700 });
      await makeRoom(head.length + payload.length);
      const temporary = `${target}.${process.pid}.${randomUUID()}${partialEnding}`;
      try {
        const file = await open(temporary, 'wx', 0o600);
        try {
          await file.writeFile(head);
          await file.writeFile(payload);
        } finally {
          await file.close();
        }
        await rename(temporary, target);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
      seen.delete(entry.model);
      headers.set(nameOf(entry.model, entry.key), header);
      return true;
    },
    touch(model, key) {
      const now = clock.now();
      if (now - (touchedAt.get(nameOf(model, key)) ?? 0) < touchEveryMs) return;
      touchedAt.set(nameOf(model, key), now);
      // Another process may have deleted it, or the folder may be closed to us: the order of use is all that is lost.
      utimes(fileOf(model, key), now / 1_000, now / 1_000).catch(() => undefined);
    },
    async removeWhere(which) {
      let removed = 0;
      for (const entry of await list()) {
        const known = await header(entry);
        if (known !== undefined && !which(known)) continue;
        await remove(entry.model, entry.key);
        removed += 1;
      }
      return removed;
    },
  };
}

const nameOf = (model: string, key: string): string => `${model}/${key}`;

async function readHeader(file: FileHandle): Promise<{ readonly header: EntryHeader; readonly start: number } | undefined> {
  let wanted = firstReadBytes;
  for (let attempt = 0; attempt < 2; attempt++) {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(wanted), 0, wanted, 0);
    const decoded = decodeHeader(buffer.subarray(0, bytesRead));
    if (decoded === undefined || 'header' in decoded) return decoded;
    wanted = decoded.more;
  }
  return undefined;
}

/** Fills `memory` from the file and gives the sha256; a step is hashed while the next one is read. */
async function readPayload(file: FileHandle, start: number, memory: Uint8Array): Promise<string | undefined> {
  const hash = createSha256();
  let hashed = 0;
  let filled = 0;
  while (filled < memory.length) {
    const reading = file.read(memory, filled, Math.min(stepBytes, memory.length - filled), start + filled);
    if (hashed < filled) hash.update(memory.subarray(hashed, filled));
    hashed = filled;
    const { bytesRead } = await reading;
    if (bytesRead === 0) return undefined;
    filled += bytesRead;
  }
  hash.update(memory.subarray(hashed, filled));
  return hash.digest();
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

function emptyWhereMissing(error: unknown): [] {
  if (isMissing(error)) return [];
  throw error;
}

function undefinedWhereMissing(error: unknown): undefined {
  if (isMissing(error)) return undefined;
  throw error;
}
