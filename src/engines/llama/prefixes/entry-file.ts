import { z } from 'zod';
import { sha256 } from '../../../util/hash.ts';

/** What stands before the cells in the file of a stored prefix. */
export const entryHeader = z.object({
  /** Weights, types and settings that made the cells: `modelKey` of `prefix-key.ts`. */
  model: z.string(),
  /** Number of tokens and hash of their ids: `prefixKeyOf`. */
  key: z.string(),
  tokens: z.number().int().positive(),
  /** Ids of the documents whose text is in the prefix; the entry goes with the first of them. */
  owners: z.array(z.string()),
  payloadBytes: z.number().int().positive(),
  payloadSha256: z.string().length(64),
});
export type EntryHeader = z.infer<typeof entryHeader>;

/** Raised with every change of this layout or of the payload's. */
export const entryFormat = 1;
const magic = Buffer.from('millrace', 'latin1');
/** Magic, format, length of the header's JSON, sha256 of it. */
const fixedBytes = 8 + 4 + 4 + 32;
/** The payload begins at a multiple of this. */
const alignment = 4_096;
/** Enough for the header of nearly every entry in one read. */
export const firstReadBytes = 8_192;
const maxHeaderBytes = 1_048_576;

/** The header as it stands in the file, up to the first byte of the payload. */
export function encodeHeader(header: EntryHeader): Buffer {
  const json = Buffer.from(JSON.stringify(header), 'utf8');
  const bytes = Buffer.alloc(payloadStart(json.length));
  magic.copy(bytes);
  bytes.writeUInt32LE(entryFormat, 8);
  bytes.writeUInt32LE(json.length, 12);
  Buffer.from(sha256(json), 'hex').copy(bytes, 16);
  json.copy(bytes, fixedBytes);
  return bytes;
}

/**
 * The header from the first bytes of a file, and where its payload begins. `more`: that many bytes are needed. Undefined when this is
 * no entry of this format, or its header is damaged.
 */
export function decodeHeader(
  bytes: Uint8Array,
): { readonly header: EntryHeader; readonly start: number } | { readonly more: number } | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length < fixedBytes || !view.subarray(0, 8).equals(magic) || view.readUInt32LE(8) !== entryFormat) return undefined;
  const jsonBytes = view.readUInt32LE(12);
  if (jsonBytes > maxHeaderBytes) return undefined;
  if (view.length < fixedBytes + jsonBytes) return { more: fixedBytes + jsonBytes };
  const json = view.subarray(fixedBytes, fixedBytes + jsonBytes);
  if (sha256(json) !== view.toString('hex', 16, fixedBytes)) return undefined;
  const parsed = entryHeader.safeParse(JSON.parse(json.toString('utf8')));
  return parsed.success ? { header: parsed.data, start: payloadStart(jsonBytes) } : undefined;
}

function payloadStart(jsonBytes: number): number {
  return alignment * Math.ceil((fixedBytes + jsonBytes) / alignment);
}
