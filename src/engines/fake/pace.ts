import { MillraceError, toMillraceError } from '../../errors.ts';
import type { Clock } from '../../util/clock.ts';
import { createSeededRandom } from '../../util/random.ts';

/**
 * What goes wrong in one call. `slow`: everything takes `factor` times as long. `stall`: nothing happens until the call is cancelled.
 * `crash`: `E_ENGINE_CRASHED` after so many tokens (0: before the first). `lost-cancel`: cancellation has no effect and the call runs
 * to its end.
 */
export type FakeFault =
  | { readonly type: 'slow'; readonly factor: number }
  | { readonly type: 'stall' }
  | { readonly type: 'crash'; readonly afterTokens: number }
  | { readonly type: 'lost-cancel' };

export interface FakePaceOptions {
  readonly clock: Clock;
  /** Seed of the jitter. Default 1. */
  readonly seed?: number;
  /** Share by which a delay varies, 0 to 1. Default 0. */
  readonly jitter?: number;
  /** The fault of call number `call` (from 1). Default: none. */
  readonly fault?: (call: number) => FakeFault | undefined;
}

/** The time of one call of a fake engine. */
export interface CallPace {
  readonly fault: FakeFault | undefined;
  /** Lets the time for `tokens` at `tokensPerSecond` pass. Rejects with a `MillraceError` when the call is cancelled. */
  spend(tokens: number, tokensPerSecond: number): Promise<void>;
  /** Throws when the fault of the call is a crash after at most this many tokens. */
  crashAt(tokens: number, delivered: boolean): void;
}

export function createFakePace(options: FakePaceOptions): (signal: AbortSignal) => CallPace {
  const { clock, jitter = 0 } = options;
  const random = createSeededRandom(options.seed ?? 1);
  let calls = 0;

  return (callerSignal) => {
    calls += 1;
    const fault = options.fault?.(calls);
    const signal = fault?.type === 'lost-cancel' ? new AbortController().signal : callerSignal;

    async function spend(tokens: number, tokensPerSecond: number): Promise<void> {
      if (fault?.type === 'stall') await untilAborted(signal);
      throwIfCancelled(signal);
      const factor = (fault?.type === 'slow' ? fault.factor : 1) * (1 + jitter * (2 * random.float() - 1));
      const delayMs = (tokens / tokensPerSecond) * 1_000 * factor;
      if (delayMs > 0) await clock.sleep(delayMs, signal).catch(() => throwIfCancelled(signal));
      // One turn even without a delay, so that calls interleave.
      else await Promise.resolve();
      throwIfCancelled(signal);
    }

    return {
      fault,
      spend,
      crashAt(tokens, delivered) {
        if (fault?.type !== 'crash' || tokens < fault.afterTokens) return;
        throw new MillraceError('E_ENGINE_CRASHED', `The fake engine crashed after ${fault.afterTokens} tokens, as it was told to.`, {
          delivered,
        });
      },
    };
  };
}

function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw toMillraceError(signal.reason, 'E_CANCELLED');
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
