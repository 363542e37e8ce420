import { weightLayout } from './weight-layout.ts';

/** Where a GGUF file is read from. `read` may return fewer bytes than asked only at the end. */
export interface GgufBytes {
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** Arrays (vocabularies, merges) are walked, not kept: only their type and length are known afterwards. */
export type GgufMetadataValue = number | bigint | boolean | string | { readonly array: number; readonly length: number };

export interface GgufTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: string;
  /** Position in the file, and length. */
  readonly offset: number;
  readonly bytes: number;
}

export interface GgufHeader {
  readonly version: number;
  readonly metadata: ReadonlyMap<string, GgufMetadataValue>;
  readonly tensors: readonly GgufTensor[];
  readonly parameters: number;
  /** Where the last tensor ends; a shorter file is cut. */
  readonly endBytes: number;
}

/** The file is no GGUF that can be loaded. `message` is a clause that begins with what is wrong. */
export class GgufError extends Error {
  override readonly name = 'GgufError';
}

/**
 * Bounds on what a header may declare, far above any real model: a hostile file is refused after a bounded number of reads,
 * and nothing it declares is allocated.
 */
export const ggufLimits = {
  headerBytes: 256 * 1024 * 1024,
  keys: 4096,
  tensors: 65_536,
  keyBytes: 1024,
  stringBytes: 4 * 1024 * 1024,
  arrayLength: 4_000_000,
} as const;

const windowBytes = 1024 * 1024;
const scalarBytes: ReadonlyMap<number, number> = new Map([
  [0, 1],
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 4],
  [5, 4],
  [6, 4],
  [7, 1],
  [10, 8],
  [11, 8],
  [12, 8],
]);
const stringType = 8;
const arrayType = 9;

/**
 * Reads and checks the header of a GGUF file (versions 2 and 3, little endian) without loading weights: counts and lengths
 * within `ggufLimits`, known weight types, and every tensor inside the file, so that a file that was cut is recognised here.
 *
 * @throws GgufError
 */
export async function readGgufHeader(source: GgufBytes): Promise<GgufHeader> {
  const reader = new HeaderReader(source);
  await reader.need(24);
  if (reader.ascii(4) !== 'GGUF') throw new GgufError('it does not begin with the letters GGUF');
  const version = reader.uint32();
  if (version !== 2 && version !== 3) throw new GgufError(`its format version is ${version}, and only 2 and 3 are supported`);
  const tensorCount = reader.count('tensors', ggufLimits.tensors);
  const keyCount = reader.count('metadata keys', ggufLimits.keys);
  const metadata = new Map<string, GgufMetadataValue>();
  for (let index = 0; index < keyCount; index += 1) {
    const key = await reader.string(ggufLimits.keyBytes, 'a metadata key');
    if (metadata.has(key)) throw new GgufError(`it declares the key ${JSON.stringify(key)} twice`);
    await reader.need(4);
    metadata.set(key, await readValue(reader, reader.uint32()));
  }
  const declared: { name: string; shape: number[]; typeId: number; offset: number }[] = [];
  for (let index = 0; index < tensorCount; index += 1) declared.push(await readTensor(reader));
  const alignment = metadata.get('general.alignment') ?? 32;
  if (typeof alignment !== 'number' || alignment < 1 || alignment > 65_536 || (alignment & (alignment - 1)) !== 0) {
    throw new GgufError('its alignment is not a power of two');
  }
  const dataStart = Math.ceil(reader.position / alignment) * alignment;
  const tensors = declared.map((tensor) => placeTensor(tensor, dataStart, alignment));
  const endBytes = tensors.reduce((end, tensor) => Math.max(end, tensor.offset + tensor.bytes), dataStart);
  if (endBytes > source.size) {
    throw new GgufError(`it is cut short: its weights end at byte ${endBytes}, and the file has ${source.size}`);
  }
  const parameters = declared.reduce((sum, tensor) => sum + tensor.shape.reduce((product, size) => product * size, 1), 0);
  return { version, metadata, tensors, parameters, endBytes };
}

async function readValue(reader: HeaderReader, type: number): Promise<GgufMetadataValue> {
  if (type === stringType) return reader.string(ggufLimits.stringBytes, 'a metadata text');
  if (type !== arrayType) return reader.scalar(type);
  await reader.need(12);
  const array = reader.uint32();
  const length = reader.count('array items', ggufLimits.arrayLength);
  const size = scalarBytes.get(array);
  if (size !== undefined) await reader.skip(size * length);
  else if (array === stringType) {
    for (let index = 0; index < length; index += 1) {
      if (reader.lacks(8)) await reader.need(8);
      const bytes = reader.count('bytes of a text', ggufLimits.stringBytes);
      if (reader.lacks(bytes)) await reader.skip(bytes);
      else reader.position += bytes;
    }
  } else throw new GgufError(`it has an array of the unsupported type ${array}`);
  return { array, length };
}

