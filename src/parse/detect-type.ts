import { fileTypeFromBuffer } from 'file-type';
import { MillraceError } from '../errors.ts';
import { decodeText, detectEncoding } from './decode-text.ts';

export interface DetectedType {
  /** One of `text/plain`, `text/markdown`, `text/html`, or the media type of a binary format. */
  readonly contentType: string;
  /** Only with text. */
  readonly encoding?: string;
}

export interface TypeHints {
  readonly name: string;
  /** Decides between kinds of text, and its charset parameter between encodings; never overrides binary content. */
  readonly contentType?: string;
}

const textTypeOfExtension: Readonly<Record<string, string>> = {
  txt: 'text/plain',
  text: 'text/plain',
  log: 'text/plain',
  md: 'text/markdown',
  markdown: 'text/markdown',
  mdown: 'text/markdown',
  mkd: 'text/markdown',
  html: 'text/html',
  htm: 'text/html',
  xhtml: 'text/html',
};

/** Media types that may be named for the three kinds of text. */
const textTypes: Readonly<Record<string, string>> = {
  'text/plain': 'text/plain',
  'text/markdown': 'text/markdown',
  'text/x-markdown': 'text/markdown',
  'text/html': 'text/html',
  'application/xhtml+xml': 'text/html',
};

/** Formats that are written in text characters but are not for reading as text. */
const encodedAsText: readonly { readonly start: string; readonly contentType: string }[] = [
  { start: '%PDF-', contentType: 'application/pdf' },
  { start: '{\\rtf', contentType: 'application/rtf' },
  { start: '%!PS', contentType: 'application/postscript' },
];

/**
 * The type of a file, by its content. Errors: `E_DOCUMENT_EMPTY` for no bytes, `E_DOCUMENT_UNSUPPORTED` for bytes that are neither
 * text nor a format anybody knows.
 */
export async function detectType(bytes: Uint8Array, hints: TypeHints): Promise<DetectedType> {
  if (bytes.length === 0) throw new MillraceError('E_DOCUMENT_EMPTY', `${hints.name} holds no bytes.`);
  const start = Buffer.from(bytes.subarray(0, 1024)).toString('latin1');
  const trimmed = start.replace(/^(?:\u00ef\u00bb\u00bf)?\s*/, '');
  const written = encodedAsText.find((format) => trimmed.startsWith(format.start));
  if (written !== undefined) return { contentType: written.contentType };

  const declaredCharset = /;\s*charset=["']?([\w.:-]+)/i.exec(hints.contentType ?? '')?.[1];
  const encoding = detectEncoding(bytes, declaredCharset ?? metaCharset(start));
  if (encoding !== undefined) return { contentType: textType(bytes, encoding, hints), encoding };

  // Some producers put bytes before the header; readers accept it within the first 1024 bytes.
  if (/%PDF-\d\.\d/.test(start)) return { contentType: 'application/pdf' };
  const binary = await fileTypeFromBuffer(bytes);
  if (binary !== undefined) return { contentType: binary.mime };
  throw new MillraceError('E_DOCUMENT_UNSUPPORTED', `${hints.name} holds binary data of an unknown type, not text.`);
}

function metaCharset(start: string): string | undefined {
  return /<meta[^>]+charset=["']?\s*([\w.:-]+)/i.exec(start)?.[1] ?? /^<\?xml[^>]+encoding=["']([\w.:-]+)/i.exec(start)?.[1];
}

function textType(bytes: Uint8Array, encoding: string, hints: TypeHints): string {
  const given = hints.contentType?.split(';')[0]?.trim().toLowerCase();
  const byGiven = given === undefined ? undefined : textTypes[given];
  if (byGiven !== undefined) return byGiven;
  const extension = /\.([a-z0-9]+)$/i.exec(hints.name)?.[1]?.toLowerCase();
  const byName = extension === undefined ? undefined : textTypeOfExtension[extension];
  if (byName !== undefined) return byName;
  const beginning = decodeText(bytes.subarray(0, 4096), encoding);
  return /^\s*(?:<\?xml[^>]*>\s*)?(?:<!--[\s\S]*?-->\s*)*<(?:!doctype\s+html|html)\b/i.test(beginning) ? 'text/html' : 'text/plain';
}
