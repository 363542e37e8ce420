import { describe, expect, it } from 'vitest';
import { halfBits, halfFromSingle, q8FromSingle } from './encode-weights.ts';

function singleBits(value: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return view.getUint32(0);
}

function valueOfHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

describe('halfBits', () => {
  it.each([
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [65_504, 0x7bff],
    [65_519.99, 0x7bff],
    [65_520, 0x7c00],
    [1e30, 0x7c00],
    [Number.NEGATIVE_INFINITY, 0xfc00],
    [Number.NaN, 0x7e00],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [2 ** -25 * 1.0001, 0x0001],
    [2 ** -26, 0x0000],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [2047.9999, 0x6800],
  ])('rounds %d to the nearest half, ties to even', (value, bits) => {
    expect(halfBits(singleBits(value))).toBe(bits);
  });

  it('keeps every half exactly', () => {
    const lost: number[] = [];
    for (let bits = 0; bits < 0x10000; bits += 1) {
      const value = valueOfHalf(bits);
      if (!Number.isNaN(value) && halfBits(singleBits(value)) !== bits) lost.push(bits);
    }
    expect(lost).toEqual([]);
  });
});

describe('halfFromSingle', () => {
  it('converts little-endian bytes at any offset', () => {
    const bytes = Buffer.from([9, 0, 0, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]).subarray(3);
    expect([...halfFromSingle(bytes)]).toEqual([0x00, 0x3c, 0x00, 0xc0]);
  });
});

describe('q8FromSingle', () => {
  it('scales each block by its largest magnitude and rounds half away from zero', () => {
    const values = new Float32Array(64);
    values.set([127, -127, 2.5, -2.5, 2.4999, 0.5]);
    const bytes = q8FromSingle(new Uint8Array(values.buffer));
    expect(bytes.byteLength).toBe(68);
    const view = new DataView(bytes.buffer);
    expect(view.getUint16(0, true)).toBe(0x3c00);
    expect([0, 1, 2, 3, 4, 5, 6].map((index) => view.getInt8(2 + index))).toEqual([127, -127, 3, -3, 2, 1, 0]);
    expect([...bytes.subarray(34)]).toEqual(Array.from({ length: 34 }, () => 0));
  });
});
