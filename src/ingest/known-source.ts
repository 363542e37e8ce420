import { MillraceError } from '../errors.ts';
import type { DocumentId } from '../spec/identifiers.ts';
import type { DocumentParser, MemberFile, ReadDocument } from '../spec/parser.ts';
import type { DocumentRecord, NewSource, SourceRecord, Store } from '../spec/store.ts';
import { canonicalJson, hashOf } from '../util/hash.ts';

/** What the record holds of a source. */
export interface KnownSource {
  readonly source: SourceRecord;
  readonly document: DocumentRecord | undefined;
}

/** What made, or would make, a document besides its bytes. */
export interface Versions {
  readonly chunkerHash: string;
  readonly parser: Pick<DocumentParser, 'optionsHash' | 'formats' | 'ocr'>;
}

/** Content, as far as it is known: without the hash it is a file that looks as it was recorded. */
export interface SeenContent {
  readonly bytesSha256?: string;
  readonly contentType: string | undefined;
}

/** What came of the same content before. */
export type RecordedOutcome =
  | { readonly type: 'made'; readonly document: DocumentId }
  | { readonly type: 'failed'; readonly error: MillraceError };

export async function readKnown(store: Store, collection: string, key: string): Promise<KnownSource | undefined> {
  const known = await store.readSourceDocument(collection, key);
  return known === undefined ? undefined : { source: known.source, document: known.document ?? undefined };
}

/**
 * A file that was written so shortly before it was looked at can be written to again without a new time of modification; such a one
 * is read again, as git does with "racily clean" entries.
 */
const racyMs = 2_000;

export function isRacy(mtime: number | null | undefined, lookedAt: number): boolean {
  return mtime === null || mtime === undefined || mtime > lookedAt - racyMs;
}

/** Whether a file may be taken for what was recorded without reading it. `updatedAt` is the time at which it was looked at. */
export function looksUnchanged({ source }: KnownSource, now: NewSource): boolean {
  return source.mtime === now.mtime && source.size === now.size && !isRacy(source.mtime, source.updatedAt);
}

/** Endings of the hash of options: pages that are images were left unread, or were read by OCR of a language. */
const unread = '+unread';
const byOcr = '+ocr-';

/** What made a document besides its bytes and parser. Of a container it says what became of the pages of its files. */
export function parseOptionsOf(
  { ocr, scannedPages, members }: Pick<ReadDocument, 'ocr' | 'scannedPages' | 'members'>,
  parser: Versions['parser'],
): string {
  const language = members === undefined ? ocr : (parser.ocr ?? undefined);
  if (language !== undefined) return parser.optionsHash + byOcr + language;
  return scannedPages === undefined && members === undefined ? parser.optionsHash : parser.optionsHash + unread;
}

/** Whether the document is what its bytes would become now. */
function isCurrent(document: DocumentRecord, { chunkerHash, parser }: Versions): boolean {
  return (
    document.chunkerHash === chunkerHash &&
    hasOptions(document.parseOptionsHash, parser) &&
    parser.formats.some(({ name, version }) => name === document.parser && version === document.parserVersion)
  );
}

/** What was read by OCR stays where there is none any more. */
function hasOptions(made: string, { optionsHash, ocr = null }: Versions['parser']): boolean {
  if (made === optionsHash) return true;
  if (ocr !== null) return made === optionsHash + byOcr + ocr;
  return made === optionsHash + unread || made.startsWith(optionsHash + byOcr);
}

/** What came of the same content with the same versions; `undefined` where it has to be parsed. */
export function recordedOutcome(known: KnownSource | undefined, versions: Versions, content: SeenContent): RecordedOutcome | undefined {
  if (known === undefined) return undefined;
  const { source, document } = known;
  const { bytesSha256 } = content;
  if (
    document !== undefined &&
    isCurrent(document, versions) &&
    (bytesSha256 === undefined ? source.error === null : document.bytesSha256 === bytesSha256) &&
    isOfType(document, content.contentType)
  ) {
    return { type: 'made', document: document.id };
  }
  const attempt = attemptOf(source.error);
  if (
    source.error !== null &&
    attempt !== undefined &&
    attempt.parserHash === parserHash(versions) &&
    (bytesSha256 === undefined || attempt.bytesSha256 === bytesSha256) &&
    attempt.contentType === (content.contentType ?? null)
  ) {
    return { type: 'failed', error: MillraceError.fromJSON(source.error as Parameters<typeof MillraceError.fromJSON>[0]) };
  }
  return undefined;
}

