import type { Clock } from '../../../util/clock.ts';
import type { Pointer } from './layout.ts';
import type { LlamaLibrary } from './library.ts';
import { createThreadPolicy, type ThreadPolicy } from './thread-policy.ts';

/** The threads of one native context. */
export interface ContextThreads {
  /**
   * Runs one native step on as many threads as get a core now, at most as many as the context was given.
   * @param small true when the step is short, a few tokens: then it may try whether more cores are free
   */
  run<Result>(small: boolean, step: () => Result): Result;
}

export interface ComputeThreadsOptions {
  readonly library: Pick<LlamaLibrary, 'attachThreads' | 'setThreads' | 'supportsGpu'>;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Processor time of this process so far, in ms. */
  readonly processorMs: () => number;
}

/** What one context learns about free cores holds for all of the device: contexts with the same number of threads share a policy. */
export function createComputeThreads({
  library,
  clock,
  processorMs,
}: ComputeThreadsOptions): (context: Pointer, most: number) => ContextThreads {
  const policies = new Map<number, ThreadPolicy>();
  // On a GPU the threads wait for the device, which looks like waiting for a core.
  const follows = !library.supportsGpu();

  return (context, most) => {
    const policy = policies.get(most) ?? createThreadPolicy(most);
    policies.set(most, policy);
    let used = most;
    library.attachThreads(context, most);
    return {
      run(small, step) {
        if (!follows) return step();
        const startedAt = clock.monotonic();
        const threads = policy.threads(startedAt, small);
        if (threads !== used) {
          library.setThreads(context, threads, threads);
          library.attachThreads(context, threads);
          used = threads;
        }
        const processorBefore = processorMs();
        try {
          return step();
        } finally {
          const nowMs = clock.monotonic();
          policy.observe({ threads, elapsedMs: nowMs - startedAt, processorMs: processorMs() - processorBefore, nowMs });
        }
      },
    };
  };
}
