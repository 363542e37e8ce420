import { stat } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import { MillraceError } from '../errors.ts';
import type { HandedSource, IngestSource } from '../spec/mill.ts';
import type { MemberSource } from './container-members.ts';
import { createIgnoreFilter } from './ignore-rules.ts';
import { walkFolder } from './walk-folder.ts';

/** A file found under a path, folder or pattern, or a source that the program handed over. */
export type ReachedSource =
  | { readonly kind: 'file'; readonly path: string; /** No link may lead out of it. */ readonly root: string }
  | { readonly kind: 'handed'; readonly source: HandedSource }
  | MemberSource;

/** Also a path or pattern that names nothing, and a folder that cannot be read. */
export type FoundSource = ReachedSource | { readonly kind: 'unreachable'; readonly given: string; readonly error: MillraceError };

/**
 * The sources one by one, folders and patterns expanded in order of path. What two of them name comes twice; the second time it is
 * unchanged.
 */
export async function* discover(
  sources: Iterable<IngestSource> | AsyncIterable<IngestSource>,
  workingDirectory: string,
): AsyncGenerator<FoundSource> {
  for await (const source of sources) {
    if (typeof source === 'string') yield* expand(source, workingDirectory);
    else yield { kind: 'handed', source };
  }
}

async function* expand(given: string, workingDirectory: string): AsyncGenerator<FoundSource> {
  const path = resolve(workingDirectory, given);
  const status = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (!(status instanceof Error)) {
    if (status.isDirectory()) yield* filesBelow(path);
    else yield { kind: 'file', path, root: dirname(path) };
  } else if (isDynamicPattern(given)) {
    yield* matches(given, workingDirectory);
  } else {
    const { code } = status;
    const reason = code === 'ENOENT' || code === 'ENOTDIR' ? 'does not exist' : `cannot be reached (${code ?? status.message})`;
    yield { kind: 'unreachable', given, error: new MillraceError('E_SOURCE_MISSING', `The path ${path} ${reason}.`) };
  }
}

async function* filesBelow(root: string): AsyncGenerator<FoundSource> {
  for await (const { path, error } of walkFolder(root)) {
    yield error === undefined ? { kind: 'file', path, root } : { kind: 'unreachable', given: path, error };
  }
}

/** Ignore files count from the folder that the pattern names in plain words: what is named outright is read. */
async function* matches(given: string, workingDirectory: string): AsyncGenerator<FoundSource> {
  const segments = given.split(sep).join('/').split('/');
  const firstDynamic = segments.findIndex((segment) => isDynamicPattern(segment));
  const root = resolve(workingDirectory, segments.slice(0, firstDynamic).join('/') || (given.startsWith('/') ? '/' : '.'));
  const found = await glob([segments.slice(firstDynamic).join('/')], {
    cwd: root,
    absolute: true,
    onlyFiles: true,
    dot: false,
    followSymbolicLinks: false,
    ignore: ['**/node_modules/**'],
  });
  const isIgnored = createIgnoreFilter(root);
  let any = false;
  for (const path of found.map((one) => resolve(one)).toSorted()) {
    if (await isIgnored(path)) continue;
    any = true;
    yield { kind: 'file', path, root };
  }
  if (!any) yield { kind: 'unreachable', given, error: new MillraceError('E_SOURCE_MISSING', `No file matches the pattern "${given}".`) };
}
