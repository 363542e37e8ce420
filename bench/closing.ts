export interface Closing {
  /** Closed at the end. */
  use<Opened extends { close(): Promise<void> }>(opened: Opened): Opened;
  defer(close: () => Promise<void>): void;
}

/** Closes what the work has opened, last first, however it ends. Node.js 22 has no `await using`. */
export async function closingAfter(work: (stack: Closing) => Promise<void>): Promise<void> {
  const closers: (() => Promise<void>)[] = [];
  const defer = (close: () => Promise<void>): void => void closers.unshift(close);
  try {
    await work({
      defer,
      use(opened) {
        defer(() => opened.close());
        return opened;
      },
    });
  } finally {
    for (const close of closers) await close();
  }
}
