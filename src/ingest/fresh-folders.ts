import { lstat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../util/clock.ts';
import { filesBelow } from './discover.ts';

export interface FreshFoldersOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** After this long a new folder is looked through. */
  readonly waitMs: number;
  /** A file that looks the same after this long counts as written. */
  readonly settleMs: number;
  /** With more than so many paths in mind looking through ends: see `size`. */
  readonly most: number;
  readonly isCovered: (path: string) => boolean;
}

/** New folders of those that are watched: what came into them while they were first listed is told by nobody, and is found here. */
export interface FreshFolders {
  /** Folders, and paths below them, that are kept in mind; 0 where nothing is left to look for. */
  readonly size: number;
  /** Found with the new folder above it, where one is waiting: then that waits anew. */
  add(folder: string): void;
  /** Told by the system: not to be found any more. */
  tell(path: string): void;
  /** Files that nobody told of and that stand still. */
  takeUntold(): Promise<readonly string[]>;
  clear(): void;
}

export function createFreshFolders({ clock, waitMs, settleMs, most, isCovered }: FreshFoldersOptions): FreshFolders {
  /** Since when they wait. */
  const folders = new Map<string, number>();
  /** What was told meanwhile. */
  const told = new Set<string>();
  /** Untold files, as they looked and since when. */
  const looked = new Map<string, { readonly look: string; readonly at: number }>();
  const size = (): number => folders.size + told.size + looked.size;

  async function lookThrough(folder: string): Promise<void> {
    for await (const found of filesBelow(folder)) {
      if (found.kind !== 'file' || told.has(found.path) || looked.has(found.path) || !isCovered(found.path)) continue;
      const look = await lookOf(found.path);
      if (look !== undefined && !told.has(found.path)) looked.set(found.path, { look, at: clock.monotonic() });
      if (size() > most) return;
    }
  }

  return {
    get size() {
      return size();
    },
    add(folder) {
      let topmost = folder;
      for (let above = dirname(folder); above !== dirname(above); above = dirname(above)) if (folders.has(above)) topmost = above;
      folders.set(topmost, clock.monotonic());
    },
    tell(path) {
      looked.delete(path);
      if (folders.size > 0) told.add(path);
    },
    async takeUntold() {
      const untold: string[] = [];
      for (const [path, before] of looked) {
        if (clock.monotonic() - before.at < settleMs) continue;
        const look = await lookOf(path);
        // It may have been told, or all forgotten, while it was looked at.
        if (looked.get(path) !== before) continue;
        if (look !== undefined && look !== before.look) {
          looked.set(path, { look, at: clock.monotonic() });
          continue;
        }
        looked.delete(path);
        if (look !== undefined) untold.push(path);
      }
      for (const [folder, since] of folders) {
        if (clock.monotonic() - since < waitMs) continue;
        folders.delete(folder);
        await lookThrough(folder);
      }
      if (folders.size === 0) told.clear();
      return untold;
    },
    clear() {
      for (const all of [folders, told, looked]) all.clear();
    },
  };
}

/** What differs while a file is written to; `undefined` where it is gone. One that cannot be looked at is told by who reads it. */
async function lookOf(path: string): Promise<string | undefined> {
  try {
    const { size, mtimeMs } = await lstat(path);
    return `${size} ${mtimeMs}`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : String(code);
  }
}
