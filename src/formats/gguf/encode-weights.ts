/**
 * IEEE 754 half precision of a float32, rounded to nearest, ties to even; too large becomes infinity, as in hardware
 * conversions. Works on the raw bits, so that every Node version gives the same bytes.
 *
 * @param bits the float32 as an unsigned 32-bit integer
 */
export function halfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  const mantissa = bits & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (mantissa === 0 ? 0 : 0x200);
  const target = exponent - 112;
  if (target >= 31) return sign | 0x7c00;
  if (target <= 0) {
    if (target < -10) return sign;
    return sign | roundShift(mantissa | 0x800000, 14 - target);
  }
  // A carry out of the mantissa raises the exponent, which is the right result, up to and including infinity.
  return sign | ((target << 10) + roundShift(mantissa, 13));
}

function roundShift(value: number, shift: number): number {
  const quotient = value >>> shift;
  const rest = value & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return quotient + (rest > half || (rest === half && (quotient & 1) === 1) ? 1 : 0);
}

/** float32, little endian → float16, little endian. `bytes.length` must be a multiple of 4. */
export function halfFromSingle(bytes: Uint8Array): Uint8Array {
  const count = bytes.byteLength >>> 2;
  const source = new DataView(bytes.buffer, bytes.byteOffset, count * 4);
  const target = new Uint8Array(count * 2);
  const view = new DataView(target.buffer);
  for (let index = 0; index < count; index += 1) view.setUint16(index * 2, halfBits(source.getUint32(index * 4, true)), true);
  return target;
}

const q8Block = 32;
const q8BlockBytes = 34;

/**
 * float32, little endian → Q8_0: blocks of 32 weights, each a half precision scale (largest magnitude / 127) and 32 signed
 * bytes, rounded half away from zero. The arithmetic is single precision as in ggml's reference, so the bytes are the same.
 * `bytes.length` must be a multiple of 128.
 */
export function q8FromSingle(bytes: Uint8Array): Uint8Array {
  const blocks = bytes.byteLength / (q8Block * 4);
  const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const target = new Uint8Array(blocks * q8BlockBytes);
  const view = new DataView(target.buffer);
  const scaleBits = new DataView(new ArrayBuffer(4));
  for (let block = 0; block < blocks; block += 1) {
    const from = block * q8Block * 4;
    const to = block * q8BlockBytes;
    let largest = 0;
    for (let index = 0; index < q8Block; index += 1) largest = Math.max(largest, Math.abs(source.getFloat32(from + index * 4, true)));
    const scale = Math.fround(largest / 127);
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    scaleBits.setFloat32(0, scale);
    view.setUint16(to, halfBits(scaleBits.getUint32(0)), true);
    for (let index = 0; index < q8Block; index += 1) {
      const value = Math.fround(source.getFloat32(from + index * 4, true) * inverse);
      view.setInt8(to + 2 + index, Math.sign(value) * Math.floor(Math.abs(value) + 0.5));
    }
  }
  return target;
}
