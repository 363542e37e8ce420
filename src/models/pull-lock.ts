import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MillraceError } from '../errors.ts';
import type { Clock } from '../util/clock.ts';

const pollMs = 250;
const waitLimitMs = 6 * 60 * 60 * 1000;

/**
 * Waits until no other process, and no other call, pulls the same model, and returns the function that lets the next one in.
 * The lock is an exclusive SQLite transaction on an empty file: the operating system frees it when its holder dies, however it
 * dies, and nothing has to be cleaned up or guessed from process ids.
 */
export async function lockPull(
  path: string,
  clock: Clock,
  options: { signal?: AbortSignal | undefined; waiting?: () => void } = {},
): Promise<() => void> {
  await mkdir(dirname(path), { recursive: true });
  const { default: Database } = await import('better-sqlite3');
  const deadline = clock.monotonic() + waitLimitMs;
  let announced = false;
  for (;;) {
    options.signal?.throwIfAborted();
    const database = new Database(path, { timeout: 0 });
    try {
      database.exec('BEGIN EXCLUSIVE');
      return () => {
        database.close();
      };
    } catch (error) {
      database.close();
      if (!String((error as { code?: unknown }).code).startsWith('SQLITE_BUSY')) throw error;
      if (clock.monotonic() > deadline) {
        throw new MillraceError(
          'E_LOCKED',
          `Another process has been fetching this model for longer than ${waitLimitMs / 3_600_000} hours.`,
          {
            cause: error,
            remedy: 'Stop it and repeat the command.',
          },
        );
      }
    }
    if (!announced) options.waiting?.();
    announced = true;
    await clock.sleep(pollMs, options.signal);
  }
}