async function readTensor(reader: HeaderReader): Promise<{ name: string; shape: number[]; typeId: number; offset: number }> {
  const name = await reader.string(ggufLimits.keyBytes, 'a tensor name');
  await reader.need(4);
  const dimensions = reader.uint32();
  if (dimensions < 1 || dimensions > 4) throw new GgufError(`the tensor ${JSON.stringify(name)} has ${dimensions} dimensions`);
  await reader.need(dimensions * 8 + 12);
  const shape: number[] = [];
  for (let index = 0; index < dimensions; index += 1) shape.push(reader.count('weights of a dimension', 2 ** 40));
  return { name, shape, typeId: reader.uint32(), offset: reader.count('bytes before a tensor', 2 ** 50) };
}

function placeTensor(
  tensor: { readonly name: string; readonly shape: readonly number[]; readonly typeId: number; readonly offset: number },
  dataStart: number,
  alignment: number,
): GgufTensor {
  const layout = weightLayout(tensor.typeId);
  if (layout === undefined) {
    throw new GgufError(`the tensor ${JSON.stringify(tensor.name)} has the weight type ${tensor.typeId}, which this version does not know`);
  }
  const weights = tensor.shape.reduce((product, size) => product * size, 1);
  const whole = (tensor.shape[0] ?? 0) % layout.weightsPerBlock === 0;
  if (!whole || !Number.isSafeInteger(weights) || weights < 1 || tensor.offset % alignment !== 0) {
    throw new GgufError(`the tensor ${JSON.stringify(tensor.name)} has an impossible size or place`);
  }
  const bytes = (weights / layout.weightsPerBlock) * layout.bytesPerBlock;
  return { name: tensor.name, shape: tensor.shape, type: layout.name, offset: dataStart + tensor.offset, bytes };
}

/** Reads forward through a window of the file; only what was made sure of by `need` may be taken. */
class HeaderReader {
  position = 0;
  readonly #source: GgufBytes;
  #window: Buffer = Buffer.alloc(0);
  #windowStart = 0;

  constructor(source: GgufBytes) {
    this.#source = source;
  }

  lacks(length: number): boolean {
    return this.position + length > this.#windowStart + this.#window.byteLength;
  }

  async need(length: number): Promise<void> {
    if (!this.lacks(length)) return;
    this.#check(length);
    const bytes = await this.#source.read(this.position, Math.min(Math.max(length, windowBytes), this.#source.size - this.position));
    if (bytes.byteLength < length) throw new GgufError('it is cut short within its header');
    this.#window = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#windowStart = this.position;
  }

  async skip(length: number): Promise<void> {
    this.#check(length);
    this.position += length;
    await Promise.resolve();
  }

  #check(length: number): void {
    const end = this.position + length;
    if (end > this.#source.size) throw new GgufError('it is cut short within its header');
    if (end > ggufLimits.headerBytes) throw new GgufError(`its header is longer than ${ggufLimits.headerBytes} bytes`);
  }

  #take(length: number): Buffer {
    const start = this.position - this.#windowStart;
    this.position += length;
    return this.#window.subarray(start, start + length);
  }

  ascii(length: number): string {
    return this.#take(length).toString('latin1');
  }

  uint32(): number {
    return this.#take(4).readUInt32LE();
  }

  count(what: string, limit: number): number {
    const value = this.#take(8).readBigUInt64LE();
    if (value > BigInt(limit)) throw new GgufError(`it declares ${value} ${what}, more than the ${limit} that are allowed`);
    return Number(value);
  }

  async string(limit: number, what: string): Promise<string> {
    await this.need(8);
    const length = this.count(`bytes for ${what}`, limit);
    await this.need(length);
    return this.#take(length).toString('utf8');
  }

  async scalar(type: number): Promise<number | bigint | boolean> {
    const size = scalarBytes.get(type);
    if (size === undefined) throw new GgufError(`it has a metadata value of the unknown type ${type}`);
    await this.need(size);
    const bytes = this.#take(size);
    switch (type) {
      case 0:
        return bytes.readUInt8();
      case 1:
        return bytes.readInt8();
      case 2:
        return bytes.readUInt16LE();
      case 3:
        return bytes.readInt16LE();
      case 4:
        return bytes.readUInt32LE();
      case 5:
        return bytes.readInt32LE();
      case 6:
        return bytes.readFloatLE();
      case 7:
        return bytes.readUInt8() !== 0;
      case 10:
        return bytes.readBigUInt64LE();
      case 11:
        return bytes.readBigInt64LE();
      default:
        return bytes.readDoubleLE();
    }
  }
}
