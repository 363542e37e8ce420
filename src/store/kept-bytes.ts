import type { BlobFiles } from './blob-files.ts';

/** Bytes on their way into the record and out of the directory, so that none are deleted that are being accepted. */
export interface KeptBytes {
  /** Keeps the bytes, then has their sources noted with the hashes. */
  accept(blobs: readonly Uint8Array[], note: (sha256s: readonly string[]) => Promise<void>): Promise<void>;
  /** Deletes those of them that no source names, at once or after what is being accepted. */
  forget(sha256s: readonly string[]): Promise<void>;
}

/** `unusedOf`: which of these no source names. */
export function createKeptBytes(files: BlobFiles, unusedOf: (sha256s: readonly string[]) => Promise<readonly string[]>): KeptBytes {
  /** Bytes on their way into the record are not unused, though no source names them yet. */
  let accepting = 0;
  const unused = new Set<string>();
  let deleting: Promise<unknown> = Promise.resolve();

  async function forget(sha256s: readonly string[]): Promise<void> {
    for (const sha256 of sha256s) unused.add(sha256);
    if (unused.size === 0 || accepting > 0) return;
    const candidates = [...unused];
    unused.clear();
    const work = unusedOf(candidates).then((found) => files.remove(found));
    deleting = Promise.allSettled([deleting, work]);
    await work;
  }

  return {
    async accept(blobs, note) {
      accepting += 1;
      try {
        // What is found unused now might be among these.
        await deleting;
        await note(await files.keep(blobs));
      } finally {
        accepting -= 1;
      }
      await forget([]);
    },
    forget,
  };
}
