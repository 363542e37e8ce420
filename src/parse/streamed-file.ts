import { type MillraceError, toMillraceError } from '../errors.ts';
import type { ParseWork, StreamedBytes } from '../spec/parser.ts';
import { createDeferred } from '../util/deferred.ts';
import type { ChildGuard } from './child-guard.ts';
import type { ParserChild } from './parser-child.ts';

/** A file that is read bit by bit, on its way to a child. */
export interface StreamedFile {
  /**
   * The child has answered, or has ended. Resolves when the file was looked at to its end; with what failed, where it is not what it was or
   * was not read as a whole.
   */
  end(): Promise<MillraceError | undefined>;
}

/** Begins to send it; what fails ends the child. Of other bytes nothing is sent: they went with their request. */
export function sendStreamed(
  child: Pick<ParserChild, 'write'>,
  { request: { bytes }, signal }: ParseWork,
  guard: Pick<ChildGuard, 'end' | 'reason'>,
): StreamedFile {
  const over = createDeferred<void>();
  let isOver = false;

  async function send(stream: StreamedBytes): Promise<MillraceError | undefined> {
    let sent = 0;
    try {
      for await (const piece of stream.read(signal)) {
        sent += piece.length;
        if (isOver || guard.reason() !== undefined || sent > stream.length) break;
        // Who has answered need not read on.
        await Promise.race([child.write(piece), over.promise]);
      }
      if (sent !== stream.length)
        throw new RangeError(`There are other bytes than the ${stream.length} of the file, or not all were read.`);
      return undefined;
    } catch (error) {
      const failure = toMillraceError(error);
      guard.end(failure);
      return failure;
    }
  }

  const sending = bytes instanceof Uint8Array ? Promise.resolve(undefined) : send(bytes);
  return {
    end() {
      isOver = true;
      over.resolve();
      return sending;
    },
  };
}
