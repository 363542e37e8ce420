import { randomInt, randomUUID } from 'node:crypto';

/** Randomness and ids, injected so that tests repeat. */
export interface Random {
  /** In [0, 1). */
  float(): number;
  /** UUID version 7 (RFC 9562): sortable by time. `nowMs` is integer ms UTC. */
  uuid(nowMs: number): string;
}

/** `tail`: what follows the version in the text of a UUID, its variant included. */
function formatUuid(nowMs: number, tail: string): string {
  const time = Math.trunc(nowMs).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8, 12)}-7${tail}`;
}

export const systemRandom: Random = {
  float: () => randomInt(0, 2 ** 47) / 2 ** 47,
  // Node makes random UUIDs from a store of bytes; asking for bytes each time costs ten times as much.
  uuid: (nowMs) => formatUuid(nowMs, randomUUID().slice(15)),
};

/** Deterministic, for tests and simulations: mulberry32, one 32-bit state. */
export function createSeededRandom(seed: number): Random {
  let state = seed >>> 0;
  function float(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  function uuid(nowMs: number): string {
    const digits = Array.from({ length: 10 }, () =>
      Math.floor(float() * 256)
        .toString(16)
        .padStart(2, '0'),
    ).join('');
    const variant = ((Number.parseInt(digits[3] ?? '0', 16) & 0x3) | 0x8).toString(16);
    return formatUuid(nowMs, `${digits.slice(0, 3)}-${variant}${digits.slice(4, 7)}-${digits.slice(7, 19)}`);
  }
  return { float, uuid };
}
