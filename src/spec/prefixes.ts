import { z } from 'zod';
import type { Prompt } from './prompt.ts';

/**
 * Prefixes that were computed once are kept beyond the KV cache, in memory and on disk, and come back by copying. Nothing depends on
 * it: what is gone or damaged is computed again.
 */

/** Most bytes that are kept; 0 keeps nothing there. */
export interface PrefixLimits {
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

/** Where a generator keeps its prefixes. */
export interface PrefixSettings extends PrefixLimits {
  /** Folder of the entries; several processes may share it. */
  readonly folder: string;
}

/** The first `prefixParts` parts of a prompt, as in `GenerateRequest`. */
export interface PromptPrefix {
  readonly prompt: Prompt;
  readonly prefixParts: number;
}

export interface FoundPrefix {
  /** Tokens of the whole prompt and of its prefix. */
  readonly promptTokens: number;
  readonly tokens: number;
  /** Where all tokens of the prefix are kept. */
  readonly inMemory: boolean;
  readonly onDisk: boolean;
  /** What they take when they are kept. */
  readonly bytes: number;
}

/** Counts of one generator since it was loaded. */
export interface PrefixCounts {
  readonly memoryEntries: number;
  readonly memoryBytes: number;
  /** Of this model, written by whichever process. */
  readonly diskBytes: number;
  /** Requests that named a prefix: it was in the KV cache or came back, or it had to be computed. */
  readonly hits: number;
  readonly misses: number;
  /** Prompt tokens that came back, and those that were computed. */
  readonly restoredTokens: number;
  readonly computedTokens: number;
  /** Entries that were found damaged, or were refused by the library, and dropped. */
  readonly damaged: number;
  /** Why nothing is stored at the moment; null when all is well. */
  readonly problem: string | null;
}

/** The prefixes that a loaded generator keeps. */
export interface StoredPrefixes {
  readonly limits: PrefixLimits;
  /** In the order given. */
  find(prefixes: readonly PromptPrefix[], signal?: AbortSignal): Promise<readonly FoundPrefix[]>;
  /** Undefined while no inference process runs: none is started for it. */
  counts(): Promise<PrefixCounts | undefined>;
  /** Ids of the documents of which something is kept in memory. */
  owners(): Promise<readonly string[]>;
  /** Forgets what is kept in memory of these documents, and keeps nothing of them any more. */
  forget(documents: readonly string[]): Promise<void>;
}

export const prefixStatus = z.object({
  /** Of this process. */
  memory: z.object({ entries: z.number(), bytes: z.number(), limitBytes: z.number() }),
  disk: z.object({ entries: z.number(), bytes: z.number(), limitBytes: z.number() }),
  /** What is kept on disk of documents: passages (or whole documents) that need not be read again, and how many documents they are of. */
  passages: z.number(),
  documents: z.number(),
  /** Of all processes that have ended, and this one. */
  hits: z.number(),
  misses: z.number(),
  restoredTokens: z.number(),
  computedTokens: z.number(),
  damaged: z.number(),
  /** Why nothing is stored at the moment, or what could not be deleted; null when all is well. */
  problem: z.string().nullable(),
});
export type PrefixStatus = z.infer<typeof prefixStatus>;

/** Limits where nothing else is said. A passage of 500 tokens takes about 15 MB with a model of 1.5 billion parameters. */
export const defaultPrefixLimits: PrefixLimits = { memoryBytes: 512_000_000, diskBytes: 8_000_000_000 };

/** The stored prefixes of one directory, with or without a loaded generator. */
export interface PrefixKeeper {
  status(): Promise<PrefixStatus>;
  /** Deletes what is kept of these documents, in memory and on disk. Returns the number of entries on disk that went. */
  purge(documents: readonly string[]): Promise<number>;
  /** Deletes what is kept of documents that are not on record any more. `status` tells when it failed. */
  sweep(isOnRecord: (document: string) => Promise<boolean>): Promise<number>;
  /** Adds the counts of this process to those of the directory, where they can be had and written; never rejects. */
  close(): Promise<void>;
}
