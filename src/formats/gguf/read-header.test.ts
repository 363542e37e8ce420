import { describe, expect, it } from 'vitest';
import { tinyGguf } from '../../../test/support/tiny-models.ts';
import { readGgufHeader } from './read-header.ts';

function read(
  bytes: Buffer,
  size = bytes.byteLength,
): { header: ReturnType<typeof readGgufHeader>; reads: () => number; asked: () => number } {
  let reads = 0;
  let asked = 0;
  const header = readGgufHeader({
    size,
    read(offset, length) {
      reads += 1;
      asked += length;
      return Promise.resolve(bytes.subarray(offset, offset + length));
    },
  });
  return { header, reads: () => reads, asked: () => asked };
}

function uint64(value: bigint | number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function text(value: string): Buffer {
  return Buffer.concat([uint64(Buffer.byteLength(value)), Buffer.from(value)]);
}

function begin(tensors: bigint | number, keys: bigint | number, version = 3): Buffer {
  return Buffer.concat([Buffer.from('GGUF'), uint32(version), uint64(tensors), uint64(keys)]);
}

function tensor(name: string, shape: (bigint | number)[], type: number, offset: bigint | number): Buffer {
  return Buffer.concat([text(name), uint32(shape.length), ...shape.map(uint64), uint32(type), uint64(offset)]);
}

describe('readGgufHeader', () => {
  it('reads what planGguf laid out', async () => {
    const bytes = tinyGguf({ contextTokens: 77, weights: 40 });
    const header = await read(bytes).header;
    expect(header.version).toBe(3);
    expect(header.metadata.get('llama.context_length')).toBe(77);
    expect(header.metadata.get('tokenizer.ggml.tokens')).toEqual({ array: 8, length: 3 });
    expect(header.tensors).toEqual([{ name: 'token_embd.weight', shape: [40], type: 'F32', offset: bytes.byteLength - 160, bytes: 160 }]);
    expect(header.parameters).toBe(40);
    expect(header.endBytes).toBe(bytes.byteLength);
  });

  it('reads long vocabularies through several windows', async () => {
    const words = Array.from({ length: 200_000 }, (_, index) => `word-${index}`);
    const bytes = tinyGguf({ extra: [['long.words', { type: 'strings', value: words }]] });
    const source = read(bytes);
    expect((await source.header).metadata.get('long.words')).toEqual({ array: 8, length: 200_000 });
    expect(source.reads()).toBeGreaterThan(2);
    expect(source.reads()).toBeLessThan(10);
  });

  it('recognises a file that was cut at any length', async () => {
    const bytes = tinyGguf();
    for (let length = 0; length < bytes.byteLength; length += 7) {
      await expect(read(bytes.subarray(0, length)).header, `cut to ${length}`).rejects.toThrow(/cut short/u);
    }
  });

  it.each<[string, Buffer, RegExp]>([
    ['another format', Buffer.from('PK\u0003\u0004 something else entirely'), /does not begin with/u],
    ['version 1', begin(0, 0, 1), /version is 1/u],
    ['big endian', begin(0, 0, 0x03000000), /version is 50331648/u],
    ['countless keys', begin(0, 2n ** 63n), /declares 9223372036854775808 metadata keys/u],
    ['countless tensors', begin(2n ** 40n, 0), /declares 1099511627776 tensors/u],
    [
      'an endless key',
      Buffer.concat([begin(0, 1), uint64(2n ** 50n), Buffer.alloc(64)]),
      /declares 1125899906842624 bytes for a metadata key/u,
    ],
    ['a key twice', Buffer.concat([begin(0, 2), text('a'), uint32(0), Buffer.of(1), text('a'), uint32(0), Buffer.of(1)]), /"a" twice/u],
    ['an endless array', Buffer.concat([begin(0, 1), text('a'), uint32(9), uint32(8), uint64(2n ** 32n)]), /array items/u],
    ['arrays in arrays', Buffer.concat([begin(0, 1), text('a'), uint32(9), uint32(9), uint64(1)]), /unsupported type 9/u],
    ['an unknown value type', Buffer.concat([begin(0, 1), text('a'), uint32(77)]), /unknown type 77/u],
    ['an unknown weight type', Buffer.concat([begin(1, 0), tensor('t', [32], 99, 0), Buffer.alloc(256)]), /weight type 99/u],
    ['five dimensions', Buffer.concat([begin(1, 0), tensor('t', [1, 1, 1, 1, 1], 0, 0), Buffer.alloc(256)]), /5 dimensions/u],
    ['huge dimensions', Buffer.concat([begin(1, 0), tensor('t', [2n ** 39n, 2n ** 39n], 0, 0), Buffer.alloc(256)]), /impossible size/u],
    ['a tensor of nothing', Buffer.concat([begin(1, 0), tensor('t', [0], 0, 0), Buffer.alloc(256)]), /impossible size/u],
    ['a broken row', Buffer.concat([begin(1, 0), tensor('t', [33], 8, 0), Buffer.alloc(256)]), /impossible size/u],
    ['a crooked place', Buffer.concat([begin(1, 0), tensor('t', [32], 0, 3), Buffer.alloc(256)]), /impossible size/u],
    ['a place beyond the end', Buffer.concat([begin(1, 0), tensor('t', [32], 0, 1024), Buffer.alloc(256)]), /cut short/u],
    [
      'a wild alignment',
      Buffer.concat([begin(0, 1), text('general.alignment'), uint32(4), uint32(48), Buffer.alloc(64)]),
      /not a power of two/u,
    ],
  ])('refuses %s', async (_what, bytes, reason) => {
    await expect(read(bytes).header).rejects.toThrow(reason);
  });

  it('asks for little of a file that only claims to be large', async () => {
    const bytes = Buffer.concat([begin(1, 1), text('a'), uint32(9), uint32(8), uint64(4_000_000), Buffer.alloc(4096, 0xff)]);
    const source = read(bytes, 2 ** 45);
    await expect(source.header).rejects.toThrow(/bytes of a text|cut short/u);
    expect(source.asked()).toBeLessThan(8 * 1024 * 1024);
  });
});
