import { constants, inflateRawSync } from 'node:zlib';
import { MillraceError } from '../errors.ts';
import { tooLarge, type UnpackLimits } from './unpack-limits.ts';

/** An entry of an archive, wherever it was found. */
export interface ZipSource {
  /** Where its own header begins. */
  readonly at: number;
  /** Its packed bytes, as the archive says. */
  readonly packedSize: number;
  readonly name: string;
  readonly size: number;
  readonly encrypted: boolean;
  /** Nothing tells where it ends. */
  readonly isGuessed: boolean;
  readonly checksum: number | undefined;
  read(count: (bytes: number) => void): Promise<Buffer<ArrayBuffer>>;
}

const localHeader = Buffer.from('PK\u0003\u0004', 'latin1');
const directoryRecord = Buffer.from('PK\u0001\u0002', 'latin1');
const descriptor = Buffer.from('PK\u0007\u0008', 'latin1');
const sizesBehind = 8;
const stored = 0;
const deflated = 8;
/** What a field of four bytes holds where the number does not fit. */
const inExtraField = 0xffff_ffff;
/** Archives inside have records of their own. */
const descriptorsPerEntry = 16;
/** Damaged streams that are looked into for their end. */
const mostDamaged = 16;

/**
 * By the header before each entry, for an archive whose directory is missing or damaged. Those that are listed already are left out. An
 * entry may be an archive itself and hold headers of its own, so its end is taken from what tells it, in this order: the list, what is left of
 * the directory, its header, the record of sizes behind it, the end of its packed stream. Where nothing does, the next header ends it.
 * @throws MillraceError E_DOCUMENT_TOO_LARGE for too many entries
 */
export function scanEntries(
  buffer: Buffer<ArrayBuffer>,
  name: string,
  limits: UnpackLimits,
  listed: readonly Pick<ZipSource, 'at' | 'packedSize'>[],
): ZipSource[] {
  const found: ZipSource[] = [];
  const isListed = new Set(listed.map(({ at }) => at));
  const sizes = new Map([...sizesInDirectory(buffer, limits.entries), ...listed.map(({ at, packedSize }) => [at, packedSize] as const)]);
  const ends = endsInDescriptors(buffer, descriptorsPerEntry * limits.entries);
  const endOfStream = createStreamEnds(buffer, limits.bytes);
  for (let start = buffer.indexOf(localHeader); start !== -1 && start + 30 <= buffer.length;) {
    const flags = buffer.readUInt16LE(start + 6);
    const method = buffer.readUInt16LE(start + 8);
    const nameEnd = start + 30 + buffer.readUInt16LE(start + 26);
    const entry = buffer.toString((flags & 0x800) === 0 ? 'latin1' : 'utf8', start + 30, nameEnd);
    const begin = nameEnd + buffer.readUInt16LE(start + 28);
    const size = sizes.get(start) ?? sizeInHeader(buffer, start);
    const fits = size !== undefined && begin + size <= buffer.length;
    const told = fits ? begin + size : (ends.get(begin) ?? (method === deflated ? endOfStream(begin) : undefined));
    const end = told ?? nextHeader(buffer, begin, size !== undefined || method === stored);
    if (!isListed.has(start) && entry !== '' && !entry.endsWith('/') && (method === stored || method === deflated)) {
      if (listed.length + found.length >= limits.entries) throw tooLarge(name, `more than ${limits.entries} entries`);
      const packed = buffer.subarray(begin, end);
      found.push({
        at: start,
        packedSize: packed.length,
        name: entry,
        size: buffer.readUInt32LE(start + 22),
        encrypted: (flags & 1) !== 0,
        checksum: undefined,
        isGuessed: told === undefined && end < buffer.length,
        read: (count) => Promise.resolve(inflateWhatIsThere(packed, method, name, limits, count)),
      });
    }
    start = buffer.indexOf(localHeader, end);
  }
  return found;
}

function* placesOf(signature: Buffer, buffer: Buffer, bytesBehind: number): Generator<number> {
  for (let at = buffer.indexOf(signature); at !== -1 && at + bytesBehind <= buffer.length; at = buffer.indexOf(signature, at + 4)) yield at;
}

