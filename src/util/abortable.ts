/**
 * The items of a source that may be slow or stuck: an abort ends the iteration at once with the signal's reason, without waiting for
 * the item that was asked for.
 */
export async function* abortable<T>(source: Iterable<T> | AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  signal.throwIfAborted();
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  let interrupt = (_reason: unknown): void => undefined;
  const onAbort = (): void => interrupt(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  let isLeft = true;
  try {
    for (;;) {
      // An abort while the consumer was busy interrupted nothing.
      signal.throwIfAborted();
      const next = await new Promise<IteratorResult<T, unknown>>((resolve, reject) => {
        interrupt = reject;
        Promise.resolve(iterator.next()).then(resolve, reject);
      });
      signal.throwIfAborted();
      if (next.done === true) {
        isLeft = false;
        return;
      }
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Tells the source that nobody listens any more. One that is stuck may never answer, so nobody waits for it.
    if (isLeft) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}
