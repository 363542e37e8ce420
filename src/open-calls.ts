import { MillraceError, toMillraceError } from './errors.ts';
import type { Deadline } from './spec/time.ts';
import { type Clock, longestTimerMs } from './util/clock.ts';
import { untilAborted } from './util/until-aborted.ts';

/** What a call is given: the signal ends with its caller, its deadline and the closing of everything. */
export interface Call {
  readonly signal: AbortSignal;
  readonly deadline?: Deadline;
}

export interface CallLimits {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/** The calls that have not ended. */
export interface OpenCalls {
  /**
   * Settles with the work, or as soon as its signal is aborted, whatever stage the work is in; the work then stops by itself. Rejects
   * with a `MillraceError` only: `E_CANCELLED`, `E_DEADLINE_EXCEEDED`, `E_SHUTTING_DOWN`, or what the work failed with.
   */
  run<Result>(limits: CallLimits, work: (call: Call) => Promise<Result>): Promise<Result>;
  /** Aborted when everything closes. */
  readonly closing: AbortSignal;
  /** Ends every call with `E_SHUTTING_DOWN` and refuses new ones. */
  close(): void;
}

export function createOpenCalls(clock: Clock): OpenCalls {
  const open = new Set<AbortController>();
  const closing = new AbortController();

  return {
    closing: closing.signal,
    async run({ signal, timeoutMs }, work) {
      if (closing.signal.aborted) throw closing.signal.reason as MillraceError;
      const controller = new AbortController();
      const onAbort = (): void => controller.abort(abortError(signal?.reason));
      if (signal?.aborted === true) onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      const deadline = timeoutMs === undefined ? undefined : clock.monotonic() + timeoutMs;
      const stopTimer =
        timeoutMs === undefined
          ? undefined
          : clock.after(Math.min(timeoutMs, longestTimerMs), () => controller.abort(deadlineError(timeoutMs)), { keepAlive: false });
      open.add(controller);
      try {
        controller.signal.throwIfAborted();
        const call = { signal: controller.signal, ...(deadline === undefined ? {} : { deadline }) };
        return await untilAborted(work(call), controller.signal);
      } catch (error) {
        throw controller.signal.aborted && !(error instanceof MillraceError) ? controller.signal.reason : toMillraceError(error);
      } finally {
        open.delete(controller);
        stopTimer?.();
        signal?.removeEventListener('abort', onAbort);
      }
    },
    close() {
      const error = new MillraceError('E_SHUTTING_DOWN', 'This Mill was closed.');
      closing.abort(error);
      for (const controller of open) controller.abort(error);
    },
  };
}

function deadlineError(timeoutMs: number): MillraceError {
  return new MillraceError('E_DEADLINE_EXCEEDED', `The call did not end within ${timeoutMs} ms.`);
}

/** Why a caller's signal was aborted, as an error of the catalogue. */
function abortError(reason: unknown): MillraceError {
  if (reason instanceof MillraceError) return reason;
  if (reason instanceof Error && reason.name === 'TimeoutError') {
    return new MillraceError('E_DEADLINE_EXCEEDED', 'The caller’s signal timed out before the call ended.', { cause: reason });
  }
  return new MillraceError('E_CANCELLED', 'The call was cancelled by its caller.', { cause: reason });
}
