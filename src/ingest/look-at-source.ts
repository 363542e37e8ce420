import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MillraceError, toMillraceError } from '../errors.ts';
import { handedSource } from '../spec/mill.ts';
import type { MemberFile } from '../spec/parser.ts';
import type { NewSource, SourceRecord, Store } from '../spec/store.ts';
import { sha256InSteps } from '../util/hash.ts';
import type { MemberSource } from './container-members.ts';
import type { GivenFacts, ReachedSource } from './discover.ts';
import { lookAtFile, type ReadContent } from './read-file.ts';

/** A source before its content is read. */
export interface LookedSource {
  readonly source: NewSource;
  readonly size: number;
  /** Hint for the parser, and for messages. */
  readonly name: string;
  /** Given by the program. */
  readonly contentType?: string;
  /** Why there is no content: of a file that could not be taken out of its container. */
  readonly failure?: MemberFile['failure'];
  read(signal: AbortSignal): Promise<ReadContent>;
}

/** The stable key of a source: its path, the program's own id, or the key of its container and its name there. A handed-over value may have any shape yet. */
export function sourceKey(found: ReachedSource): string {
  if (found.kind === 'file') return found.path;
  if (found.kind === 'member') return found.key;
  if (found.kind === 'kept') return found.record.key;
  const { id } = (found.source ?? {}) as { readonly id?: unknown };
  return typeof id === 'string' ? id : String(id);
}

export function sourceUri(found: ReachedSource): string {
  if (found.kind === 'member') return found.uri;
  return found.kind === 'file' ? pathToFileURL(found.path).href : sourceKey(found);
}

/**
 * `facts` are those that the call gives; what a source says of itself goes before them, what the record says after them.
 * @throws MillraceError E_INPUT_INVALID for a handed-over source of the wrong shape, and what `lookAtFile` throws
 */
export async function lookAtSource(found: ReachedSource, facts: GivenFacts, store: Pick<Store, 'readBlob'>): Promise<LookedSource> {
  if (found.kind === 'handed') return lookAtHanded(found.source, facts);
  if (found.kind === 'member') return lookAtMember(found);
  if (found.kind === 'kept') return lookAtKept(found.record, found.blob, facts, store);
  const { size, mtime, read } = await lookAtFile(found.path, found.root);
  const title = facts.title ?? found.recorded?.title ?? undefined;
  const source = {
    key: found.path,
    uri: sourceUri(found),
    mtime,
    size,
    metadata: { ...found.recorded?.metadata, ...facts.metadata },
    ...(title === undefined ? {} : { title }),
  };
  return { source, size, name: basename(found.path), read };
}

function lookAtKept(record: SourceRecord, blob: string, facts: GivenFacts, store: Pick<Store, 'readBlob'>): LookedSource {
  const { key, uri, size, contentType } = record;
  const title = facts.title ?? record.title ?? undefined;
  return {
    source: {
      key,
      uri,
      metadata: { ...record.metadata, ...facts.metadata },
      blob,
      ...(size === null ? {} : { size }),
      ...(title === undefined ? {} : { title }),
      ...(contentType === null ? {} : { contentType }),
    },
    size: size ?? 0,
    name: key,
    ...(contentType === null ? {} : { contentType }),
    read: async () => ({ bytes: await readKept(store, blob, key), sha256: blob }),
  };
}

/** Bytes that are gone or damaged are the failure of this source: the others are read. */
async function readKept(store: Pick<Store, 'readBlob'>, blob: string, key: string): Promise<Uint8Array> {
  try {
    return await store.readBlob(blob);
  } catch (thrown) {
    const error = toMillraceError(thrown);
    if (error.code !== 'E_STORE_CORRUPT') throw error;
    throw new MillraceError('E_SOURCE_UNREADABLE', `What was kept of ${key} cannot be read: ${error.message}`, {
      remedy: 'Hand the document over again under the same id.',
      cause: error,
    });
  }
}

function lookAtMember({ key, uri, file, metadata }: MemberSource): LookedSource {
  const { bytes, contentType, failure } = file;
  return {
    source: { key, uri, size: bytes.length, metadata },
    size: bytes.length,
    name: file.name,
    ...(contentType === undefined ? {} : { contentType }),
    ...(failure === undefined ? {} : { failure }),
    read: async () => ({ bytes, sha256: await sha256InSteps(bytes) }),
  };
}

function lookAtHanded(given: unknown, facts: GivenFacts): LookedSource {
  const checked = handedSource.safeParse(given);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    const at = issue?.path.join('.') || 'the source itself';
    throw new MillraceError('E_INPUT_INVALID', `A handed-over source is not valid at ${at}: ${issue?.message ?? 'it has another shape'}.`);
  }
  const { id, text, metadata } = checked.data;
  const title = checked.data.title ?? facts.title;
  const bytes = checked.data.bytes ?? new TextEncoder().encode(text);
  const contentType = checked.data.contentType ?? (text === undefined ? undefined : 'text/plain');
  return {
    source: {
      key: id,
      uri: id,
      size: bytes.length,
      metadata: { ...facts.metadata, ...metadata },
      ...(title === undefined ? {} : { title }),
    },
    size: bytes.length,
    name: id,
    ...(contentType === undefined ? {} : { contentType }),
    read: async () => ({ bytes, sha256: await sha256InSteps(bytes) }),
  };
}
