import { createHash, hash } from 'node:crypto';
import { eventLoopTurn } from './event-loop-turn.ts';
import type { SlicedText } from '../spec/sliced-text.ts';

/** Lower-case hexadecimal sha256 of UTF-8 text or bytes. */
export function sha256(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex');
}

/** JSON with sorted keys and no `undefined`: equal values give equal text. Throws on what JSON cannot hold. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== 'object') {
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) throw new TypeError(`A value of type ${typeof value} has no JSON form.`);
    return text;
  }
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}

/** sha256 over the canonical JSON of a value. */
export function hashOf(value: unknown): string {
  return sha256(canonicalJson(value));
}

export function createSha256(): { update(data: Uint8Array): void; digest(): string } {
  const state = createHash('sha256');
  return { update: (data) => void state.update(data), digest: () => state.digest('hex') };
}

const stepLength = 2 * 1024 * 1024;

/** `sha256` of large data in steps of a few milliseconds, with a turn of the event loop between them. */
export async function sha256InSteps(data: SlicedText | Uint8Array): Promise<string> {
  const isBytes = data instanceof Uint8Array;
  if (data.length <= stepLength) return sha256(isBytes ? data : data.slice());
  const state = createHash('sha256');
  let start = 0;
  while (start < data.length) {
    let end = Math.min(start + stepLength, data.length);
    if (isBytes) state.update(data.subarray(start, end));
    else {
      // Both halves of a surrogate pair are encoded together.
      if (end < data.length && (data.slice(end, end + 1).charCodeAt(0) & 0xfc00) === 0xdc00) end += 1;
      state.update(data.slice(start, end), 'utf8');
    }
    start = end;
    await eventLoopTurn();
  }
  return state.digest('hex');
}
