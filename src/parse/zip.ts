import { type Entry, fromBufferPromise, getFileNameLowLevel, type ZipFile } from 'yauzl';
import { MillraceError } from '../errors.ts';
import { createUnpackMeter, tooLarge, type UnpackLimits, unpackLimits } from './unpack-limits.ts';
import { scanEntries, type ZipSource } from './zip-recovery.ts';

export interface ZipEntry {
  readonly name: string;
  /** Unpacked, as the archive says; it may lie. */
  readonly size: number;
  /** CRC-32 of its content, as the archive says; undefined where it does not, or is damaged itself. */
  readonly checksum: number | undefined;
  /** As `ZipArchive.read`, also where another entry has the same name. */
  read(): Promise<Buffer<ArrayBuffer>>;
}

/** A zip archive in memory. Folders are left out. By its name the last of several entries is meant. */
export interface ZipArchive {
  readonly entries: readonly ZipEntry[];
  /** The directory at the end of the archive is missing or damaged: entries were found by their own headers, and the last may be cut off. */
  readonly recovered: boolean;
  /** Entries of a recovered archive whose end nothing tells: they were taken to end where the next one seems to begin. */
  readonly guessed: readonly string[];
  has(name: string): boolean;
  /** @throws MillraceError E_DOCUMENT_DAMAGED, E_DOCUMENT_ENCRYPTED, E_DOCUMENT_TOO_LARGE (all entries read so far count) */
  read(name: string): Promise<Buffer<ArrayBuffer>>;
  /** The same, `undefined` where there is no such entry. */
  readIfThere(name: string): Promise<Buffer<ArrayBuffer> | undefined>;
}

/** @throws MillraceError E_DOCUMENT_DAMAGED where there is no entry, E_DOCUMENT_TOO_LARGE for too many */
export async function openZip(bytes: Uint8Array, name: string, limits: UnpackLimits = unpackLimits): Promise<ZipArchive> {
  const buffer = Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
  const meter = createUnpackMeter(buffer.length, name, limits);
  const { sources, whole } = await listEntries(buffer, name, limits);
  const recovered = !whole || sources.length === 0;
  if (recovered) {
    sources.push(...scanEntries(buffer, name, limits, sources));
  }
  if (sources.length === 0)
    throw new MillraceError('E_DOCUMENT_DAMAGED', `${name} is not a complete ZIP archive: it holds no readable entry.`);
  const byName = new Map(sources.map((source) => [source.name, source]));

  async function readSource(source: ZipSource): Promise<Buffer<ArrayBuffer>> {
    if (source.encrypted) throw new MillraceError('E_DOCUMENT_ENCRYPTED', `${name} is protected by a password.`);
    return source.read(meter.count);
  }
  async function read(entry: string): Promise<Buffer<ArrayBuffer>> {
    const source = byName.get(entry);
    if (source === undefined) throw new MillraceError('E_DOCUMENT_DAMAGED', `${name} lacks its part ${entry}.`);
    return readSource(source);
  }
  return {
    entries: sources.map((source) => ({
      name: source.name,
      size: source.size,
      checksum: source.checksum,
      read: () => readSource(source),
    })),
    recovered,
    guessed: sources.filter(({ isGuessed }) => isGuessed).map((source) => source.name),
    has: (entry) => byName.has(entry),
    read,
    readIfThere: (entry) => (byName.has(entry) ? read(entry) : Promise.resolve(undefined)),
  };
}

/** By the directory at the end, as far as it can be read; `whole` where it could to its end. */
async function listEntries(
  buffer: Buffer<ArrayBuffer>,
  name: string,
  limits: UnpackLimits,
): Promise<{ readonly sources: ZipSource[]; readonly whole: boolean }> {
  const found: ZipSource[] = [];
  let zip: ZipFile;
  try {
    // Names are decoded here: what they say is of no harm, and one that is refused would end the list.
    zip = await fromBufferPromise(buffer, { decodeStrings: false });
    if (zip.entryCount > limits.entries) throw tooLarge(name, `${zip.entryCount} entries, more than ${limits.entries}`);
    for await (const entry of zip.eachEntry()) {
      const entryName = nameOf(entry);
      if (entryName.endsWith('/')) continue;
      if (found.length >= limits.entries) throw tooLarge(name, `more than ${limits.entries} entries`);
      found.push({
        at: entry.relativeOffsetOfLocalHeader,
        packedSize: entry.compressedSize,
        name: entryName,
        size: entry.uncompressedSize,
        encrypted: entry.isEncrypted(),
        isGuessed: false,
        // Some programs leave it out.
        checksum: entry.crc32 === 0 ? undefined : entry.crc32,
        read: (count) => readEntry(zip, entry, entryName, name, count),
      });
    }
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    // No end of the directory, or a bad record in it: what was listed so far is kept.
    return { sources: found, whole: false };
  }
  return { sources: found, whole: true };
}

/** With forward slashes, as the format demands and some programs do not write. */
function nameOf({ generalPurposeBitFlag, fileNameRaw, extraFields }: Entry): string {
  return getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, extraFields, false);
}

async function readEntry(
  zip: ZipFile,
  entry: Entry,
  entryName: string,
  name: string,
  count: (bytes: number) => void,
): Promise<Buffer<ArrayBuffer>> {
  const parts: Buffer[] = [];
  try {
    const stream = await zip.openReadStreamPromise(entry);
    for await (const part of stream) {
      count((part as Buffer).length);
      parts.push(part as Buffer);
    }
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    throw new MillraceError('E_DOCUMENT_DAMAGED', `${name} is damaged inside its part ${entryName}: ${(error as Error).message}.`, {
      cause: error,
    });
  }
  return Buffer.concat(parts);
}
