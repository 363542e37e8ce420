import { MillraceError, toMillraceError } from '../errors.ts';
import type { FormatParser, ParsedDocument, ParseRequest } from '../spec/parser.ts';
import { isBlank } from './canonical-text.ts';
import { detectType } from './detect-type.ts';

/** A text must fit one string with room for its canonical copy. */
const maxTextBytes = 256 * 1024 * 1024;

/** Names for people, where a media type says little. */
const typeNames: Readonly<Record<string, string>> = {
  'application/postscript': 'a PostScript document',
  'application/x-cfb': 'a compound file of another program than Office',
  'application/x-elf': 'a program',
  'application/x-msdownload': 'a program',
  'application/x-7z-compressed': 'a 7-Zip archive',
  'application/vnd.rar': 'a RAR archive',
  'application/x-bzip2': 'a bzip2 file',
  'application/x-xz': 'an xz file',
  'application/zstd': 'a Zstandard file',
  'image/gif': 'a GIF image',
  'image/heic': 'a HEIC image',
};

/**
 * Reads one file in this process: the child's work. Errors as `DocumentParser.parse`, except those about the process.
 */
export async function parseDocument(request: ParseRequest, parsers: readonly FormatParser[]): Promise<ParsedDocument> {
  const { bytes, name } = request;
  const type = await detectType(bytes, request, parsers);
  if (type.contentType === 'application/x-encrypted-office') {
    throw new MillraceError('E_DOCUMENT_ENCRYPTED', `${name} is an Office document protected by a password.`);
  }
  const parser = parsers.find((candidate) => candidate.contentTypes.includes(type.contentType));
  if (parser === undefined) {
    const known = typeNames[type.contentType];
    const looks = known === undefined ? type.contentType : `${known} (${type.contentType})`;
    throw new MillraceError('E_DOCUMENT_UNSUPPORTED', `${name} looks like ${looks}, which millrace cannot read.`, {
      details: { contentType: type.contentType },
    });
  }
  if (type.encoding !== undefined && bytes.length > maxTextBytes) {
    const message = `${name} holds ${bytes.length} bytes of text; the limit for one text is ${maxTextBytes}.`;
    throw new MillraceError('E_SOURCE_TOO_LARGE', message, { details: { bytes: bytes.length, maxTextBytes } });
  }
  try {
    const content = await parser.parse(bytes, {
      name,
      ...(type.encoding === undefined ? {} : { encoding: type.encoding }),
      ...(request.membersFrom === undefined ? {} : { membersFrom: request.membersFrom }),
      ...(request.ocr === undefined ? {} : { ocr: request.ocr }),
    });
    if (content.members !== undefined && parser.isContainer !== true) {
      throw new MillraceError('E_INTERNAL', `The format ${parser.name} gives members and does not say isContainer.`);
    }
    if (isBlank(content.text)) throw new MillraceError('E_DOCUMENT_EMPTY', `${name} holds no text.`);
    return { contentType: type.contentType, parser: parser.name, parserVersion: parser.version, ...content };
  } catch (error) {
    throw toMillraceError(error, 'E_DOCUMENT_DAMAGED', `${name} cannot be read as ${type.contentType}`);
  }
}
