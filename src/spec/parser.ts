import { z } from 'zod';
import type { SlicedText } from './sliced-text.ts';
import { blockKinds } from './parsed-numbers.ts';

/**
 * Canonical text: well-formed UTF-16, U+0000 → U+FFFD, CRLF and CR → LF, NFC, soft hyphens and zero-width characters removed,
 * ligatures as letters. Made once by the parser; nothing changes it afterwards. Every offset everywhere is a UTF-16 code-unit
 * range [start, end) in it, never inside a surrogate pair.
 */

/** One page, in reading order. Formats without pages have one page without a label. Pages do not overlap and are in order. */
export const parsedPage = z.object({
  /** 1, 2, … */
  number: z.number().int().positive(),
  /** As printed ("iv", "12"), where the format says. */
  label: z.string().optional(),
  start: z.number().int().nonnegative(),
  end: z.number().int().nonnegative(),
  /** Size in points, for formats with a fixed layout. */
  width: z.number().optional(),
  height: z.number().optional(),
  /**
   * One box per word, for PDF: six numbers each: start, end (UTF-16, document offsets), left, top, right, bottom in 1/4096 of the
   * page width and height from the top left corner. Length is a multiple of 6.
   */
  boxes: z.instanceof(Uint32Array).optional(),
});
export type ParsedPage = z.infer<typeof parsedPage>;

/** A block of the text, in order, not overlapping; text between blocks is white space. */
export const parsedBlock = z.object({
  kind: z.enum(blockKinds),
  start: z.number().int().nonnegative(),
  end: z.number().int().nonnegative(),
  /** 1–6, only with `heading`. */
  level: z.number().int().min(1).max(6).optional(),
  /** Only with `table`: the range of its header row, repeated at prompt time when a chunk starts inside the table. */
  header: z.object({ start: z.number().int().nonnegative(), end: z.number().int().nonnegative() }).optional(),
});
export type ParsedBlock = z.infer<typeof parsedBlock>;

/** A file inside a container: an entry of an archive, an attachment of a message. It becomes a document of its own. */
export const memberFile = z.object({
  /** Unique in its container, a relative path with forward slashes. */
  name: z.string().min(1),
  bytes: z.instanceof(Uint8Array),
  /** A hint, as with `ParseRequest`. */
  contentType: z.string().optional(),
  /** Why it could not be taken out of its container, which has others that could; `bytes` is empty then. */
  failure: z.object({ code: z.enum(['E_DOCUMENT_DAMAGED', 'E_DOCUMENT_ENCRYPTED']), message: z.string() }).optional(),
});
export type MemberFile = z.infer<typeof memberFile>;

export const parsedDocument = z.object({
  /** Media type by content, for example "application/pdf". */
  contentType: z.string(),
  parser: z.string(),
  parserVersion: z.number().int().positive(),
  text: z.string(),
  pages: z.array(parsedPage).min(1),
  blocks: z.array(parsedBlock),
  /** Where the text may be cut, as `segment` says: `spanNumbers` each. */
  spans: z.instanceof(Uint32Array).optional(),
  title: z.string().optional(),
  author: z.string().optional(),
  /** BCP 47: what the format says, else what the text looks like; of source code only the former. */
  language: z.string().optional(),
  /** Integer ms UTC, where the format says. */
  createdAt: z.number().optional(),
  modifiedAt: z.number().optional(),
  /** Sentences for the user about what could not be read, for example "2 of 14 pages have no text layer." */
  warnings: z.array(z.string()),
  /** Pages that are images and were not read, for want of OCR. */
  scannedPages: z.number().int().positive().optional(),
  /** Language of the OCR by which pages were read, or could not be. */
  ocr: z.string().optional(),
  /** Only of containers: a portion of their files, in order. */
  members: z.array(memberFile).optional(),
  /** Ask again with this `membersFrom` for the next portion; absent after the last one. */
  nextMember: z.number().int().positive().optional(),
});
export type ParsedDocument = z.infer<typeof parsedDocument>;

/** A part of a long document as it comes out of a parser process, in order. All offsets are those of the document. */
export interface ParsedPortion {
  /** Where its text begins. */
  readonly start: number;
  /** Well-formed; not empty. */
  readonly text: string;
  /** Those that begin in it, and before them the one that goes on from the portion before, with its end so far. */
  readonly blocks: readonly ParsedBlock[];
  /** Index of the first of them in the document. */
  readonly firstBlock: number;
  /** As those of a document, each inside this portion. */
  readonly spans: Uint32Array;
}

/** Takes the portions of one long document, each when the one before is dealt with: the parser waits for it. */
export interface PortionTaker {
  take(portion: ParsedPortion): Promise<void>;
}

/** A document as it comes out of a parser process: a long text is in pieces. */
export type ReadDocument = Omit<ParsedDocument, 'text'> & {
  readonly text: SlicedText;
  /** Who has got the text, the blocks and the spans, which are then empty here. */
  readonly taken?: PortionTaker;
};

