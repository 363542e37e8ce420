import { expect, it } from 'vitest';
import { createDeferred } from '../util/deferred.ts';
import { sha256 } from '../util/hash.ts';
import type { BlobFiles } from './blob-files.ts';
import { createKeptBytes } from './kept-bytes.ts';

function createBench() {
  const there = new Set<string>();
  const named = new Set<string>();
  const files: Pick<BlobFiles, 'keep' | 'remove'> = {
    keep(blobs) {
      const hashes = blobs.map((bytes) => sha256(bytes));
      for (const hash of hashes) there.add(hash);
      return Promise.resolve(hashes);
    },
    remove(hashes) {
      for (const hash of hashes) there.delete(hash);
      return Promise.resolve();
    },
  };
  let looked = createDeferred<void>();
  const kept = createKeptBytes(files as BlobFiles, async (hashes) => {
    const found = hashes.filter((hash) => !named.has(hash));
    await looked.promise;
    return found;
  });
  const note = (hashes: readonly string[]): Promise<void> => {
    for (const hash of hashes) named.add(hash);
    return Promise.resolve();
  };
  return { kept, there, named, note, look: () => looked.resolve(), hold: () => (looked = createDeferred()) };
}

const bytes = Uint8Array.of(1, 2, 3);
const hash = sha256(bytes);

it('keeps what is accepted while the same bytes are being deleted', async () => {
  const { kept, there, named, note, look } = createBench();
  look();
  await kept.accept([bytes], note);
  named.clear();
  const forgetting = kept.forget([hash]);
  await kept.accept([bytes], note);
  await forgetting;
  expect([...there]).toEqual([hash]);
});

it('deletes what was let go of during an acceptance after it', async () => {
  const { kept, there, named, look } = createBench();
  look();
  const noting = createDeferred<void>();
  const accepting = kept.accept([bytes], () => noting.promise);
  await kept.forget([hash]);
  expect(named.size).toBe(0);
  noting.resolve();
  await accepting;
  expect(there.size).toBe(0);
});
