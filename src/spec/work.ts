import type { Deadline } from './time.ts';
import type { EmbedKind, GeneratePart, GenerateRequest, WorkClass } from './engine.ts';
import type { ParseInput, ReadDocument } from './parser.ts';

/**
 * The lanes, with what goes in, what streams out and what comes back. A lane is one engine capability on one device. `part` is
 * `never` where a lane does not stream.
 */
export interface LaneTypes {
  generate: GenerateLane;
  /** Of a further generator: its sequences and cells are its own. */
  [further: `generate:${string}`]: GenerateLane;
  embed: { input: { readonly texts: readonly string[]; readonly kind: EmbedKind }; part: never; result: Float32Array[] };
  rerank: { input: { readonly query: string; readonly passages: readonly string[] }; part: never; result: Float32Array };
  parse: { input: ParseInput; part: never; result: ReadDocument };
}
export type LaneName = keyof LaneTypes;
interface GenerateLane {
  input: GenerateRequest;
  part: GeneratePart;
  result: Extract<GeneratePart, { type: 'final' }>;
}

/** What a piece of work takes from the budgets of its lane while it runs. All default to 0, `items` to 1. */
export interface WorkCost {
  /** Tokens to compute: for `embed` those of all texts, special tokens included. Counts against `batchTokens`. */
  readonly tokens?: number;
  /** Texts, passages or files. Counts against `batchItems`. */
  readonly items?: number;
  /** KV cells of its own: prompt − shared prefix + answer. Counts against `kvTokens` from admission until the engine has really ended. */
  readonly kvTokens?: number;
  /** KV cells of the prefix named by `prefixKey`; charged once while anyone holds it. */
  readonly prefixTokens?: number;
  /** Bytes held in memory while it waits and runs. Counts against `queuedBytes`. */
  readonly bytes?: number;
}

export interface Work<L extends LaneName> {
  readonly lane: L;
  readonly class: WorkClass;
  readonly input: LaneTypes[L]['input'];
  readonly cost: WorkCost;
  /** Twins (same key) wait until the first of them has computed the prefix, then run next to each other. */
  readonly prefixKey?: string;
  /** Monotonic ms. Past it the work is dropped at the pop, or cancelled in flight: `E_DEADLINE_EXCEEDED`. */
  readonly deadline?: Deadline;
  readonly signal?: AbortSignal;
  /** Whose share of the machine this is; used for fairness between tenants. */
  readonly tenant?: string | undefined;
  /** `final` work delivers nothing before its end, so a crash of the engine may be retried once. */
  readonly deliver?: 'stream' | 'final';
  /** Of the request that this work is a part of: until it is released, its work is not refused in the lanes it has a place in; the first takes the place. */
  readonly permit?: Permit | undefined;
}