/** Files that go to a child together hold at most so many bytes; a larger one goes alone. */
export const togetherBytes = 256 * 1024;

/** What parsing a file takes of the lane. */
export function parseCost(bytes: number): { readonly items: number; readonly tokens: number; readonly bytes: number } {
  return { items: 1, tokens: Math.min(bytes, togetherBytes), bytes };
}

export interface ParseRequest {
  /** The whole file. The child gets bytes, never a path. */
  readonly bytes: Uint8Array;
  /** For messages and as a hint where content alone does not decide (".md"); never opened. */
  readonly name: string;
  /** Given by the program; overrides the hint, not the content of binary formats. */
  readonly contentType?: string;
  /** With a container: number of the first member wanted. Default 0. */
  readonly membersFrom?: number;
  /** Language of the OCR that reads pages which are images, for example "eng". Default: they are not read. */
  readonly ocr?: string;
}

/** A file that is read bit by bit, as often as needed. */
export interface StreamedBytes {
  readonly length: number;
  /** Each piece is good until the next one is asked for. Rejects where the file is not what it was. */
  read(signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** What goes to a parser process. */
export interface ParseInput extends Omit<ParseRequest, 'bytes'> {
  readonly bytes: Uint8Array | StreamedBytes;
  /** Called for each attempt to parse a document that turns out to be long. Default: it comes as a whole, in pieces. */
  readonly taker?: () => PortionTaker;
}

export interface ParseWork {
  readonly request: ParseInput;
  readonly signal: AbortSignal;
}

/** Bytes in, `ReadDocument` out, in an isolated child; cancelled or past its deadline the child is killed. */
export interface DocumentParser {
  /** Hash of everything that changes the outcome besides the bytes, the version of the format's parser and OCR. */
  readonly optionsHash: string;
  /** Language of the OCR that reads pages which are images. Absent or null: they are not read. */
  readonly ocr?: string | null;
  /** What can be read. A document that another version of its parser made is parsed again. */
  readonly formats: readonly Pick<FormatParser, 'name' | 'version' | 'isContainer'>[];
  /**
   * Errors: `E_DOCUMENT_EMPTY`, `E_DOCUMENT_UNSUPPORTED`, `E_DOCUMENT_ENCRYPTED`, `E_DOCUMENT_DAMAGED`,
   * `E_DOCUMENT_TOO_LARGE`, `E_SOURCE_TOO_LARGE`;
   * `E_PARSE_CRASHED` when the child died or ran past its limits (retryable by the scheduler, once).
   */
  parse(request: ParseRequest, signal: AbortSignal): Promise<ReadDocument>;
  /**
   * The same for several files that one child reads one after the other: one outcome each, in order. A file that ends its child, or runs
   * past its own deadline, is the only one that fails; those behind it are read by another child. Absent: each is parsed alone.
   */
  parseEach?(works: readonly ParseWork[]): Promise<PromiseSettledResult<ReadDocument>[]>;
  /** What stands around the children beside their limits, found out once, with a sentence for people. */
  isolation(): Promise<{ readonly kind: 'bubblewrap' | 'process'; readonly message: string }>;
  /** Children that may work at the same time. */
  readonly concurrency: number;
  close(): Promise<void>;
}

/** What one format makes of the bytes. */
export type ParsedContent = Omit<ParsedDocument, 'parser' | 'parserVersion' | 'contentType' | 'spans'>;

/** A part of a text, canonical, and its blocks, with the offsets of the document; one that goes on in the next part comes there again. */
export interface ContentPart {
  readonly text: string;
  readonly blocks: readonly ParsedBlock[];
}

/** What is known of a document when all of its parts have been given. */
export type ContentBeyondParts = Omit<ParsedContent, 'text' | 'blocks'>;

/** One format. A parser is one file with one of these and one line in the registry. */
export interface FormatParser {
  readonly name: string;
  /** To be raised whenever the text of the same bytes changes: documents of older versions are parsed again. */
  readonly version: number;
  readonly contentTypes: readonly string[];
  /** Its documents may have `members`: sources with the same bytes then have files of their own each. */
  readonly isContainer?: boolean;
  /** The format is a kind of text: `contentTypes` and `endings` tell it from others, and its bytes come with their encoding. */
  readonly isText?: boolean;
  /** File ending, lower case, without the dot → media type. A hint where content alone does not decide. */
  readonly endings?: Readonly<Record<string, string>>;
  /** `encoding`: of text formats, as detected. */
  parse(
    bytes: Uint8Array,
    context: { readonly name: string; readonly encoding?: string; readonly membersFrom?: number; readonly ocr?: string },
  ): Promise<ParsedContent>;
  /** The same for a large file, so that its text is never in memory as a whole. Absent: it is. */
  parseInParts?(
    bytes: Uint8Array,
    context: { readonly name: string; readonly encoding?: string },
  ): AsyncGenerator<ContentPart, ContentBeyondParts> | Generator<ContentPart, ContentBeyondParts>;
}
