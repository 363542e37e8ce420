import { readFile, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import ignore, { type Ignore } from 'ignore';
import { glob, isDynamicPattern } from 'tinyglobby';
import { MillraceError } from '../errors.ts';
import type { HandedSource, IngestSource } from '../spec/mill.ts';

/** A file found under a path, folder or pattern, or a source that the program handed over. */
export type FoundSource =
  | { readonly kind: 'file'; readonly path: string; /** No link may lead out of it. */ readonly root: string }
  | { readonly kind: 'handed'; readonly source: HandedSource }
  | { readonly kind: 'missing'; readonly given: string; readonly error: MillraceError };

const ignoreFiles = ['.gitignore', '.millraceignore'];
/** Never part of a folder's documents, whatever the ignore files say. Files named outright are always read. */
const alwaysIgnored = ['**/node_modules/**', '**/.millrace/**', '**/.git/**'];

/** The sources one by one, folders and patterns expanded in order of path. A path that names nothing is reported as such. */
export async function* discover(
  sources: Iterable<IngestSource> | AsyncIterable<IngestSource>,
  workingDirectory: string,
  signal: AbortSignal,
): AsyncGenerator<FoundSource> {
  const seen = new Set<string>();
  for await (const source of sources) {
    signal.throwIfAborted();
    if (typeof source !== 'string') {
      yield { kind: 'handed', source };
      continue;
    }
    for await (const found of expand(source, workingDirectory)) {
      if (found.kind === 'file') {
        if (seen.has(found.path)) continue;
        seen.add(found.path);
      }
      yield found;
    }
  }
}

async function* expand(given: string, workingDirectory: string): AsyncGenerator<FoundSource> {
  const path = resolve(workingDirectory, given);
  const status = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (!(status instanceof Error)) {
    if (!status.isDirectory()) yield { kind: 'file', path, root: dirname(path) };
    else yield* files(['**/*'], path);
    return;
  }
  if (isDynamicPattern(given)) {
    let any = false;
    for await (const found of files([given.split(sep).join('/')], workingDirectory)) {
      any = true;
      yield found;
    }
    if (any) return;
    yield { kind: 'missing', given, error: new MillraceError('E_SOURCE_MISSING', `No file matches the pattern "${given}".`) };
    return;
  }
  const reason =
    status.code === 'ENOENT' || status.code === 'ENOTDIR' ? 'does not exist' : `cannot be reached (${status.code ?? status.message})`;
  yield { kind: 'missing', given, error: new MillraceError('E_SOURCE_MISSING', `The path ${path} ${reason}.`) };
}

async function* files(patterns: readonly string[], root: string): AsyncGenerator<FoundSource> {
  const found = await glob([...patterns], {
    cwd: root,
    absolute: true,
    onlyFiles: true,
    dot: false,
    followSymbolicLinks: false,
    ignore: alwaysIgnored,
  });
  const rules = new Map<string, Ignore | undefined>();
  for (const path of found.map((one) => resolve(one)).toSorted()) {
    if (!(await isIgnored(path, root, rules))) yield { kind: 'file', path, root };
  }
}

/** Rules of the ignore files in every folder from the root down to the file. */
async function isIgnored(path: string, root: string, rules: Map<string, Ignore | undefined>): Promise<boolean> {
  const folders = [root];
  const inside = relative(root, dirname(path));
  if (inside !== '' && !inside.startsWith('..')) for (const name of inside.split(sep)) folders.push(join(folders.at(-1) ?? root, name));
  for (const folder of folders) {
    if (!rules.has(folder)) rules.set(folder, await readRules(folder));
    const local = relative(folder, path).split(sep).join('/');
    if (local !== '' && !local.startsWith('..') && rules.get(folder)?.ignores(local) === true) return true;
  }
  return false;
}

async function readRules(folder: string): Promise<Ignore | undefined> {
  let rules: Ignore | undefined;
  for (const name of ignoreFiles) {
    try {
      const text = await readFile(join(folder, name), 'utf8');
      rules ??= ignore();
      rules.add(text);
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  return rules;
}
