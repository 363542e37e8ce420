import { isUtf8 } from 'node:buffer';
import { createRequire } from 'node:module';

/** Loaded for the few texts that are not UTF-8: the parser process starts faster without. */
const require = createRequire(import.meta.url);
const loadIconv = (): typeof import('iconv-lite') => require('iconv-lite') as typeof import('iconv-lite');
const loadJschardet = (): typeof import('jschardet') => require('jschardet') as typeof import('jschardet');

/** Enough for charset detection and for telling text from binary; statistics do not improve beyond it. */
const sampleBytes = 64 * 1024;

/** The encoding named by a byte order mark, and the length of the mark. UTF-32LE is tried before UTF-16LE, whose mark it begins with. */
function byteOrderMark(bytes: Uint8Array): { readonly encoding: string; readonly length: number } | undefined {
  const [a, b, c, d] = bytes;
  if (a === 0xef && b === 0xbb && c === 0xbf) return { encoding: 'utf-8', length: 3 };
  if (a === 0xff && b === 0xfe && c === 0 && d === 0) return { encoding: 'utf-32le', length: 4 };
  if (a === 0 && b === 0 && c === 0xfe && d === 0xff) return { encoding: 'utf-32be', length: 4 };
  if (a === 0xff && b === 0xfe) return { encoding: 'utf-16le', length: 2 };
  if (a === 0xfe && b === 0xff) return { encoding: 'utf-16be', length: 2 };
  return undefined;
}

/** UTF-16 without a mark: in text of any alphabet with spaces and line ends, the zero bytes stand on one side of the pairs. */
function unmarkedUtf16(sample: Uint8Array): string | undefined {
  if (sample.length < 4 || sample.length % 2 !== 0) return undefined;
  let even = 0;
  let odd = 0;
  for (let index = 0; index + 1 < sample.length; index += 2) {
    if (sample[index] === 0) even += 1;
    if (sample[index + 1] === 0) odd += 1;
  }
  const pairs = sample.length / 2;
  if (odd > pairs * 0.05 && even === 0) return 'utf-16le';
  if (even > pairs * 0.05 && odd === 0) return 'utf-16be';
  return undefined;
}

function isTextControl(byte: number): boolean {
  // Tab, line feed, vertical tab, form feed, carriage return, and escape (ISO-2022, terminal logs).
  return (byte >= 0x09 && byte <= 0x0d) || byte === 0x1b;
}

/** 1 for each byte that no text encoding with ASCII as a part uses. */
const isControl = Uint8Array.from({ length: 256 }, (_, byte) => ((byte < 0x20 && !isTextControl(byte)) || byte === 0x7f ? 1 : 0));

/** Share of bytes that no such encoding uses. A few occur in real text files. */
function controlShare(sample: Uint8Array): number {
  const { length } = sample;
  let controls = 0;
  for (let index = 0; index < length; index += 1) controls += isControl[sample[index] as number] as number;
  return sample.length === 0 ? 0 : controls / sample.length;
}

const maxControlShare = 0.005;

/** The start and the middle of the bytes: a program with a text header is told apart by its middle. Even offset and length. */
function samples(bytes: Uint8Array): Uint8Array[] {
  if (bytes.length <= sampleBytes) return [bytes];
  const middle = Math.floor(bytes.length / 4) * 2;
  return [bytes.subarray(0, sampleBytes), bytes.subarray(middle, middle + sampleBytes)];
}

/** UTF-8 with a few broken bytes: among its characters beyond ASCII at most one in ten is not valid. By chance that does not happen. */
function isDamagedUtf8(parts: readonly Uint8Array[]): boolean {
  let beyondAscii = 0;
  let broken = 0;
  for (const part of parts) {
    // `stream` leaves a character that the sample cuts at its end undecided.
    const text = new TextDecoder('utf-8').decode(part, { stream: true });
    beyondAscii += text.match(/[^\0-\u007F]/gu)?.length ?? 0;
    broken += text.match(/\uFFFD/g)?.length ?? 0;
  }
  return beyondAscii > 0 && broken * 10 <= beyondAscii;
}

/**
 * The encoding of text bytes, or `undefined` where they are no text. Order: byte order mark, UTF-8 validity, the pattern of zero
 * bytes, then `declared` (a charset from a header or a meta tag), then statistics.
 */
export function detectEncoding(bytes: Uint8Array, declared?: string): string | undefined {
  const mark = byteOrderMark(bytes);
  if (mark !== undefined) return mark.encoding;
  const parts = samples(bytes);
  const controls = Math.max(...parts.map(controlShare));
  if (controls > maxControlShare) {
    const utf16 = parts.map(unmarkedUtf16);
    return utf16[0] !== undefined && utf16.every((encoding) => encoding === utf16[0]) ? utf16[0] : undefined;
  }
  if (isUtf8(bytes) || isDamagedUtf8(parts)) return 'utf-8';
  if (declared !== undefined && canDecode(declared)) return declared;
  const found: string | null = loadJschardet().detect(Buffer.from(parts[0] ?? bytes)).encoding;
  return found !== null && found.toLowerCase() !== 'ascii' && canDecode(found) ? found : 'windows-1252';
}

function webDecoder(encoding: string): InstanceType<typeof TextDecoder> | undefined {
  try {
    return new TextDecoder(encoding, { ignoreBOM: true });
  } catch {
    // A label the web standard does not know; iconv-lite may.
    return undefined;
  }
}

function canDecode(encoding: string): boolean {
  return webDecoder(encoding) !== undefined || loadIconv().encodingExists(encoding);
}

/** The bytes behind a byte order mark, which is not part of the text. */
export function withoutMark(bytes: Uint8Array): Uint8Array {
  const mark = byteOrderMark(bytes);
  return mark === undefined ? bytes : bytes.subarray(mark.length);
}

/** Bytes to text; bytes that are not valid in the encoding become U+FFFD. A byte order mark is not part of the text. */
export function decodeText(bytes: Uint8Array, encoding: string): string {
  const content = withoutMark(bytes);
  const decoder = webDecoder(encoding);
  if (decoder !== undefined) return decoder.decode(content);
  return loadIconv().decode(asBuffer(content), encoding);
}

/** `decodeText` bit by bit, for bytes without a mark. */
export function createTextDecoder(encoding: string): { write(bytes: Uint8Array): string; end(): string } {
  const decoder = webDecoder(encoding);
  if (decoder !== undefined) return { write: (bytes) => decoder.decode(bytes, { stream: true }), end: () => decoder.decode() };
  const other = loadIconv().getDecoder(encoding);
  return { write: (bytes) => other.write(asBuffer(bytes)), end: () => other.end() ?? '' };
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
