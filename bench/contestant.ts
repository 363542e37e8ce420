import type { Prompt } from '../src/index.ts';

/** What is compared: our engine and its rivals behind one shape, so that every workload is the same for all. */

export interface GenerateJob {
  /** For engines that render and tokenise themselves. */
  readonly prompt: Prompt;
  /** The same prompt as token ids, for the others. */
  readonly tokens: readonly number[];
  readonly maxTokens: number;
  /** True where the answer ends when the model ends it; else it has exactly `maxTokens`. */
  readonly endsItself?: boolean;
}

/** Jobs whose prompts begin with the same tokens: `reuse` says whether and how a contestant may profit from it. */
export interface GenerateLoad {
  readonly jobs: readonly GenerateJob[];
  /** Name of the strategy, one of the contestant's; undefined: every prompt is computed whole, all jobs at once. */
  readonly reuse: string | undefined;
  /** A new name for each run, so that nothing is left over from the one before. */
  readonly prefixKey: string;
}

export interface JobUsage {
  readonly promptTokens: number;
  /** Those of the prompt that were not computed because they were in a cache. */
  readonly cachedTokens: number;
  readonly outputTokens: number;
  /** Where the contestant tells them. */
  readonly prefillMs?: number;
  readonly decodeMs?: number;
}

/** Time inside native calls and busy time of the loop around them, in ms. Counters only grow. */
export interface LoopTimes {
  readonly nativeMs: number;
  readonly busyMs: number;
}

export interface GeneratingContestant {
  readonly name: string;
  readonly version: string;
  readonly flags: string;
  /** Ways to profit from a shared prefix, best first guess first. */
  readonly reuses: readonly string[];
  generate(load: GenerateLoad, signal: AbortSignal): Promise<JobUsage[]>;
  loopTimes?(): Promise<LoopTimes>;
  close(): Promise<void>;
}

export interface EmbeddingContestant {
  readonly name: string;
  readonly version: string;
  readonly flags: string;
  /** Many texts a call where the contestant can, or one call after the other. */
  readonly modes: readonly ('batched' | 'one by one')[];
  embed(texts: readonly string[], mode: 'batched' | 'one by one', signal: AbortSignal): Promise<void>;
  loopTimes?(): Promise<LoopTimes>;
  close(): Promise<void>;
}
