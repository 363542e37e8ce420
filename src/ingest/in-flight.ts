/** Sources between being looked at and being settled. */
export interface InFlight {
  readonly size: number;
  /** One more; what it returns is called when it is settled. */
  add(): () => void;
  /** Resolves when all that are in flight now are settled. Rejects when the signal is aborted. */
  settled(signal: AbortSignal): Promise<void>;
}

export function createInFlight(): InFlight {
  const open = new Set<PromiseWithResolvers<void>>();
  return {
    get size() {
      return open.size;
    },
    add() {
      const one = Promise.withResolvers<void>();
      open.add(one);
      return () => {
        open.delete(one);
        one.resolve();
      };
    },
    async settled(signal) {
      signal.throwIfAborted();
      const aborted = Promise.withResolvers<never>();
      const onAbort = (): void => aborted.reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        await Promise.race([Promise.all([...open].map(({ promise }) => promise)), aborted.promise]);
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    },
  };
}
