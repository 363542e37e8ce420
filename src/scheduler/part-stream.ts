import { MillraceError } from '../errors.ts';
import type { GeneratePart } from '../spec/engine.ts';
import type { WorkHandle, WorkTimings } from '../spec/work.ts';
import { createDeferred } from '../util/deferred.ts';

export interface PartStreamOptions {
  /** Parts kept for a slow reader before text parts are joined. Default 64. */
  readonly maxParts?: number;
  /** UTF-8 bytes, at most, of parts kept for a slow reader. Default 1 MiB. */
  readonly maxBytes?: number;
  readonly timings: () => WorkTimings;
  /** The reader left the loop, or cannot keep up: the work is no longer wanted. */
  readonly onLeave: (reason: MillraceError) => void;
}

/** The caller's end of a piece of work, and the scheduler's grip on it. */
export interface PartStream<Result> {
  readonly handle: WorkHandle<GeneratePart, Result>;
  /** Parts after the end are ignored. */
  push(part: GeneratePart): void;
  /** The first of `succeed` and `fail` ends the stream; what comes later is ignored. Buffered parts can still be read. */
  succeed(result: Result): void;
  fail(error: MillraceError): void;
}

/**
 * Parts between an engine that cannot wait and a reader that may be slow. Beyond `maxParts`, text parts are joined: nothing is lost
 * and the reader sees fewer, longer parts. Beyond `maxBytes` a reader that is in the loop loses the work (`E_OVERLOADED`); when nobody
 * reads, the parts are dropped, since the result carries the whole text, and a late reader is told so.
 */
export function createPartStream<Result>(options: PartStreamOptions): PartStream<Result> {
  const { maxParts = 64, maxBytes = 1_048_576 } = options;
  const settlement = createDeferred<Result>();
  let parts: { readonly part: GeneratePart; readonly bytes: number }[] = [];
  let bytes = 0;
  let ending: { readonly error: MillraceError | undefined } | undefined;
  let dropped: MillraceError | undefined;
  let reading = false;
  let left = false;
  let wake: (() => void) | undefined;

  function notify(): void {
    wake?.();
    wake = undefined;
  }

  function end(error: MillraceError | undefined): void {
    ending = { error };
    notify();
  }

  function drop(error: MillraceError): void {
    parts = [];
    bytes = 0;
    dropped = error;
  }

  function push(part: GeneratePart): void {
    if (ending !== undefined || dropped !== undefined || left) return;
    // Sizes are kept, not measured again: a pair of surrogates is smaller than its halves, and what is added must be taken off.
    const size = sizeOf(part);
    bytes += size;
    const last = parts.at(-1);
    if (parts.length >= maxParts && last?.part.type === 'text' && part.type === 'text') {
      parts[parts.length - 1] = { part: { type: 'text', text: last.part.text + part.text }, bytes: last.bytes + size };
    } else {
      parts.push({ part, bytes: size });
    }
    if (bytes > maxBytes || parts.length > maxParts + 8) {
      const error = new MillraceError('E_OVERLOADED', `More than ${maxBytes} bytes of output wait for a reader that does not keep up.`);
      drop(error);
      if (reading) options.onLeave(error);
    }
    notify();
  }

  /** One step of the reader. Two overlapping `next()` calls are a fault of the caller and are served in any order. */
  async function next(): Promise<IteratorResult<GeneratePart, undefined>> {
    for (;;) {
      if (left) return { done: true, value: undefined };
      const first = parts.shift();
      if (first !== undefined) {
        bytes -= first.bytes;
        return { done: false, value: first.part };
      }
      const failure = ending?.error ?? dropped;
      if (failure !== undefined) {
        left = true;
        throw failure;
      }
      if (ending !== undefined) return { done: true, value: undefined };
      const previous = wake;
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = () => {
        previous?.();
        resolve();
      };
      await promise;
    }
  }

  function leave(): Promise<IteratorResult<GeneratePart, undefined>> {
    left = true;
    parts = [];
    bytes = 0;
    if (ending === undefined) options.onLeave(new MillraceError('E_CANCELLED', 'The reader left before the work had ended.'));
    notify();
    return Promise.resolve({ done: true, value: undefined });
  }

  return {
    handle: {
      result: () => settlement.promise,
      timings: options.timings,
      [Symbol.asyncIterator]() {
        if (reading) throw new MillraceError('E_INPUT_INVALID', 'The parts of a piece of work can be iterated once.');
        reading = true;
        return { next, return: leave };
      },
    },
    push,
    succeed(result) {
      if (ending !== undefined) return;
      settlement.resolve(result);
      end(undefined);
    },
    fail(error) {
      if (ending !== undefined) return;
      settlement.reject(error);
      end(error);
    },
  };
}

function sizeOf(part: GeneratePart): number {
  return part.type === 'prefix-ready' ? 64 : Buffer.byteLength(part.text);
}
