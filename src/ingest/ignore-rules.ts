import { readFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import ignore, { type Ignore } from 'ignore';

/** The rules of one folder on top of those of the folders above it, as git reads them: the deepest folder that says something decides. */
export interface IgnoreRules {
  readonly folder: string;
  readonly own: Ignore | undefined;
  readonly above: IgnoreRules | undefined;
}

const ignoreFiles = ['.gitignore', '.millraceignore'];

/** Reads the ignore files of a folder. Rejects with the system's error where one exists and cannot be read. */
export async function readIgnoreRules(folder: string, above: IgnoreRules | undefined): Promise<IgnoreRules> {
  let own: Ignore | undefined;
  for (const name of ignoreFiles) {
    const text = await readFile(join(folder, name), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(error.code ?? '')) return undefined;
      throw error;
    });
    if (text !== undefined) own = (own ?? ignore()).add(text);
  }
  return { folder, own, above };
}

/** Whether the rules leave out a path in their folder or below it. Folders that are left out are not asked about what they hold. */
export function isIgnored(path: string, isFolder: boolean, rules: IgnoreRules): boolean {
  for (let level: IgnoreRules | undefined = rules; level !== undefined; level = level.above) {
    if (level.own === undefined) continue;
    const local = relative(level.folder, path).split(sep).join('/') + (isFolder ? '/' : '');
    const { ignored, unignored } = level.own.test(local);
    if (ignored) return true;
    if (unignored) return false;
  }
  return false;
}

/** Answers for files below `root` in any order, for lists that were made without the rules. Keeps what it read. */
export function createIgnoreFilter(root: string): (file: string) => Promise<boolean> {
  const known = new Map<string, Promise<IgnoreRules | 'ignored'>>();

  function rulesOf(folder: string): Promise<IgnoreRules | 'ignored'> {
    let rules = known.get(folder);
    if (rules === undefined) {
      rules = folder === root ? readIgnoreRules(root, undefined) : rulesBelow(folder);
      known.set(folder, rules);
    }
    return rules;
  }

  async function rulesBelow(folder: string): Promise<IgnoreRules | 'ignored'> {
    const above = await rulesOf(dirname(folder));
    return above === 'ignored' || isIgnored(folder, true, above) ? 'ignored' : readIgnoreRules(folder, above);
  }

  return async (file) => {
    const rules = await rulesOf(dirname(file));
    return rules === 'ignored' || isIgnored(file, false, rules);
  };
}
