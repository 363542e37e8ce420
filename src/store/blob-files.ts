import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError, toMillraceError } from '../errors.ts';
import type { FaultPoints } from '../spec/faults.ts';
import { syncFolder, writeFileAtomically } from '../util/files.ts';
import { sha256InSteps } from '../util/hash.ts';

const folderName = 'blobs';

/** Where bytes with this hash lie. */
export function blobPath(directory: string, sha256: string): string {
  return join(directory, folderName, sha256);
}

/** Bytes that programs handed over to be kept, under their own hash. */
export interface BlobFiles {
  /** Resolves when all are on the disk: each file fsynced before it gets its name, the folder afterwards. Gives their hashes in order. */
  keep(blobs: readonly Uint8Array[]): Promise<readonly string[]>;
  /** Rejects with `E_STORE_CORRUPT` where they are gone or not what was kept. */
  read(sha256: string): Promise<Uint8Array>;
  remove(sha256s: readonly string[]): Promise<void>;
  /** Names of all that are there; what a killed process left half written is removed. */
  list(): Promise<readonly string[]>;
}

export function createBlobFiles(directory: string, faults: FaultPoints): BlobFiles {
  const folder = join(directory, folderName);

  async function names(): Promise<readonly string[]> {
    return readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
  }

  return {
    async keep(blobs) {
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        const hashes: string[] = [];
        for (const bytes of blobs) {
          const sha256 = await sha256InSteps(bytes);
          // Written again where it is there already: a file of the same name may be damaged.
          await writeFileAtomically(blobPath(directory, sha256), bytes, {
            reached: (step) => faults.reach(`blob-${step}`),
            syncsFolder: false,
          });
          hashes.push(sha256);
        }
        await syncFolder(folder);
        await syncFolder(directory);
        faults.reach('blob-folder-synced');
        return hashes;
      } catch (error) {
        throw toMillraceError(error, 'E_STORE_FAILED', `Keeping bytes in ${folder}`);
      }
    },
    async read(sha256) {
      let bytes: Uint8Array;
      try {
        bytes = await readFile(blobPath(directory, sha256));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw toMillraceError(error, 'E_STORE_FAILED', 'Reading kept bytes');
        throw new MillraceError('E_STORE_CORRUPT', `The kept bytes ${sha256} are missing.`, { remedy: handOver, cause: error });
      }
      if ((await sha256InSteps(bytes)) === sha256) return bytes;
      throw new MillraceError('E_STORE_CORRUPT', `The kept bytes ${sha256} are damaged.`, { remedy: handOver });
    },
    async remove(sha256s) {
      for (const sha256 of sha256s) await rm(blobPath(directory, sha256), { force: true });
      if (sha256s.length > 0) await syncFolder(folder);
    },
    async list() {
      const found = await names();
      for (const name of found) if (name.endsWith('.partial')) await rm(join(folder, name), { force: true });
      return found.filter((name) => /^[0-9a-f]{64}$/u.test(name));
    },
  };
}

const handOver = 'Hand the document over again under the same id.';
