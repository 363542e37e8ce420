import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MillraceError } from '../errors.ts';
import type { Metadata } from '../spec/identifiers.ts';
import { handedSource } from '../spec/mill.ts';
import type { NewSource } from '../spec/store.ts';
import { sha256InSteps } from '../util/hash.ts';
import type { MemberSource } from './container-members.ts';
import type { ReachedSource } from './discover.ts';
import { lookAtFile } from './read-file.ts';

/** A source before its content is read. */
export interface LookedSource {
  readonly source: NewSource;
  readonly size: number;
  /** Hint for the parser, and for messages. */
  readonly name: string;
  /** Given by the program. */
  readonly contentType?: string;
  read(signal: AbortSignal): Promise<{ readonly bytes: Uint8Array; readonly sha256: string }>;
}

/** The stable key of a source: its path, the program's own id, or the key of its container and its name there. A handed-over value may have any shape yet. */
export function sourceKey(found: ReachedSource): string {
  if (found.kind === 'file') return found.path;
  if (found.kind === 'member') return found.key;
  const { id } = (found.source ?? {}) as { readonly id?: unknown };
  return typeof id === 'string' ? id : String(id);
}

export function sourceUri(found: ReachedSource): string {
  if (found.kind === 'member') return found.uri;
  return found.kind === 'file' ? pathToFileURL(found.path).href : sourceKey(found);
}

/** @throws MillraceError E_INPUT_INVALID for a handed-over source of the wrong shape, and what `lookAtFile` throws */
export async function lookAtSource(found: ReachedSource, common: Metadata): Promise<LookedSource> {
  if (found.kind === 'handed') return lookAtHanded(found.source, common);
  if (found.kind === 'member') return lookAtMember(found);
  const { size, mtime, read } = await lookAtFile(found.path, found.root);
  return { source: { key: found.path, uri: sourceUri(found), mtime, size, metadata: common }, size, name: basename(found.path), read };
}

function lookAtMember({ key, uri, file, metadata }: MemberSource): LookedSource {
  const { bytes, contentType } = file;
  return {
    source: { key, uri, size: bytes.length, metadata },
    size: bytes.length,
    name: file.name,
    ...(contentType === undefined ? {} : { contentType }),
    read: async () => ({ bytes, sha256: await sha256InSteps(bytes) }),
  };
}

function lookAtHanded(given: unknown, common: Metadata): LookedSource {
  const checked = handedSource.safeParse(given);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    const at = issue?.path.join('.') || 'the source itself';
    throw new MillraceError('E_INPUT_INVALID', `A handed-over source is not valid at ${at}: ${issue?.message ?? 'it has another shape'}.`);
  }
  const { id, text, title, metadata } = checked.data;
  const bytes = checked.data.bytes ?? new TextEncoder().encode(text);
  const contentType = checked.data.contentType ?? (text === undefined ? undefined : 'text/plain');
  return {
    source: {
      key: id,
      uri: id,
      size: bytes.length,
      metadata: { ...common, ...metadata },
      ...(title === undefined ? {} : { title }),
    },
    size: bytes.length,
    name: id,
    ...(contentType === undefined ? {} : { contentType }),
    read: async () => ({ bytes, sha256: await sha256InSteps(bytes) }),
  };
}
