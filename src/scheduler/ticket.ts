import { isMillraceError, MillraceError, toMillraceError } from '../errors.ts';
import type { AdmittedWork, LaneName, Work, WorkOutcome, WorkTimings } from '../spec/work.ts';
import type { Clock } from '../util/clock.ts';
import type { CallEnd } from './circuit.ts';
import type { Lane, LaneResult } from './lane.ts';
import { createPartStream } from './part-stream.ts';
import type { PartStream } from './part-stream.ts';
import type { WaitingWork } from './waiting-work.ts';

/** One run of a piece of work by an executor. Ends when the executor has ended, not when the caller has. */
export interface Attempt {
  readonly number: number;
  readonly controller: AbortController;
  ended: boolean;
}

/** A piece of work from `submit` until its caller has an outcome and no executor holds it. */
export interface Ticket {
  readonly lane: Lane;
  readonly work: Work<LaneName>;
  readonly stream: PartStream<LaneResult>;
  /** What the policy sees; replaced when the work is retried. */
  waiting: WaitingWork;
  /** Undefined while it waits. */
  attempt: Attempt | undefined;
  /** The caller has the outcome. */
  settled: boolean;
  /** A part went to the caller, so the work must not run twice. */
  delivered: boolean;
  /** Stop the deadline timer and listening to the caller's signal. */
  readonly cleanups: (() => void)[];
  /** What it takes of the time of its lane: `sizeOf`. */
  size: number;
  phaseStartedAt: number;
  queuedMs: number;
  runMs: number;
}

/** `onLeave` is called when the reader of the parts no longer wants the work. */
export function createTicket(
  lane: Lane,
  work: Work<LaneName>,
  waiting: WaitingWork,
  clock: Clock,
  onLeave: (ticket: Ticket, reason: MillraceError) => void,
): Ticket {
  const ticket: Ticket = {
    lane,
    work,
    waiting,
    stream: createPartStream<LaneResult>({
      timings: () => timingsOf(ticket),
      onLeave: (reason) => onLeave(ticket, reason),
    }),
    attempt: undefined,
    settled: false,
    delivered: false,
    cleanups: [],
    size: 0,
    phaseStartedAt: clock.monotonic(),
    queuedMs: 0,
    runMs: 0,
  };
  return ticket;
}

export function timingsOf({ queuedMs, runMs, waiting }: Ticket): WorkTimings {
  return { queuedMs, runMs, attempts: waiting.attempt };
}

/** What an error means for the counts; `otherwise` for all but the two that the caller brought about. */
export function outcomeOf(error: MillraceError | undefined, otherwise: WorkOutcome = 'failed'): WorkOutcome {
  if (error?.code === 'E_CANCELLED') return 'cancelled';
  return error?.code === 'E_DEADLINE_EXCEEDED' ? 'expired' : otherwise;
}

/** Ends the phase the ticket is in (waiting or running) in its books of time. */
export function endPhase(ticket: Ticket, now: number): void {
  const elapsed = now - ticket.phaseStartedAt;
  if (ticket.attempt === undefined) ticket.queuedMs += elapsed;
  else ticket.runMs += elapsed;
  ticket.phaseStartedAt = now;
}

/** What the executor sees of a ticket during one attempt. Calls after the attempt has ended do nothing. */
export function admittedWork(ticket: Ticket, attempt: Attempt, onPrefixReady: () => void): AdmittedWork<LaneName> {
  return {
    input: ticket.work.input,
    class: ticket.work.class,
    signal: attempt.controller.signal,
    attempt: attempt.number,
    emit(part) {
      if (attempt.ended || ticket.settled || ticket.work.deliver === 'final') return;
      ticket.delivered = true;
      ticket.stream.push(part);
    },
    prefixReady() {
      if (!attempt.ended && ticket.waiting.prefixKey !== undefined) onPrefixReady();
    },
  };
}

/** What the outcomes of a call tell of its engine. */
export function endOf(outcomes: readonly PromiseSettledResult<unknown>[]): CallEnd {
  const hasCrashed = outcomes.some(
    (outcome) => outcome.status === 'rejected' && isMillraceError(outcome.reason) && outcome.reason.code === 'E_ENGINE_CRASHED',
  );
  if (hasCrashed) return 'crashed';
  return outcomes.some(({ status }) => status === 'fulfilled') ? 'completed' : 'other';
}

const retriedCodes = new Set(['E_ENGINE_CRASHED', 'E_PARSE_CRASHED']);

/** Once, after a crash, and only while nothing of the work has left the library. */
export function mayRetry(ticket: Ticket, error: MillraceError): boolean {
  return retriedCodes.has(error.code) && ticket.waiting.attempt === 1 && !ticket.delivered && !error.delivered;
}

/** Why the caller's signal ended the work: its own `MillraceError`, a timeout, or a cancellation. */
export function abortReason(signal: AbortSignal): MillraceError {
  const reason: unknown = signal.reason;
  if (reason instanceof MillraceError) return reason;
  if (reason instanceof Error && reason.name === 'TimeoutError') return deadlineError();
  return new MillraceError('E_CANCELLED', 'The work was cancelled by its caller.', { cause: reason });
}

export function deadlineError(): MillraceError {
  return new MillraceError('E_DEADLINE_EXCEEDED', 'The work did not end before its deadline.');
}

/** The error of a rejected outcome, whatever the executor rejected with. */
export function outcomeError(outcome: PromiseRejectedResult | undefined, lane: LaneName): MillraceError {
  if (outcome === undefined)
    return new MillraceError('E_INTERNAL', `The executor of lane "${lane}" returned fewer outcomes than it got works.`);
  return toMillraceError(outcome.reason, 'E_INTERNAL', `Lane "${lane}"`);
}
