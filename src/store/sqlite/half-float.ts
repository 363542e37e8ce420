/** Conversion between 32-bit and IEEE 754 16-bit floating point, little-endian, for Node versions without Float16Array. */

function toHalfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 112;
  const fraction = bits & 0x7fffff;
  if (exponent >= 31) return sign | 0x7c00;
  if (exponent > 0) {
    // A carry out of the fraction rightly raises the exponent. Ties go to even.
    const half = (exponent << 10) | (fraction >>> 13);
    const rest = fraction & 0x1fff;
    return sign | (half + (rest > 0x1000 || (rest === 0x1000 && (half & 1) === 1) ? 1 : 0));
  }
  if (exponent < -10) return sign;
  const shift = 14 - exponent;
  const whole = fraction | 0x800000;
  const half = whole >>> shift;
  const rest = whole & ((1 << shift) - 1);
  const middle = 1 << (shift - 1);
  return sign | (half + (rest > middle || (rest === middle && (half & 1) === 1) ? 1 : 0));
}

function fromHalfBits(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The vector scaled to length 1 (a zero vector stays zero) as bytes of 16-bit floats. By index: iterating costs several times as much. */
export function encodeUnitVector(vector: Float32Array): Uint8Array {
  const { length } = vector;
  let squares = 0;
  for (let index = 0; index < length; index += 1) squares += (vector[index] ?? 0) ** 2;
  const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0;
  const scaled = new Float32Array(length);
  for (let index = 0; index < length; index += 1) scaled[index] = (vector[index] ?? 0) * scale;
  const bits = new Uint32Array(scaled.buffer);
  const bytes = new Uint8Array(length * 2);
  for (let index = 0; index < length; index += 1) {
    const half = toHalfBits(bits[index] ?? 0);
    bytes[index * 2] = half & 0xff;
    bytes[index * 2 + 1] = half >>> 8;
  }
  return bytes;
}

export interface HalfDecoder {
  decode(bytes: Uint8Array): Float32Array;
  /** Sum of products of the stored vector with `other`, which has as many numbers. */
  dot(bytes: Uint8Array, other: Float32Array): number;
}

/** Holds a table of all 65,536 values (256 KiB): make one a thread. */
export function createHalfDecoder(): HalfDecoder {
  const table = Float32Array.from({ length: 65_536 }, (_, half) => fromHalfBits(half));
  return {
    decode(bytes) {
      const vector = new Float32Array(bytes.length / 2);
      for (let index = 0; index < vector.length; index += 1) {
        vector[index] = table[(bytes[index * 2] ?? 0) | ((bytes[index * 2 + 1] ?? 0) << 8)] ?? 0;
      }
      return vector;
    },
    dot(bytes, other) {
      let sum = 0;
      for (let index = 0; index < other.length; index += 1) {
        sum += (table[(bytes[index * 2] ?? 0) | ((bytes[index * 2 + 1] ?? 0) << 8)] ?? 0) * (other[index] ?? 0);
      }
      return sum;
    },
  };
}
