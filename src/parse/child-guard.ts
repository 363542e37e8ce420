import { MillraceError, toMillraceError } from '../errors.ts';
import type { ParseInput } from '../spec/parser.ts';
import type { Clock } from '../util/clock.ts';
import { childResidentBytes, type ParseLimits } from './limits.ts';
import type { ParserChild } from './parser-child.ts';

/**
 * Ends a child at the deadline of its document, in which time does not count that it was ready to run and other work had the processors (where the
 * system tells, up to three times the deadline), beyond its memory, and on cancellation.
 */
export interface ChildGuard {
  start(): void;
  /** What takes its time in this process is not the child's: its deadline waits for it. */
  pausedFor<Value>(work: () => Promise<Value>): Promise<Value>;
  end(error: MillraceError): void;
  /** Why it was ended. */
  reason(): MillraceError | undefined;
  stop(): void;
}

export interface GuardedWork {
  readonly child: ParserChild;
  readonly clock: Clock;
  readonly limits: ParseLimits;
  readonly request: ParseInput;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/**
 * The deadline is counted in steps, of which none counts more than twice its length: where the machine slept, or this process was stopped, so
 * did the child. (The clock goes on meanwhile on some systems.) Milliseconds.
 */
const stepMs = 1_000;
/** Times the deadline. */
const mostForgiven = 3;

export function createChildGuard({ child, clock, limits, request, deadlineMs, signal }: GuardedWork): ChildGuard {
  const { name, bytes } = request;
  const maxResident = childResidentBytes(limits, bytes.length);
  let reason: MillraceError | undefined;
  let isRunning = false;
  let leftMs = deadlineMs;
  /** What may yet be forgiven of what the child waits for a processor. */
  let forgivableMs = mostForgiven * deadlineMs;
  /** What it waited in its life, and how much of that is before this count or was forgiven. */
  let waited: { readonly ms: number; readonly from: number } | undefined;
  let countedFrom = 0;
  let pauses = 0;
  let cancelDeadline = (): void => undefined;
  let cancelSample = (): void => undefined;

  function end(error: MillraceError): void {
    reason ??= error;
    child.kill();
  }

  function countDown(): void {
    countedFrom = clock.monotonic();
    cancelDeadline = clock.after(Math.min(leftMs, stepMs), () => {
      takeStep();
      if (leftMs > 0) return countDown();
      const message = `The parser process did not finish ${name} within ${deadlineMs / 1000} s and was ended.`;
      end(new MillraceError('E_PARSE_CRASHED', message, { details: { limit: 'deadline', deadlineMs } }));
    });
  }

  function takeStep(): void {
    const passedMs = Math.min(clock.monotonic() - countedFrom, 2 * stepMs);
    const forgivenMs = waited === undefined ? 0 : Math.min(waited.ms - waited.from, passedMs, forgivableMs);
    if (waited !== undefined) waited = { ...waited, from: waited.from + forgivenMs };
    forgivableMs -= forgivenMs;
    leftMs = Math.max(0, leftMs - (passedMs - forgivenMs));
  }

  function sample(): void {
    void child.usage().then((usage) => {
      if (!isRunning) return;
      if (usage !== undefined) waited = { ms: Math.max(usage.waitedMs, waited?.from ?? 0), from: waited?.from ?? usage.waitedMs };
      if (usage !== undefined && usage.residentBytes > maxResident) end(outOfMemory(name, maxResident));
      else cancelSample = clock.after(limits.sampleMs, sample);
    });
  }

  const onAbort = (): void => end(toMillraceError(signal.reason, 'E_CANCELLED', `Parsing ${name}`));

  return {
    start() {
      isRunning = true;
      if (pauses === 0) countDown();
      cancelSample = clock.after(limits.sampleMs, sample);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
    },
    async pausedFor(work) {
      if (isRunning && pauses === 0) {
        cancelDeadline();
        takeStep();
      }
      pauses += 1;
      try {
        return await work();
      } finally {
        pauses -= 1;
        waited = undefined;
        if (isRunning && pauses === 0) countDown();
      }
    },
    end,
    reason: () => reason,
    stop() {
      isRunning = false;
      cancelDeadline();
      cancelSample();
      signal.removeEventListener('abort', onAbort);
    },
  };
}

function outOfMemory(name: string, limitBytes: number): MillraceError {
  const message = `The parser process needed more than ${Math.round(limitBytes / (1024 * 1024))} MB of memory for ${name} and was ended.`;
  return new MillraceError('E_PARSE_CRASHED', message, { details: { limit: 'memory', limitBytes } });
}
