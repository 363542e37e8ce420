import { z } from 'zod';

/** A tensor of a safetensors file; offsets are from the beginning of the file. */
export interface SafeTensor {
  readonly name: string;
  readonly type: string;
  /** PyTorch order: the last dimension varies fastest. */
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

const headerLimitBytes = 16 * 1024 * 1024;
const tensorSchema = z.object({
  dtype: z.string(),
  shape: z.array(z.number().int().nonnegative()).max(8),
  data_offsets: z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]),
});

/**
 * Reads the header of a safetensors file: 8 bytes of length, then JSON, then data.
 *
 * @throws Error with a sentence when the header is not one, or names bytes outside the file
 */
export async function readSafetensorsHeader(
  size: number,
  read: (offset: number, length: number) => Promise<Uint8Array>,
): Promise<ReadonlyMap<string, SafeTensor>> {
  if (size < 10) throw new Error('The safetensors file is too short to hold a header.');
  const length = Number(Buffer.from(await read(0, 8)).readBigUInt64LE());
  if (length > headerLimitBytes || 8 + length > size)
    throw new Error('The header of the safetensors file is longer than the file or its limit.');
  const text = Buffer.from(await read(8, length)).toString('utf8');
  const { __metadata__: _metadata, ...entries } = z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  const tensors = new Map<string, SafeTensor>();
  for (const [name, value] of Object.entries(entries)) {
    const tensor = tensorSchema.parse(value);
    const [start, end] = tensor.data_offsets;
    if (end < start || 8 + length + end > size) throw new Error(`The tensor ${name} lies outside the safetensors file.`);
    tensors.set(name, { name, type: tensor.dtype, shape: tensor.shape, start: 8 + length + start, end: 8 + length + end });
  }
  return tensors;
}
