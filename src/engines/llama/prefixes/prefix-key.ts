import { createHash } from 'node:crypto';
import { hashOf } from '../../../util/hash.ts';
import { entryFormat } from './entry-file.ts';

/** Fewer tokens are computed again rather than stored. */
export const leastStoredTokens = 16;

/** What the cells of a prefix depend on besides its tokens. Equal values give cells that can be exchanged. */
export interface CellOrigin {
  readonly weightsSha256: string;
  readonly libraryVersion: string;
  readonly kvType: 'f16' | 'q8_0';
  /** Types, sizes and order of the cells' values, as the library writes them. */
  readonly layout: string;
  /** Rotary embedding as the context has it: scaling and base, and whether the context is longer than the model was first trained for. */
  readonly rope: readonly (string | number | boolean)[];
}

/**
 * Names the folder of a model's entries. The chat template is in it by its tokens: another template makes other tokens, and other
 * tokens never match.
 */
export function modelKey(origin: CellOrigin): string {
  return hashOf({ format: entryFormat, ...origin }).slice(0, 32);
}

const keyPattern = /^([1-9]\d{0,8})-[0-9a-f]{32}$/u;

/** Length in tokens of the prefix that a key names; undefined when it is no key. */
export function tokensOfKey(key: string): number | undefined {
  const length = keyPattern.exec(key)?.[1];
  return length === undefined ? undefined : Number(length);
}

/** Keys of the beginnings of `tokens` that have these lengths, rising, each at most `tokens.length`. */
export function prefixKeys(tokens: Int32Array, lengths: readonly number[]): string[] {
  const hash = createHash('sha256');
  let hashed = 0;
  return lengths.map((length) => {
    hash.update(new Uint8Array(tokens.buffer, tokens.byteOffset + 4 * hashed, 4 * (length - hashed)));
    hashed = length;
    return `${length}-${hash.copy().digest('hex').slice(0, 32)}`;
  });
}
