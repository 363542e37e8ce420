import { createHash, type Hash } from 'node:crypto';
import { withFile } from './with-file.ts';

const sliceBytes = 1024 * 1024;

/** Feeds the first `bytes` of a file (all by default) to `hash`, a slice at a time, so that other work runs between slices. */
export async function feedHash(
  hash: Hash,
  path: string,
  options: { bytes?: number; signal?: AbortSignal | undefined } = {},
): Promise<number> {
  const buffer = Buffer.allocUnsafe(sliceBytes);
  const limit = options.bytes ?? Number.POSITIVE_INFINITY;
  return withFile(path, 'r', async (file) => {
    let done = 0;
    while (done < limit) {
      options.signal?.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, Math.min(sliceBytes, limit - done), done);
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
      done += bytesRead;
    }
    return done;
  });
}

/** sha256 of a file, hexadecimal. */
export async function hashFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await feedHash(hash, path, { signal });
  return hash.digest('hex');
}
