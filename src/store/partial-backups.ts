import { randomUUID } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { MillraceError, toMillraceError } from '../errors.ts';
import { isRunning } from '../util/is-running.ts';
import { isLocked, wasLeftPartial } from './sqlite/lock.ts';

/** Process and number of a backup that is not whole yet: nothing else is called so. */
const partialEnding = /^\.(\d+)\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.partial$/u;

export interface PartialBackups {
  /**
   * Has `make` write a backup into a folder that is not there yet, beside the target, and name it as the target last. However it ends,
   * nothing is left of what is not whole; what a process that was ended in the middle of the same backup left goes first.
   * @throws MillraceError E_OUTPUT_EXISTS (a file is in its place), E_STORE_FAILED (a folder cannot be read or removed), and what `make` rejects with
   */
  make(target: string, make: (partial: string) => Promise<unknown>): Promise<void>;
}

export function createPartialBackups(): PartialBackups {
  const running = new Set<string>();

  /**
   * Its lock tells, from soon after the folder was made until it is whole. Before and after that its process must do: numbers of processes
   * are given again, in a container the same one at each start, so that our own says nothing.
   */
  function isBeingMade(partial: string, pid: number): boolean {
    if (running.has(partial) || isLocked(partial)) return true;
    return pid !== process.pid && isRunning(pid) && !wasLeftPartial(partial);
  }

  async function removeAbandoned(target: string): Promise<void> {
    const folder = dirname(target);
    for (const name of await namesIn(folder)) {
      const [, pid] = name.startsWith(`${basename(target)}.`) ? (partialEnding.exec(name.slice(basename(target).length)) ?? []) : [];
      const partial = join(folder, name);
      if (pid !== undefined && !isBeingMade(partial, Number(pid))) await remove(partial);
    }
  }

  return {
    async make(target, make) {
      await requireNoFile(target);
      await removeAbandoned(target);
      const partial = join(dirname(target), `${basename(target)}.${process.pid}.${randomUUID()}.partial`);
      running.add(partial);
      try {
        await make(partial);
      } finally {
        running.delete(partial);
        await remove(partial);
      }
    },
  };
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') throw inTheWay(folder, error);
    throw toMillraceError(error, 'E_STORE_FAILED', `Looking into the folder ${folder}`);
  }
}

/** @throws MillraceError E_OUTPUT_EXISTS where it is something else than a folder */
async function requireNoFile(target: string): Promise<void> {
  const there = await stat(target).catch(() => undefined);
  if (there !== undefined && !there.isDirectory()) throw inTheWay(target);
}

function inTheWay(path: string, cause?: unknown): MillraceError {
  return new MillraceError('E_OUTPUT_EXISTS', `${path} is a file, where a folder is to be.`, { remedy: 'Name a new folder.', cause });
}

async function remove(partial: string): Promise<void> {
  try {
    await rm(partial, { recursive: true, force: true });
  } catch (error) {
    throw toMillraceError(error, 'E_STORE_FAILED', `Removing the folder ${partial} of a backup that is not whole`);
  }
}
