import type { Clock } from './clock.ts';

export interface BatchLimits<T> {
  readonly maxItems: number;
  /** A batch is closed when it holds this many bytes or more. */
  readonly maxBytes: number;
  readonly bytesOf: (item: T) => number;
  /** A batch is closed when nothing has arrived for so long. */
  readonly quietMs: number;
  readonly clock: Clock;
}

/** Groups what arrives: full batches while much comes, small ones soon when little does. Reads one item ahead. */
export async function* inBatches<T>(source: AsyncIterable<T>, limits: BatchLimits<T>): AsyncGenerator<readonly T[]> {
  const iterator = source[Symbol.asyncIterator]();
  let next = iterator.next();
  try {
    for (;;) {
      const first = await next;
      if (first.done === true) return;
      const batch: T[] = [first.value];
      let bytes = limits.bytesOf(first.value);
      next = iterator.next();
      while (batch.length < limits.maxItems && bytes < limits.maxBytes) {
        const arrived = await withinMs(next, limits);
        if (arrived === undefined || arrived.done === true) break;
        batch.push(arrived.value);
        bytes += limits.bytesOf(arrived.value);
        next = iterator.next();
      }
      yield batch;
    }
  } finally {
    // A consumer that leaves early does not wait for an item that may never come.
    next.catch(() => undefined);
    iterator.return?.().catch(() => undefined);
  }
}

async function withinMs<V>(value: Promise<V>, { quietMs, clock }: Pick<BatchLimits<never>, 'quietMs' | 'clock'>): Promise<V | undefined> {
  let cancel = (): void => undefined;
  const quiet = new Promise<undefined>((resolve) => {
    cancel = clock.after(quietMs, () => resolve(undefined));
  });
  try {
    return await Promise.race([value, quiet]);
  } finally {
    cancel();
  }
}
