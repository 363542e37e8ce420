import type { PullProgress } from '../spec/model.ts';
import type { Clock } from '../util/clock.ts';
import type { Disk } from './disk.ts';
import type { HttpClient } from './http-get.ts';

/** A way to start pip. */
export interface PipCommand {
  readonly command: string;
  readonly arguments: readonly string[];
}

/** What fetching needs from outside. */
export interface FetchContext {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly http: () => Promise<HttpClient>;
  readonly pip: readonly PipCommand[];
  /** Name of the model, for progress and messages. */
  readonly model: string;
  /** Unfinished files of this model. */
  readonly folder: string;
  readonly signal: AbortSignal | undefined;
}

/** Work that reports progress while it goes on and ends with a value. */
export type FetchSteps<T> = AsyncGenerator<PullProgress, T, undefined>;

/** A fetched and checked file. */
export interface FetchedFile {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A source did not deliver; the message is a sentence for the user, and the next source is tried. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
}

/** Limits `model-bytes` to one for every half percent and at least a mebibyte. */
export function createByteReports(model: string): (doneBytes: number, totalBytes: number) => PullProgress | undefined {
  let last = Number.NEGATIVE_INFINITY;
  return (doneBytes, totalBytes) => {
    if (doneBytes < totalBytes && Math.abs(doneBytes - last) < Math.max(1024 * 1024, totalBytes / 200)) return undefined;
    last = doneBytes;
    return { type: 'model-bytes', model, doneBytes, totalBytes };
  };
}
