import { dirname, sep } from 'node:path';
import { MillraceError } from '../errors.ts';
import type { Store } from '../spec/store.ts';
import { isGone } from './is-gone.ts';

/** Sources of a folder that are looked at for one that is still there. */
const mostSources = 1_000;

export interface MissingFolder {
  readonly path: string;
  readonly error: MillraceError;
  /** It was not told of just before. */
  readonly isNew: boolean;
}

/** Folders of the record that may be those of a disk that is not there. */
export interface MissingFolders {
  /** Of a file that is gone: the folder that went with it, where that may be so. Undefined where the file is surely gone for good. */
  above(path: string): Promise<MissingFolder | undefined>;
}

/**
 * The record does not say which folders were named. A folder that is gone was one in a folder of documents where a file of the record is
 * still there beside it; it may else be the root of all.
 */
export function createMissingFolders(store: Store, collection: string): MissingFolders {
  /** In order of their keys, those of one folder come together. */
  let last: { readonly path: string; readonly isBesideFiles: boolean } | undefined;

  async function hasFile(folder: string): Promise<boolean> {
    const below = folder.endsWith(sep) ? folder : `${folder}${sep}`;
    const page = await store.listSources(collection, { afterKey: below, limit: mostSources });
    for (const { key, uri } of page) {
      if (!key.startsWith(below)) return false;
      if (uri.startsWith('file:') && dirname(key) === folder && !(await isGone(key))) return true;
    }
    return false;
  }

  return {
    async above(path) {
      let gone = path;
      while (dirname(gone) !== gone && (await isGone(dirname(gone)))) gone = dirname(gone);
      if (gone === path) return undefined;
      const isNew = last?.path !== gone;
      if (isNew) last = { path: gone, isBesideFiles: await hasFile(dirname(gone)) };
      if (last?.isBesideFiles === true) return undefined;
      const error = new MillraceError('E_SOURCE_MISSING', `The path ${gone} does not exist.`, {
        remedy: `It may be on a disk that is not there, so nothing of it is removed. If it is gone for good, name the folder above it: millrace ingest ${dirname(gone)} --prune.`,
      });
      return { path: gone, error, isNew };
    },
  };
}
