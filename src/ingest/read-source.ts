import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MillraceError } from '../errors.ts';
import type { Metadata } from '../spec/identifiers.ts';
import { handedSource } from '../spec/mill.ts';
import type { NewSource } from '../spec/store.ts';
import { sha256 } from '../util/hash.ts';
import type { FoundSource } from './discover.ts';
import { readWholeFile } from './read-file.ts';

/** A source with its bytes, ready to be parsed. */
export interface SourceContent {
  readonly source: NewSource;
  readonly bytes: Uint8Array;
  readonly bytesSha256: string;
  /** Hint for the parser, and for messages. */
  readonly name: string;
  readonly contentType?: string;
}

/** What is known of a source before it is read. */
export function sourceKey(found: Exclude<FoundSource, { kind: 'missing' }>): string {
  return found.kind === 'file' ? found.path : found.source.id;
}

/** @throws MillraceError E_INPUT_INVALID for a handed-over source of the wrong shape, and what `readWholeFile` throws */
export async function readSource(
  found: Exclude<FoundSource, { kind: 'missing' }>,
  common: Metadata,
  signal: AbortSignal,
): Promise<SourceContent> {
  if (found.kind === 'file') {
    const { bytes, sha256: hash, mtime, size } = await readWholeFile(found.path, found.root, signal);
    return {
      source: { key: found.path, uri: pathToFileURL(found.path).href, mtime, size, metadata: common },
      bytes,
      bytesSha256: hash,
      name: basename(found.path),
    };
  }
  const parsed = handedSource.safeParse(found.source);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new MillraceError(
      'E_INPUT_INVALID',
      `A handed-over source is not valid at "${issue?.path.join('.') ?? ''}": ${issue?.message ?? ''}.`,
    );
  }
  const { id, text, bytes: given, contentType, title, metadata } = parsed.data;
  const bytes = given ?? new TextEncoder().encode(text);
  return {
    source: {
      key: id,
      uri: id,
      size: bytes.length,
      metadata: { ...common, ...metadata },
      ...(title === undefined ? {} : { title }),
    },
    bytes,
    bytesSha256: sha256(bytes),
    name: id,
    ...(contentType === undefined ? (text === undefined ? {} : { contentType: 'text/plain' }) : { contentType }),
  };
}
