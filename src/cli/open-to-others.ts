import { type Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

/** Bits of the mode for everybody but the owner. */
const others = 0o077;
const othersWrite = 0o022;
const othersEnter = 0o011;
const namedFiles = 3;

/**
 * What other users of the machine can read or change of a directory, in one sentence with what to do; undefined where they cannot, where
 * there is none, and on Windows, where the folder of the user decides. Modes are told and never changed: they may be meant so.
 */
export async function openToOthers(directory: string): Promise<string | undefined> {
  if (process.platform === 'win32') return undefined;
  const state = await look(directory);
  if (state === undefined || (state.mode & others) === 0 || !(await isReachable(dirname(directory)))) return undefined;
  const remedy = `If that is not meant so: chmod -R go= "${directory}"`;
  if ((state.mode & othersWrite) !== 0) return `Other users can put files into ${directory} and replace those in it. ${remedy}`;
  const open = await openFiles(directory);
  if (open.length === 0) return undefined;
  const shown = open.slice(0, namedFiles).join(', ');
  const more = open.length > namedFiles ? ` and ${open.length - namedFiles} more files` : '';
  return `Other users can read ${shown}${more} in ${directory}. ${remedy}`;
}

async function look(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch {
    // It is not there, or we cannot look at it ourselves.
    return undefined;
  }
}

/** Whether others can enter every folder on the way. */
async function isReachable(folder: string): Promise<boolean> {
  const state = await look(folder);
  if (state === undefined || (state.mode & othersEnter) === 0) return false;
  const parent = dirname(folder);
  return parent === folder || isReachable(parent);
}

/** Names of files that others can read or write, in folders that they can enter; in order. */
async function openFiles(directory: string): Promise<string[]> {
  const found: string[] = [];
  const folders = [directory];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const name of await readdir(folder).catch(() => [])) {
      const path = join(folder, name);
      const state = await look(path);
      if (state?.isDirectory() === true && (state.mode & othersEnter) !== 0) folders.push(path);
      // That version control is to leave it alone is no secret.
      else if (state?.isFile() === true && (state.mode & others) !== 0 && name !== '.gitignore') found.push(relative(directory, path));
    }
  }
  return found.toSorted();
}
