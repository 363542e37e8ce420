/** Listens to each signal once, however many pieces of work share it. */
export interface AbortListeners {
  /** Calls `onAbort` when the signal aborts. Returns a function that stops listening. The signal must not be aborted yet. */
  listen(signal: AbortSignal, onAbort: () => void): () => void;
}

export function createAbortListeners(): AbortListeners {
  const groups = new Map<AbortSignal, { readonly callbacks: Set<() => void>; readonly onAbort: () => void }>();

  function group(signal: AbortSignal): Set<() => void> {
    const known = groups.get(signal);
    if (known !== undefined) return known.callbacks;
    const callbacks = new Set<() => void>();
    const onAbort = (): void => {
      groups.delete(signal);
      for (const callback of callbacks) callback();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    groups.set(signal, { callbacks, onAbort });
    return callbacks;
  }

  return {
    listen(signal, onAbort) {
      const callbacks = group(signal);
      // A function of its own for each call: the same callback may listen twice.
      const callback = (): void => onAbort();
      callbacks.add(callback);
      return () => {
        callbacks.delete(callback);
        const current = groups.get(signal);
        if (callbacks.size > 0 || current?.callbacks !== callbacks) return;
        signal.removeEventListener('abort', current.onAbort);
        groups.delete(signal);
      };
    },
  };
}