function isOfType(document: DocumentRecord, given: string | undefined): boolean {
  return given === undefined || given.split(';')[0]?.trim().toLowerCase() === document.contentType;
}

/** Whether the document lists files that are documents of their own. */
export function isContainer({ parser: name }: Pick<DocumentRecord, 'parser'>, { formats }: Versions['parser']): boolean {
  return formats.some((format) => format.name === name && format.isContainer === true);
}

const pageMembers = 1_000;

/** Whether a file of a container failed, and would not do so in the same way again. */
export async function hasOpenMembers(store: Store, collection: string, container: string, versions: Versions): Promise<boolean> {
  const now = parserHash(versions);
  for (let afterKey = ''; ;) {
    const page = await store.listFailedMembers(collection, container, { afterKey, limit: pageMembers });
    if (page.some(({ error }) => attemptOf(error)?.parserHash !== now)) return true;
    const last = page.at(-1);
    if (last === undefined || page.length < pageMembers) return false;
    afterKey = last.key;
  }
}

/**
 * The document that another source of the collection made of the same bytes. Not of texts: what they become depends on the name too. Not of
 * containers: each has files of its own.
 */
export async function findSameContent(
  store: Store,
  collection: string,
  versions: Versions,
  content: Required<SeenContent>,
): Promise<DocumentId | undefined> {
  // Of what a program hands over as text nothing could be shared.
  if (content.contentType?.startsWith('text/') === true) return undefined;
  for (const document of await store.findDocuments(collection, content.bytesSha256)) {
    if (isContainer(document, versions.parser)) continue;
    if (isCurrent(document, versions) && !document.contentType.startsWith('text/') && isOfType(document, content.contentType))
      return document.id;
  }
  return undefined;
}

/** What was tried when it failed; kept with the error, so that it is not tried again in vain. */
interface Attempt {
  readonly bytesSha256: string;
  readonly parserHash: string;
  readonly contentType: string | null;
}

function attemptOf(error: SourceRecord['error']): Attempt | undefined {
  return error?.details?.['attempt'] as Attempt | undefined;
}

/** Of all formats: what cannot be read today may be of a format that is added tomorrow. */
function parserHash({ parser }: Versions): string {
  return hashOf([parser.optionsHash, parser.ocr ?? '', ...parser.formats.map(({ name, version }) => `${name}@${version}`).toSorted()]);
}

/** Failures that the same bytes will meet again. A parser that died twice puts the file into quarantine. */
export function rememberAttempt(error: MillraceError, content: Required<SeenContent>, versions: Versions): MillraceError {
  const quarantined = error.code === 'E_PARSE_CRASHED';
  if (!quarantined && !error.code.startsWith('E_DOCUMENT_') && error.code !== 'E_SOURCE_TOO_LARGE') return error;
  const attempt: Attempt = {
    bytesSha256: content.bytesSha256,
    parserHash: parserHash(versions),
    contentType: content.contentType ?? null,
  };
  const remedy = quarantined ? 'The file is left out until it changes; ingest it with --reread to try it again.' : error.remedy;
  return new MillraceError(error.code, error.message, { cause: error, remedy, details: { ...error.details, attempt } });
}

/** The same for a file that its container could not give: why stands for the bytes, which nobody has seen. */
export function rememberFailure(
  failure: NonNullable<MemberFile['failure']>,
  contentType: string | undefined,
  versions: Versions,
): MillraceError {
  return rememberAttempt(new MillraceError(failure.code, failure.message), { bytesSha256: hashOf(failure), contentType }, versions);
}

/** Whether the failure is one that the same bytes will meet again. */
export function isRemembered({ details }: MillraceError): boolean {
  return details?.['attempt'] !== undefined;
}

/** Whether the record already says all of this about the source. */
export function sameFacts({ source: known }: KnownSource, now: NewSource, lookedAt: number): boolean {
  return (
    known.error === null &&
    known.pendingAt === null &&
    known.mtime === (now.mtime ?? null) &&
    known.title === (now.title ?? null) &&
    canonicalJson(known.metadata) === canonicalJson(now.metadata) &&
    // A file that was racy when it was recorded and no longer is need not be read the next time.
    (now.mtime === undefined || !isRacy(known.mtime, known.updatedAt) || isRacy(now.mtime, lookedAt))
  );
}
