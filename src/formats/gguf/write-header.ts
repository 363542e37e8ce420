import { weightLayout } from './weight-layout.ts';

/** A metadata value with its type in the file. Arrays hold one type; the format allows more than millrace writes. */
export type GgufValue =
  | { readonly type: 'uint32'; readonly value: number }
  | { readonly type: 'float32'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'int32s'; readonly value: readonly number[] };

export interface GgufTensorPlan {
  readonly name: string;
  /** Sizes with the fastest varying dimension first (the reverse of PyTorch's order). */
  readonly shape: readonly number[];
  readonly typeId: number;
}

export interface GgufPlan {
  /** Everything before the first tensor, padded to the alignment. */
  readonly header: Uint8Array;
  /** For every tensor: its length, and the zero bytes that follow it. */
  readonly tensors: readonly { readonly bytes: number; readonly paddingBytes: number }[];
  readonly totalBytes: number;
}

const version = 3;
const alignment = 32;
const valueTypes = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 } as const;

/**
 * Lays out a GGUF file: the header to write and the place of each tensor. Order and values decide every byte, so the same
 * input gives the same file.
 */
export function planGguf(metadata: readonly (readonly [string, GgufValue])[], tensors: readonly GgufTensorPlan[]): GgufPlan {
  const writer = new ByteWriter();
  writer.bytes(Buffer.from('GGUF', 'latin1'));
  writer.uint32(version);
  writer.uint64(tensors.length);
  writer.uint64(metadata.length);
  for (const [key, value] of metadata) {
    writer.string(key);
    writeValue(writer, value);
  }
  let offset = 0;
  const places = tensors.map((tensor) => {
    const bytes = tensorBytes(tensor);
    writer.string(tensor.name);
    writer.uint32(tensor.shape.length);
    for (const size of tensor.shape) writer.uint64(size);
    writer.uint32(tensor.typeId);
    writer.uint64(offset);
    const paddingBytes = padding(bytes);
    offset += bytes + paddingBytes;
    return { bytes, paddingBytes };
  });
  writer.bytes(new Uint8Array(padding(writer.length)));
  const header = writer.concat();
  return { header, tensors: places, totalBytes: header.byteLength + offset };
}

/** Bytes of a tensor of known type; throws a RangeError when a row is not a whole number of blocks. */
export function tensorBytes(tensor: GgufTensorPlan): number {
  const layout = weightLayout(tensor.typeId);
  if (layout === undefined) throw new RangeError(`Weight type ${tensor.typeId} is unknown.`);
  const weights = tensor.shape.reduce((product, size) => product * size, 1);
  if ((tensor.shape[0] ?? 0) % layout.weightsPerBlock !== 0) {
    throw new RangeError(`Rows of ${tensor.shape[0] ?? 0} weights do not fit blocks of ${layout.weightsPerBlock} (${tensor.name}).`);
  }
  return (weights / layout.weightsPerBlock) * layout.bytesPerBlock;
}

function padding(length: number): number {
  return (alignment - (length % alignment)) % alignment;
}

function writeValue(writer: ByteWriter, value: GgufValue): void {
  switch (value.type) {
    case 'uint32':
      writer.uint32(valueTypes.uint32);
      writer.uint32(value.value);
      break;
    case 'float32':
      writer.uint32(valueTypes.float32);
      writer.float32(value.value);
      break;
    case 'bool':
      writer.uint32(valueTypes.bool);
      writer.bytes(Uint8Array.of(value.value ? 1 : 0));
      break;
    case 'string':
      writer.uint32(valueTypes.string);
      writer.string(value.value);
      break;
    case 'strings':
      writer.uint32(valueTypes.array);
      writer.uint32(valueTypes.string);
      writer.uint64(value.value.length);
      for (const item of value.value) writer.string(item);
      break;
    case 'int32s':
      writer.uint32(valueTypes.array);
      writer.uint32(valueTypes.int32);
      writer.uint64(value.value.length);
      for (const item of value.value) writer.int32(item);
      break;
  }
}

/** Collects little-endian values in a buffer that doubles when it is full. */
class ByteWriter {
  #buffer = Buffer.allocUnsafe(64 * 1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  #reserve(bytes: number): number {
    const start = this.#length;
    this.#length += bytes;
    if (this.#length > this.#buffer.byteLength) {
      const larger = Buffer.allocUnsafe(Math.max(this.#length, this.#buffer.byteLength * 2));
      this.#buffer.copy(larger, 0, 0, start);
      this.#buffer = larger;
    }
    return start;
  }

  bytes(part: Uint8Array): void {
    const start = this.#reserve(part.byteLength);
    this.#buffer.set(part, start);
  }

  uint32(value: number): void {
    const start = this.#reserve(4);
    this.#buffer.writeUInt32LE(value, start);
  }

  int32(value: number): void {
    const start = this.#reserve(4);
    this.#buffer.writeInt32LE(value, start);
  }

  float32(value: number): void {
    const start = this.#reserve(4);
    this.#buffer.writeFloatLE(value, start);
  }

  uint64(value: number): void {
    const start = this.#reserve(8);
    this.#buffer.writeUInt32LE(value % 2 ** 32, start);
    this.#buffer.writeUInt32LE(Math.floor(value / 2 ** 32), start + 4);
  }

  string(value: string): void {
    const length = Buffer.byteLength(value, 'utf8');
    this.uint64(length);
    const start = this.#reserve(length);
    this.#buffer.write(value, start, 'utf8');
  }

  concat(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }
}