/** A whole request that asks to be let in: what it will want of each lane on its way, about. Lanes without an engine are left out. */
export interface AdmissionRequest {
  readonly class: WorkClass;
  readonly tenant?: string | undefined;
  readonly costs: Readonly<Partial<Record<LaneName, WorkCost>>>;
  /** Monotonic ms. An interactive request that would not be answered by then is refused at once; others wait no longer than that. */
  readonly deadline?: Deadline | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A place in each lane of the request, for its first piece of work there; what it wants later is no new request. */
export interface Permit {
  /** Gives back the places that no work took. Harmless when called again. */
  release(): void;
}

/** Times of one piece of work, in ms. */
export interface WorkTimings {
  readonly queuedMs: number;
  readonly runMs: number;
  readonly attempts: number;
}

/** A running or waiting piece of work: iterate its parts, await its result, or both. Leaving the loop cancels the work. */
export interface WorkHandle<Part, Result> extends AsyncIterable<Part> {
  /** Settles exactly once, with the result or a `MillraceError`; the same promise at every call. Never an unhandled rejection. */
  result(): Promise<Result>;
  /** Known once `result()` has settled. */
  timings(): WorkTimings;
}

/** One admitted piece of work, as a lane's executor sees it. */
export interface AdmittedWork<L extends LaneName> {
  readonly input: LaneTypes[L]['input'];
  readonly class: WorkClass;
  /** Aborted on cancellation and at the deadline, with a `MillraceError` as reason. */
  readonly signal: AbortSignal;
  readonly attempt: number;
  /** Hands a part to the caller. Ignored after the work was settled. */
  emit(part: LaneTypes[L]['part']): void;
  /** Tells that the tokens of `prefixKey` are computed: twins may start. */
  prefixReady(): void;
}

/**
 * Runs one batch (one item for lanes whose `batchItems` is 1). Resolves with one outcome for each item, in order, when the engine has
 * really ended with all of them; until then their slots and budgets stay taken. A rejection fails every item of the batch.
 */
export type LaneExecutor<L extends LaneName> = (
  batch: readonly AdmittedWork<L>[],
) => Promise<readonly PromiseSettledResult<LaneTypes[L]['result']>[]>;

export interface LaneLimits {
  /** Executor calls at the same time (for `generate`: sequences). */
  readonly concurrency: number;
  /** Items and tokens of one executor call. */
  readonly batchItems: number;
  readonly batchTokens: number;
  /** Sum of admitted `kvTokens` and distinct held prefixes. */
  readonly kvTokens: number;
  /** Most work that may wait, in pieces and bytes; beyond it `submit` refuses with `E_OVERLOADED`. */
  readonly queuedItems: number;
  readonly queuedBytes: number;
  /** Held back for class `interactive`: slots of `concurrency` and cells of `kvTokens`. */
  readonly interactiveReserve?: { readonly concurrency: number; readonly kvTokens: number };
}

export interface LaneDefinition<L extends LaneName = LaneName> {
  readonly name: L;
  readonly limits: LaneLimits;
  /**
   * A crash of the engine ends all calls of the lane that run, as where they share a process. What is tried again afterwards then runs
   * without bulk work beside it. Default true.
   */
  readonly sharesFate?: boolean;
  readonly execute: LaneExecutor<L>;
}

/** What waits and runs in one lane, now. */
export interface LaneSnapshot {
  readonly lane: LaneName;
  readonly waiting: Readonly<Record<WorkClass, number>>;
  readonly running: number;
  readonly queuedBytes: number;
  readonly usedKvTokens: number;
}

/** How a piece of work left the scheduler; `refused` never entered it. */
export type WorkOutcome = 'done' | 'failed' | 'cancelled' | 'expired' | 'refused';

/** Told of every piece of work, once, when its caller is; for metrics. Must not throw. */
export type WorkObserver = (work: {
  readonly lane: LaneName;
  readonly class: WorkClass;
  readonly outcome: WorkOutcome;
  readonly timings: WorkTimings;
}) => void;

/** One per process that computes. The only place where work waits, is reordered, refused, expired or retried. */
export interface Scheduler {
  /** Adds a lane; a lane is added when its engine is loaded and cannot be changed afterwards. */
  addLane<L extends LaneName>(definition: LaneDefinition<L>): void;
  hasLane(lane: LaneName): boolean;
  /** Never throws: refusals (`E_OVERLOADED`, `E_WORK_TOO_LARGE`, `E_SHUTTING_DOWN`) come through the handle. */
  submit<L extends LaneName>(work: Work<L>): WorkHandle<LaneTypes[L]['part'], LaneTypes[L]['result']>;
  /**
   * A whole request is let in, or refused with `E_OVERLOADED` and a time to come back: an interactive one at once, others wait until
   * there is room in all their lanes. Their work names the permit; `release` gives back what was not used.
   */
  admit(request: AdmissionRequest): Promise<Permit>;
  /**
   * Resolves when the lane can take more waiting work of this cost; a feeder awaits it before `submit` instead of being refused. The
   * place is kept for a second, for work of class `batch` or `background`.
   */
  ready(lane: LaneName, cost: WorkCost, signal: AbortSignal): Promise<void>;
  snapshot(): readonly LaneSnapshot[];
  /** Refuses new work, cancels what waits and runs, resolves when every executor call has ended. */
  close(): Promise<void>;
}
