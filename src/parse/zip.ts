import { constants, inflateRawSync } from 'node:zlib';
import { type Entry, fromBufferPromise, getFileNameLowLevel, type ZipFile } from 'yauzl';
import { MillraceError } from '../errors.ts';

/** What one archive may unpack to. Beyond it lies a bomb, or something to be unpacked by hand. */
export interface UnpackLimits {
  readonly entries: number;
  readonly bytes: number;
  /** Unpacked to packed bytes; counts once `ratioFromBytes` are unpacked. */
  readonly ratio: number;
  readonly ratioFromBytes: number;
}

const megabyte = 1024 * 1024;

export const unpackLimits: UnpackLimits = { entries: 10_000, bytes: 200 * megabyte, ratio: 100, ratioFromBytes: 10 * megabyte };

export interface ZipEntry {
  readonly name: string;
  /** Unpacked, as the archive says; it may lie. */
  readonly size: number;
  /** As `ZipArchive.read`, also where another entry has the same name. */
  read(): Promise<Buffer<ArrayBuffer>>;
}

/** A zip archive in memory. Folders are left out. By its name the last of several entries is meant. */
export interface ZipArchive {
  readonly entries: readonly ZipEntry[];
  /** The directory at the end of the archive is missing or damaged: entries were found by their own headers, and the last may be cut off. */
  readonly recovered: boolean;
  has(name: string): boolean;
  /** @throws MillraceError E_DOCUMENT_DAMAGED, E_DOCUMENT_ENCRYPTED, E_DOCUMENT_TOO_LARGE (all entries read so far count) */
  read(name: string): Promise<Buffer<ArrayBuffer>>;
  /** The same, `undefined` where there is no such entry. */
  readIfThere(name: string): Promise<Buffer<ArrayBuffer> | undefined>;
}

/** Counts what leaves a container against the limits. */
export function createUnpackMeter(packedBytes: number, what: string, limits: UnpackLimits = unpackLimits) {
  let unpacked = 0;
  return {
    /** @throws MillraceError E_DOCUMENT_TOO_LARGE */
    count(bytes: number): void {
      unpacked += bytes;
      if (unpacked > limits.bytes) throw tooLarge(what, `more than ${Math.round(limits.bytes / megabyte)} MB`);
      if (unpacked > limits.ratioFromBytes && unpacked > limits.ratio * packedBytes) {
        throw tooLarge(what, `more than ${limits.ratio} times its size`);
      }
    },
    get left() {
      return limits.bytes - unpacked;
    },
  };
}

export function tooLarge(what: string, amount: string): MillraceError {
  return new MillraceError('E_DOCUMENT_TOO_LARGE', `${what} unpacks to ${amount}, as archives do that are made to fill memory.`);
}

interface Source {
  /** Where its own header begins. */
  readonly at: number;
  /** Its packed bytes, as the archive says. */
  readonly packedSize: number;
  readonly name: string;
  readonly size: number;
  readonly encrypted: boolean;
  read(count: (bytes: number) => void): Promise<Buffer<ArrayBuffer>>;
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

  async function readSource(source: Source): Promise<Buffer<ArrayBuffer>> {
    if (source.encrypted) throw new MillraceError('E_DOCUMENT_ENCRYPTED', `${name} is protected by a password.`);
    return source.read(meter.count);
  }
  async function read(entry: string): Promise<Buffer<ArrayBuffer>> {
    const source = byName.get(entry);
    if (source === undefined) throw new MillraceError('E_DOCUMENT_DAMAGED', `${name} lacks its part ${entry}.`);
    return readSource(source);
  }
  return {
    entries: sources.map((source) => ({ name: source.name, size: source.size, read: () => readSource(source) })),
    recovered,
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
): Promise<{ readonly sources: Source[]; readonly whole: boolean }> {
  const found: Source[] = [];
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

const localHeader = Buffer.from('PK\u0003\u0004', 'latin1');

/** By the header before each entry, for an archive that was cut off. Those that are listed already are left out. */
function scanEntries(buffer: Buffer<ArrayBuffer>, name: string, limits: UnpackLimits, listed: readonly Source[]): Source[] {
  const found: Source[] = [];
  const listedSizes = new Map(listed.map(({ at, packedSize }) => [at, packedSize]));
  let start = buffer.indexOf(localHeader);
  while (start !== -1 && start + 30 <= buffer.length) {
    const flags = buffer.readUInt16LE(start + 6);
    const method = buffer.readUInt16LE(start + 8);
    const nameEnd = start + 30 + buffer.readUInt16LE(start + 26);
    const entry = buffer.toString((flags & 0x800) === 0 ? 'latin1' : 'utf8', start + 30, nameEnd);
    const begin = nameEnd + buffer.readUInt16LE(start + 28);
    const end = endOfData(buffer, begin, listedSizes.get(start) ?? sizeInHeader(buffer, start));
    if (!listedSizes.has(start) && entry !== '' && !entry.endsWith('/') && (method === 0 || method === 8)) {
      if (listed.length + found.length >= limits.entries) throw tooLarge(name, `more than ${limits.entries} entries`);
      const packed = buffer.subarray(begin, end);
      found.push({
        at: start,
        packedSize: packed.length,
        name: entry,
        size: buffer.readUInt32LE(start + 22),
        encrypted: (flags & 1) !== 0,
        read: (count) => Promise.resolve(inflateWhatIsThere(packed, method, name, limits, count)),
      });
    }
    start = buffer.indexOf(localHeader, end);
  }
  return found;
}

/** `undefined` where only the record behind the data says it, or nothing that can be: packed data is never empty. */
function sizeInHeader(buffer: Buffer<ArrayBuffer>, start: number): number | undefined {
  const size = buffer.readUInt32LE(start + 18);
  const isBehind = (buffer.readUInt16LE(start + 6) & 8) !== 0;
  const isStored = buffer.readUInt16LE(start + 8) === 0;
  return isBehind || (size === 0 && !isStored) ? undefined : size;
}

/** By the size where it fits, for data may be an archive itself; where the next header begins otherwise. */
function endOfData(buffer: Buffer<ArrayBuffer>, begin: number, size: number | undefined): number {
  if (size !== undefined && begin + size <= buffer.length) return begin + size;
  const following = buffer.indexOf(localHeader, begin);
  // A header where data begins is that of an archive inside, which was cut off with this one.
  return following === -1 || (following === begin && size !== undefined) ? buffer.length : following;
}

function inflateWhatIsThere(
  packed: Buffer<ArrayBuffer>,
  method: number,
  name: string,
  limits: UnpackLimits,
  count: (bytes: number) => void,
): Buffer<ArrayBuffer> {
  let content: Buffer<ArrayBuffer> = packed;
  if (method === 8) {
    try {
      content = inflateRawSync(packed, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: limits.bytes });
    } catch (error) {
      throw new MillraceError('E_DOCUMENT_DAMAGED', `${name} is cut off and damaged.`, { cause: error });
    }
  }
  count(content.length);
  return content;
}