/**
 * Packed sizes by the place of the header, from records of the directory that name a header and call the entry as it does: those of an archive
 * inside count from its own beginning and name none. At most `most`.
 */
function sizesInDirectory(buffer: Buffer<ArrayBuffer>, most: number): Map<number, number> {
  const sizes = new Map<number, number>();
  for (const at of placesOf(directoryRecord, buffer, 46)) {
    const size = buffer.readUInt32LE(at + 20);
    const start = buffer.readUInt32LE(at + 42);
    const nameOf = (header: number, lengthAt: number, nameAt: number): Buffer =>
      buffer.subarray(header + nameAt, header + nameAt + buffer.readUInt16LE(header + lengthAt));
    if (size === inExtraField || start + 30 > at || !buffer.subarray(start, start + 4).equals(localHeader)) continue;
    if (nameOf(start, 26, 30).equals(nameOf(at, 28, 46))) sizes.set(start, size);
    if (sizes.size >= most) break;
  }
  return sizes;
}

/**
 * Ends of packed data by where it begins, from the records of sizes that are written behind it, with their signature or without, when the
 * sizes were not known before. A size that leads back to where no data begins does no harm. At most `most`.
 */
function endsInDescriptors(buffer: Buffer<ArrayBuffer>, most: number): Map<number, number> {
  const ends = new Map<number, number>();
  const add = (end: number, sizeAt: number): void => {
    const begin = sizeAt < 0 ? -1 : end - buffer.readUInt32LE(sizeAt);
    if (begin >= 0 && !ends.has(begin)) ends.set(begin, end);
  };
  for (const at of placesOf(descriptor, buffer, 16)) {
    add(at, at + 8);
    if (ends.size >= most) return ends;
  }
  const addBefore = (next: number): void => {
    // Checksum and two sizes of 4 bytes, or of 8.
    add(next - 12, next - 8);
    add(next - 20, next - 16);
  };
  for (const signature of [localHeader, directoryRecord]) {
    for (const at of placesOf(signature, buffer, 4)) {
      addBefore(at);
      if (ends.size >= most) return ends;
    }
  }
  addBefore(buffer.length);
  return ends;
}

/** Where the packed stream that begins at a place ends; undefined where it is damaged, or once all together unpack to too much. */
function createStreamEnds(buffer: Buffer<ArrayBuffer>, mostBytes: number): (begin: number) => number | undefined {
  let left = mostBytes;
  return (begin) => {
    if (left <= 0) return undefined;
    try {
      const read = inflateRawSync(buffer.subarray(begin), { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: left, info: true });
      const { buffer: content, engine } = read as unknown as {
        readonly buffer: Buffer;
        readonly engine: { readonly bytesWritten: number };
      };
      left -= content.length;
      return begin + engine.bytesWritten;
    } catch {
      // What was unpacked before the damage is not told.
      left -= mostBytes / mostDamaged;
      return undefined;
    }
  };
}

/** `undefined` where only the record behind the data says it, or nothing that can be: packed data is never empty. */
function sizeInHeader(buffer: Buffer<ArrayBuffer>, start: number): number | undefined {
  const size = buffer.readUInt32LE(start + 18);
  const isBehind = (buffer.readUInt16LE(start + 6) & sizesBehind) !== 0;
  const isStored = buffer.readUInt16LE(start + 8) === stored;
  return isBehind || (size === 0 && !isStored) ? undefined : size;
}

/** @param mayBeArchive a header where data begins is that of an archive inside, which was cut off with this one */
function nextHeader(buffer: Buffer<ArrayBuffer>, begin: number, mayBeArchive: boolean): number {
  const following = buffer.indexOf(localHeader, begin);
  return following === -1 || (following === begin && mayBeArchive) ? buffer.length : following;
}

function inflateWhatIsThere(
  packed: Buffer<ArrayBuffer>,
  method: number,
  name: string,
  limits: UnpackLimits,
  count: (bytes: number) => void,
): Buffer<ArrayBuffer> {
  let content: Buffer<ArrayBuffer> = packed;
  if (method === deflated) {
    try {
      content = inflateRawSync(packed, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: limits.bytes });
    } catch (error) {
      throw new MillraceError('E_DOCUMENT_DAMAGED', `${name} is cut off and damaged.`, { cause: error });
    }
  }
  count(content.length);
  return content;
}
