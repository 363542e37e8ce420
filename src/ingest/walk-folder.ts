import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '../errors.ts';
import { type IgnoreRules, isIgnored, readIgnoreRules } from './ignore-rules.ts';

/** A file, or a folder that cannot be read. */
export type Walked = { readonly path: string; readonly error?: MillraceError };

/** Folders that never hold documents of the folder above them. */
const alwaysIgnored = new Set(['node_modules']);

/**
 * The files below a folder in order of path, one folder's names in memory at a time. Left out: names that begin with a dot, what
 * ignore files name, links to folders, and folders that are not to be entered. Links to files and special files are told like files; reading says what is wrong with them.
 */
export async function* walkFolder(
  folder: string,
  { above, enters = () => true }: { readonly above?: IgnoreRules; readonly enters?: (folder: string) => boolean } = {},
): AsyncGenerator<Walked> {
  const listed = await list(folder, above);
  if (listed instanceof MillraceError) {
    yield { path: folder, error: listed };
    return;
  }
  for (const entry of listed.entries) {
    if (entry.name.startsWith('.') || alwaysIgnored.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (isIgnored(path, entry.isDirectory(), listed.rules)) continue;
    if (entry.isDirectory()) {
      if (enters(path)) yield* walkFolder(path, { above: listed.rules, enters });
    } else if (!entry.isSymbolicLink() || !(await leadsToFolder(path))) yield { path };
  }
}

async function list(folder: string, above: IgnoreRules | undefined) {
  try {
    const rules = await readIgnoreRules(folder, above);
    const entries = await readdir(folder, { withFileTypes: true });
    return { rules, entries: entries.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
  } catch (error) {
    return unreadableFolder(folder, error);
  }
}

export function unreadableFolder(folder: string, error: unknown): MillraceError {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  return new MillraceError('E_SOURCE_UNREADABLE', `The folder ${folder} cannot be read (${code}).`, { cause: error });
}

async function leadsToFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    // A broken link is told when it is read.
    return false;
  }
}
