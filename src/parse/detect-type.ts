import { MillraceError } from '../errors.ts';
import type { FormatParser } from '../spec/parser.ts';
import { isTar } from './tar-header.ts';
import { decodeText, detectEncoding } from './decode-text.ts';
import { isMailbox, isMessage, textTypeByContent } from './text-type.ts';

export interface DetectedType {
  /** The media type of a format that somebody may read. */
  readonly contentType: string;
  /** Only with text. */
  readonly encoding?: string;
}

export interface TypeHints {
  readonly name: string;
  /** Decides between kinds of text, and its charset parameter between encodings; never overrides binary content. */
  readonly contentType?: string;
}

/** Formats that are written in text characters but are not for reading as text. */
const encodedAsText: readonly { readonly start: string; readonly contentType: string }[] = [
  { start: '%PDF-', contentType: 'application/pdf' },
  { start: '{\\rtf', contentType: 'application/rtf' },
  { start: '%!PS', contentType: 'application/postscript' },
];

/** So much of a text is looked at to tell its kind. Bytes. */
const beginningBytes = 16 * 1024;

/**
 * The type of a file, by its content; the given type and the name decide between kinds of text, and name a format of bytes that say
 * nothing themselves. Errors: `E_DOCUMENT_EMPTY` for no bytes, `E_DOCUMENT_UNSUPPORTED` for bytes that are neither text nor a format
 * anybody knows.
 */
export async function detectType(bytes: Uint8Array, hints: TypeHints, parsers: readonly FormatParser[]): Promise<DetectedType> {
  if (bytes.length === 0) throw new MillraceError('E_DOCUMENT_EMPTY', `${hints.name} holds no bytes.`);
  const start = Buffer.from(bytes.subarray(0, 1024)).toString('latin1');
  const trimmed = start.replace(/^(?:\u00ef\u00bb\u00bf)?\s*/, '');
  const written = encodedAsText.find((format) => trimmed.startsWith(format.start));
  if (written !== undefined) return { contentType: written.contentType };
  const container = await containerType(bytes, hints.name);
  if (container !== undefined) return { contentType: (isGeneric(container) ? hintedType(hints, parsers, false) : undefined) ?? container };
  const message = messageType(bytes, hints, parsers);
  if (message !== undefined) return { contentType: message };

  const declaredCharset = /;\s*charset=["']?([\w.:-]+)/i.exec(hints.contentType ?? '')?.[1];
  const encoding = detectEncoding(bytes, declaredCharset ?? metaCharset(start));
  if (encoding !== undefined) return { contentType: textType(bytes, encoding, hints, parsers), encoding };

  // Some producers put bytes before the header; readers accept it within the first 1024 bytes.
  if (/%PDF-\d\.\d/.test(start)) return { contentType: 'application/pdf' };
  const { fileTypeFromBuffer } = await import('file-type');
  const type = (await fileTypeFromBuffer(bytes))?.mime ?? hintedType(hints, parsers, false);
  if (type !== undefined) return { contentType: type };
  throw new MillraceError('E_DOCUMENT_UNSUPPORTED', `${hints.name} holds binary data of an unknown type, not text.`);
}

/** Messages may hold parts in any encoding, so that they are no text as a whole. */
function messageType(bytes: Uint8Array, hints: TypeHints, parsers: readonly FormatParser[]): string | undefined {
  const named = hintedType(hints, parsers, false);
  const isNamed = named === 'message/rfc822' || named === 'application/mbox';
  if (!isNamed && hintedType(hints, parsers, true) !== undefined) return undefined;
  const beginning = Buffer.from(bytes.subarray(0, 4096)).toString('latin1').trimStart();
  if (isMailbox(beginning)) return 'application/mbox';
  return isMessage(beginning) ? 'message/rfc822' : isNamed && /^[\w-]+:/.test(beginning) ? named : undefined;
}

/** Types that say what holds the content and not what it is. */
function isGeneric(contentType: string): boolean {
  return contentType === 'application/zip' || contentType === 'application/x-cfb';
}

/** Formats whose first bytes no text has. Told before text is: most of their bytes may look like it. */
async function containerType(bytes: Uint8Array, name: string): Promise<string | undefined> {
  const first = Buffer.from(bytes.subarray(0, 4)).toString('latin1');
  if (first.startsWith('\u001F\u008B\b')) return 'application/gzip';
  if (isTar(bytes)) return 'application/x-tar';
  if (first === 'PK\u0003\u0004' || first === 'PK\u0005\u0006') {
    const { zipType } = await import('./package-type.ts');
    return (await zipType(bytes, name)) ?? 'application/zip';
  }
  if (first !== '\u00D0\u00CF\u0011\u00E0') return undefined;
  const { compoundType } = await import('./package-type.ts');
  return compoundType(bytes);
}

function metaCharset(start: string): string | undefined {
  return /<meta[^<>]+charset=["']?\s*([\w.:-]+)/i.exec(start)?.[1] ?? /^<\?xml[^>]+encoding=["']([\w.:-]+)/i.exec(start)?.[1];
}

function textType(bytes: Uint8Array, encoding: string, hints: TypeHints, parsers: readonly FormatParser[]): string {
  const hinted = hintedType(hints, parsers, true);
  if (hinted !== undefined) return hinted;
  return textTypeByContent(decodeText(bytes.subarray(0, beginningBytes), encoding), bytes.length <= beginningBytes);
}

/** The type that the program gave, else the one of the file's ending, where a parser of that kind reads it. */
function hintedType({ name, contentType }: TypeHints, parsers: readonly FormatParser[], isText: boolean): string | undefined {
  const candidates = parsers.filter((parser) => (parser.isText ?? false) === isText);
  const given = contentType?.split(';')[0]?.trim().toLowerCase();
  if (given !== undefined && candidates.some((parser) => parser.contentTypes.includes(given))) return given;
  const ending = /\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase();
  if (ending === undefined) return undefined;
  for (const { endings = {} } of candidates) if (Object.hasOwn(endings, ending)) return endings[ending];
  return undefined;
}
