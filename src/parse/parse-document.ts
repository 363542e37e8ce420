import { MillraceError, toMillraceError } from '../errors.ts';
import type { ContentPart, FormatParser, ParsedBlock, ParsedDocument, ParseRequest } from '../spec/parser.ts';
import { isBlank } from './canonical-text.ts';
import { type DetectedType, detectType } from './detect-type.ts';

/** A text must fit one string with room for its canonical copy. */
const maxTextBytes = 256 * 1024 * 1024;

/** A larger file is read in parts, where its format can be. */
const largeBytes = 4 * 1024 * 1024;

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
 * Reads one file in this process. Errors as `DocumentParser.parse`, except those about the process.
 */
export async function parseDocument(request: ParseRequest, parsers: readonly FormatParser[]): Promise<ParsedDocument> {
  const parts = parseInParts(request, parsers);
  let text = '';
  const blocks: ParsedBlock[] = [];
  for (;;) {
    const next = await parts.next();
    if (next.done === true) return text === '' ? next.value : { ...next.value, text, blocks };
    text += next.value.text;
    for (const block of next.value.blocks) {
      if (block.start === blocks.at(-1)?.start) blocks.pop();
      blocks.push(block);
    }
  }
}

/** The same: a large file of some formats in parts, and the document without its text and blocks at the end. */
export async function* parseInParts(
  request: ParseRequest,
  parsers: readonly FormatParser[],
): AsyncGenerator<ContentPart, ParsedDocument, undefined> {
  const { bytes, name } = request;
  const type = await detectType(bytes, request, parsers);
  const parser = parserOf(type, name, parsers);
  if (type.encoding !== undefined && bytes.length > maxTextBytes) {
    const message = `${name} holds ${bytes.length} bytes of text; the limit for one text is ${maxTextBytes}.`;
    throw new MillraceError('E_SOURCE_TOO_LARGE', message, { details: { bytes: bytes.length, maxTextBytes } });
  }
  const context = { name, ...(type.encoding === undefined ? {} : { encoding: type.encoding }) };
  const facts = { contentType: type.contentType, parser: parser.name, parserVersion: parser.version };
  try {
    if (bytes.length > largeBytes && parser.parseInParts !== undefined) {
      const rest = yield* withText(parser.parseInParts(bytes, context), name);
      return { ...facts, text: '', blocks: [], ...rest };
    }
    const content = await parser.parse(bytes, {
      ...context,
      ...(request.membersFrom === undefined ? {} : { membersFrom: request.membersFrom }),
      ...(request.ocr === undefined ? {} : { ocr: request.ocr }),
    });
    if (content.members !== undefined && parser.isContainer !== true) {
      throw new MillraceError('E_INTERNAL', `The format ${parser.name} gives members and does not say isContainer.`);
    }
    if (isBlank(content.text)) throw empty(name);
    return { ...facts, ...content };
  } catch (error) {
    throw toMillraceError(error, 'E_DOCUMENT_DAMAGED', `${name} cannot be read as ${type.contentType}`);
  }
}

function parserOf({ contentType }: DetectedType, name: string, parsers: readonly FormatParser[]): FormatParser {
  if (contentType === 'application/x-encrypted-office') {
    throw new MillraceError('E_DOCUMENT_ENCRYPTED', `${name} is an Office document protected by a password.`);
  }
  const parser = parsers.find((candidate) => candidate.contentTypes.includes(contentType));
  if (parser !== undefined) return parser;
  const known = typeNames[contentType];
  const looks = known === undefined ? contentType : `${known} (${contentType})`;
  throw new MillraceError('E_DOCUMENT_UNSUPPORTED', `${name} looks like ${looks}, which millrace cannot read.`, {
    details: { contentType },
  });
}

/** Leaves out empty parts. */
async function* withText<Rest>(
  parts: AsyncGenerator<ContentPart, Rest> | Generator<ContentPart, Rest>,
  name: string,
): AsyncGenerator<ContentPart, Rest, undefined> {
  let hasText = false;
  for (;;) {
    const next = await parts.next();
    if (next.done === true) {
      if (!hasText) throw empty(name);
      return next.value;
    }
    if (next.value.text === '') continue;
    hasText ||= !isBlank(next.value.text);
    yield next.value;
  }
}

function empty(name: string): MillraceError {
  return new MillraceError('E_DOCUMENT_EMPTY', `${name} holds no text.`);
}
