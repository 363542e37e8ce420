import { stat } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import { isDynamicPattern } from 'tinyglobby';
import { MillraceError } from '../errors.ts';
import type { Metadata } from '../spec/identifiers.ts';
import type { HandedSource, IngestSource } from '../spec/mill.ts';
import type { SourceRecord } from '../spec/store.ts';
import type { MemberSource } from './container-members.ts';
import { isGone } from './is-gone.ts';
import { createFolderTest, createPatternTest } from './pattern.ts';
import { walkFolder } from './walk-folder.ts';

/** A file found under a path, folder or pattern, a source that the program handed over, or one whose bytes the directory keeps. */
export type ReachedSource =
  | {
      readonly kind: 'file';
      readonly path: string;
      /** No link may lead out of it. */
      readonly root: string;
      /** What the record says of it, where it is read again because of that. */
      readonly recorded?: SourceRecord;
    }
  | { readonly kind: 'handed'; readonly source: HandedSource }
  | { readonly kind: 'kept'; readonly record: SourceRecord; readonly blob: string }
  | MemberSource;

/** Also a path or pattern that names nothing, a folder that cannot be read, and a file that may be gone. */
export type FoundSource =
  | ReachedSource
  | { readonly kind: 'unreachable'; readonly given: string; readonly error: MillraceError }
  | { readonly kind: 'vanished'; readonly path: string };

/** What a call is given: what its caller named, or what the record holds already. */
export type GivenSource = IngestSource | { readonly recorded: SourceRecord };

/** A folder, or one file, that a call covers: below it a source that is gone from the disk is a vanished one. */
export interface Root {
  readonly path: string;
  readonly isFolder: boolean;
  /** Only paths that match, where a pattern was given. Relative to the folder, with forward slashes. */
  readonly pattern?: string;
}

export interface DiscoverOptions {
  readonly workingDirectory: string;
  /** Told of every path, folder and pattern that exists, before its files. */
  readonly onRoot?: (root: Root) => void;
}

/**
 * The sources one by one, folders and patterns expanded in order of path. What two of them name comes twice; the second time it is
 * unchanged.
 */
export async function* discover(
  sources: Iterable<GivenSource> | AsyncIterable<GivenSource>,
  options: DiscoverOptions,
): AsyncGenerator<FoundSource> {
  for await (const source of sources) {
    if (typeof source === 'string') yield* expand(source, options);
    else if (isRecorded(source)) yield fromRecord(source.recorded);
    else yield { kind: 'handed', source };
  }
}

/** A handed-over value may have any shape yet. */
function isRecorded(source: Exclude<GivenSource, string>): source is { readonly recorded: SourceRecord } {
  return typeof source === 'object' && source !== null && 'recorded' in source;
}

function fromRecord(record: SourceRecord): FoundSource {
  if (record.uri.startsWith('file:')) return { kind: 'file', path: record.key, root: dirname(record.key), recorded: record };
  if (record.blob !== null) return { kind: 'kept', record, blob: record.blob };
  const error = new MillraceError('E_SOURCE_MISSING', `The bytes of ${record.key} were handed over and are not kept.`, {
    remedy: 'Hand it over again under the same id.',
  });
  return { kind: 'unreachable', given: record.key, error };
}

/** An empty name is that of a variable which is not set, and no way to say the working directory. */
export function namesNothing(given: string): boolean {
  return given.trim() === '';
}

async function* expand(given: string, { workingDirectory, onRoot }: DiscoverOptions): AsyncGenerator<FoundSource> {
  if (namesNothing(given)) {
    yield { kind: 'unreachable', given, error: new MillraceError('E_SOURCE_MISSING', 'An empty path names no file and no folder.') };
    return;
  }
  const path = resolve(workingDirectory, given);
  const status = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (!(status instanceof Error)) {
    onRoot?.({ path, isFolder: status.isDirectory() });
    if (status.isDirectory()) yield* filesBelow(path);
    else yield { kind: 'file', path, root: dirname(path) };
  } else if (isDynamicPattern(given)) {
    yield* matches(given, workingDirectory, onRoot);
  } else {
    const { code } = status;
    const reason = code === 'ENOENT' || code === 'ENOTDIR' ? 'does not exist' : `cannot be reached (${code ?? status.message})`;
    const error = /^[a-z][a-z\d+.-]+:\/\//i.test(given)
      ? new MillraceError('E_SOURCE_MISSING', `The address ${given} is not fetched: documents are read from files.`, {
          remedy: 'Download it, and name the file.',
        })
      : new MillraceError('E_SOURCE_MISSING', `The path ${path} ${reason}.`);
    yield { kind: 'unreachable', given, error };
  }
}

export async function* filesBelow(root: string): AsyncGenerator<FoundSource> {
  for await (const { path, error } of walkFolder(root)) {
    yield error === undefined ? { kind: 'file', path, root } : { kind: 'unreachable', given: path, error };
  }
}

/** Ignore files count from the folder that the pattern names in plain words: what is named outright is read. */
async function* matches(given: string, workingDirectory: string, onRoot: DiscoverOptions['onRoot']): AsyncGenerator<FoundSource> {
  const { root, dynamic } = await splitPattern(given, workingDirectory);
  onRoot?.({ path: root, isFolder: true, pattern: dynamic });
  const isMatch = createPatternTest(root, dynamic);
  let any = false;
  for await (const { path, error } of walkFolder(root, { enters: createFolderTest(root, dynamic) })) {
    if (error !== undefined) {
      if (path === root && (await isGone(root))) break;
      any = true;
      yield { kind: 'unreachable', given: path, error };
    } else if (isMatch(path)) {
      any = true;
      yield { kind: 'file', path, root };
    }
  }
  if (!any) yield { kind: 'unreachable', given, error: new MillraceError('E_SOURCE_MISSING', `No file matches the pattern "${given}".`) };
}

/** The folder that a pattern begins in, and the rest: names of folders that are there mean those, whatever signs they hold. */
async function splitPattern(given: string, workingDirectory: string): Promise<{ readonly root: string; readonly dynamic: string }> {
  const segments = given.split(sep).join('/').split('/');
  let root = resolve(workingDirectory, given.startsWith('/') ? '/' : '.');
  for (const [index, segment] of segments.entries()) {
    const next = resolve(root, segment);
    const rest = segments.slice(index).join('/');
    if (index === segments.length - 1) return { root, dynamic: rest };
    if (isDynamicPattern(segment) && !((await stat(next).catch(() => undefined))?.isDirectory() ?? false)) return { root, dynamic: rest };
    root = next;
  }
  return { root, dynamic: given };
}

/** What a source is told to be, before what its own file or message says. */
export type GivenFacts = { readonly title?: string | undefined; readonly metadata?: Metadata | undefined };
