import { MillraceError } from '../../src/errors.ts';
import { createScheduler } from '../../src/scheduler/scheduler.ts';
import type { AdmittedWork, LaneLimits, LaneTypes, Work, WorkHandle } from '../../src/spec/work.ts';
import { createManualClock } from '../../src/testing/manual-clock.ts';
import { createDeferred } from '../../src/util/deferred.ts';

type Embedding = LaneTypes['embed']['result'];
export type Outcomes = readonly PromiseSettledResult<Embedding>[];

/** One call of the executor, which ends when the test says so. */
export interface BenchCall {
  readonly works: readonly AdmittedWork<'embed'>[];
  /** Names of its works, as they were submitted. */
  readonly names: readonly string[];
  isEnded(): boolean;
  /** Every work succeeds, with the first component of its vector the position in the batch. */
  succeed(): void;
  /** Every work fails, each by itself. */
  fail(error: unknown): void;
  end(outcomes: Outcomes): void;
  /** The call as a whole rejects. */
  reject(error: unknown): void;
}

/** What became of a piece of work: how often it settled, and with what. */
export interface Submitted {
  readonly name: string;
  readonly handle: WorkHandle<never, Embedding>;
  readonly settlements: ('done' | MillraceError)[];
  /** `done`, an error code, or undefined while it is open. */
  outcome(): string | undefined;
}

export const roomyLimits: LaneLimits = {
  concurrency: 2,
  batchItems: 4,
  batchTokens: 100,
  kvTokens: 100,
  queuedItems: 100,
  queuedBytes: 1_000,
};

/** A scheduler with one lane whose engine is the test. Time stands still until the clock is moved. */
export function createLaneBench(
  limits: Partial<LaneLimits> = {},
  onCall?: (call: BenchCall) => void,
  { sharesFate = true }: { readonly sharesFate?: boolean } = {},
) {
  const clock = createManualClock();
  const scheduler = createScheduler({ clock });
  const calls: BenchCall[] = [];
  scheduler.addLane({
    name: 'embed',
    limits: { ...roomyLimits, ...limits },
    sharesFate,
    execute(batch) {
      const { call, outcomes } = createCall(batch);
      calls.push(call);
      onCall?.(call);
      return outcomes;
    },
  });

  return {
    clock,
    scheduler,
    calls,
    limits: { ...roomyLimits, ...limits },
    submit(name: string, work: Partial<Work<'embed'>> = {}): Submitted {
      const handle = scheduler.submit({
        lane: 'embed',
        class: 'batch',
        input: { texts: [name], kind: 'passage' },
        cost: {},
        ...work,
      });
      const settlements: Submitted['settlements'] = [];
      handle.result().then(
        () => settlements.push('done'),
        (error: unknown) => settlements.push(error as MillraceError),
      );
      const outcome = (): string | undefined => {
        const [first] = settlements;
        return first instanceof MillraceError ? first.code : first;
      };
      return { name, handle, settlements, outcome };
    },
    /** Names of what runs, call by call. */
    running: () => calls.filter((call) => !call.isEnded()).map(({ names }) => names),
    snapshot() {
      const [lane] = scheduler.snapshot();
      if (lane === undefined) throw new TypeError('The lane is gone.');
      return lane;
    },
  };
}

function createCall(works: readonly AdmittedWork<'embed'>[]): { call: BenchCall; outcomes: Promise<Outcomes> } {
  const ending = createDeferred<Outcomes>();
  let ended = false;
  const end = (outcomes: Outcomes): void => {
    ended = true;
    ending.resolve(outcomes);
  };
  const call: BenchCall = {
    works,
    names: works.map(({ input }) => input.texts[0] ?? ''),
    isEnded: () => ended,
    succeed: () => end(works.map((_, index) => ({ status: 'fulfilled', value: [Float32Array.of(index)] }))),
    fail: (reason) => end(works.map(() => ({ status: 'rejected', reason }))),
    end,
    reject(error) {
      ended = true;
      ending.reject(error);
    },
  };
  return { call, outcomes: ending.promise };
}

export function crash(delivered = false): MillraceError {
  return new MillraceError('E_ENGINE_CRASHED', 'The engine has died.', { delivered });
}
