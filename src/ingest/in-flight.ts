import { untilAborted } from '../util/until-aborted.ts';

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
      await untilAborted(Promise.all([...open].map(({ promise }) => promise)), signal);
    },
  };
}
