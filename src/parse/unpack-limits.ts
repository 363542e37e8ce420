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
