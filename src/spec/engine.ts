import { z } from 'zod';
import type { WeightOperations } from './model.ts';
import type { PrefixSettings, StoredPrefixes } from './prefixes.ts';
import type { Prompt } from './prompt.ts';

/**
 * Engines compute; they hold no policy and no queue. What they are given was admitted by the scheduler, so they start it at once;
 * they never retry, and they report `retryable` and `delivered` in the error they throw.
 */

/** The class of work, in falling order of claim on the machine. */
export const workClass = z.enum(['interactive', 'batch', 'background']);
export type WorkClass = z.infer<typeof workClass>;

export { prompt, promptMessage, type Prompt, type PromptMessage } from './prompt.ts';

/** Values as in llama.cpp's samplers. `temperature: 0` is greedy and ignores the rest. */
export const sampling = z.object({
  temperature: z.number().min(0).max(5).default(0),
  topK: z.number().int().min(0).default(40),
  topP: z.number().min(0).max(1).default(0.95),
  minP: z.number().min(0).max(1).default(0.05),
  repeatPenalty: z.number().min(0.5).max(2).default(1),
  /** Same seed, same prompt, alone on the device: same tokens. */
  seed: z.number().int().min(0).max(0xffff_fffe).default(0),
});
export type Sampling = z.infer<typeof sampling>;

/** What one call may cost and until when it may run. */
export interface CallOptions {
  readonly class: WorkClass;
  readonly signal: AbortSignal;
}

export interface GenerateRequest {
  readonly prompt: Prompt;
  /**
   * Most tokens to generate. Prompt and answer together must fit the sequence (`E_CONTEXT_EXCEEDED`). 0 computes the named prefix and
   * keeps it: the final part comes when it is kept, in the KV cache and wherever the engine keeps prefixes beyond it.
   */
  readonly maxTokens: number;
  readonly sampling: Sampling;
  /** Generation ends before the first of these strings; the string itself is not delivered. */
  readonly stop: readonly string[];
  /** GBNF grammar with the root rule `root`. */
  readonly grammar?: string;
  /** Names the shared beginning of the prompt: its first `prefixParts` parts and the template text before and between them. */
  readonly prefixKey?: string;
  readonly prefixParts?: number;
  /** Ids of the documents whose text is in the prefix. What an engine keeps of a prefix is deleted with the first of them. */
  readonly prefixOwners?: readonly string[];
  /** Texts whose first token is weighed as the first one of the output: log-probabilities in the final part, in this order. */
  readonly weigh?: readonly string[];
  /** Tell `meanLogProbability` in the final part; it costs a pass over the vocabulary for every token. Default false. */
  readonly likelihood?: boolean;
  /** Go on to `maxTokens` or a stop string: the model's own end is never taken. For measuring. Default false. */
  readonly ignoreEnd?: boolean;
  readonly deliver: 'stream' | 'final';
}

export type StopReason = 'end' | 'length' | 'stop-string';

export interface GenerateUsage {
  /** All tokens of the prompt, computed or not. */
  readonly promptTokens: number;
  /** Those of `promptTokens` that were already in the KV cache. */
  readonly cachedTokens: number;
  /** Those of `cachedTokens` that came back from memory or disk, and how long that took. */
  readonly restoredTokens: number;
  readonly restoreMs: number;
  readonly outputTokens: number;
  /** From the first step that computed a prompt token of this request to its first output token. */
  readonly prefillMs: number;
  /** From the first output token to the last. */
  readonly decodeMs: number;
}

export type GeneratePart =
  /** The tokens of `prefixKey` are in the KV cache; twins may start. Comes at most once, before any text. */
  | { readonly type: 'prefix-ready'; readonly prefixKey: string; readonly tokens: number }
  /** Whole UTF-8 only; never a part of a stop string. Only with `deliver: 'stream'`. */
  | { readonly type: 'text'; readonly text: string }
  /** Always last. `text` is the whole output. */
  | {
      readonly type: 'final';
      readonly text: string;
      readonly stopReason: StopReason;
      readonly usage: GenerateUsage;
      readonly tokens: readonly number[];
      /** Mean natural log-probability of the output's tokens, its end included, by the model alone; absent where nobody asked or the engine does not tell. */
      readonly meanLogProbability?: number;
      /** Log-probabilities of the texts to weigh; absent where none were given or the engine does not tell. */
      readonly weights?: readonly number[];
    };

/** Lane of a generator: `generate` is that of the open directory's own, the others are of those loaded beside it. */
export type GenerateLaneName = 'generate' | `generate:${string}`;

export interface Generator {
  readonly model: GeneratorDescription;
  /** Where it is put to work. Default `generate`. */
  readonly lane?: GenerateLaneName;
  readonly tokenizer: Tokenizer;
  /** Leaving the iteration, or aborting the signal, ends the sequence within one step; the iteration ends when it has really ended. */
  generate(request: GenerateRequest, options: CallOptions): AsyncIterable<GeneratePart>;
  capacity(): GeneratorCapacity;
  /** Present where prefixes are kept beyond the KV cache. */
  readonly prefixes?: StoredPrefixes;
}

export interface GeneratorDescription {
  readonly id: string;
  /** sha256 over weights sha256, context settings and KV type: equal hash, equal behaviour. */
  readonly hash: string;
  readonly title: string;
  /** Longest prompt plus answer of one sequence, in tokens. */
  readonly maxSequenceTokens: number;
}

/** What a native context can hold. Constant after loading. */
export interface GeneratorCapacity {
  readonly sequences: number;
  readonly kvTokens: number;
  readonly maxSequenceTokens: number;
  /**
   * False for models whose cache cannot be cut at a position (recurrent ones): no `prefix-ready` comes, and each request computes its
   * whole prompt. Default true.
   */
  readonly sharesPrefixes?: boolean;
}

/** A passage is what is stored, a query is what is asked; many embedders want different prefixes for the two. */
export type EmbedKind = 'query' | 'passage';

export interface EmbedderDescription {
  readonly id: string;
  /** sha256 over weights, pooling, prefixes, vector type and backend: vectors of equal hash may be compared. */
  readonly hash: string;
  readonly title: string;
  readonly dimensions: number;
  /** Longest input in tokens, prefix and special tokens included. */
  readonly maxInputTokens: number;
  readonly languages: readonly string[];
}

export interface Embedder {
  readonly model: EmbedderDescription;
  readonly tokenizer: Tokenizer;
  /** Most tokens (special tokens included) and texts of one call; the scheduler forms batches inside them. */
  readonly limits: { readonly batchTokens: number; readonly batchItems: number };
  /**
   * Texts → unit vectors of `model.dimensions` floats, in the order of `texts`. A text longer than `maxInputTokens` is
   * `E_CONTEXT_EXCEEDED`; the vector of a text does not depend on its batch mates beyond rounding (cosine ≥ 0.9999).
   */
  embed(texts: readonly string[], kind: EmbedKind, options: CallOptions): Promise<Float32Array[]>;
}

export interface Reranker {
  readonly model: { readonly id: string; readonly hash: string; readonly title: string; readonly maxInputTokens: number };
  /** Higher is more relevant; comparable within one call only. In the order of `passages`. */
  score(query: string, passages: readonly string[], options: CallOptions): Promise<Float32Array>;
}

export interface TokenizedPrompt {
  readonly tokens: Int32Array;
  /** Number of tokens up to the end of each part, parts of all messages in order (template text before a part included). */
  readonly partEnds: readonly number[];
}

export interface Tokenizer {
  /** Tokens of each text alone, special tokens of the model not included. */
  countTokens(texts: readonly string[], signal?: AbortSignal): Promise<Uint32Array>;
  /** The prompt as the generator will see it. */
  tokenizePrompt(prompt: Prompt, signal?: AbortSignal): Promise<TokenizedPrompt>;
}

/** Loading is an event stream, so that a surface can show it. */
export type LoadEvent =
  | { readonly type: 'model-loading'; readonly model: string; readonly doneBytes: number; readonly totalBytes: number }
  | { readonly type: 'model-loaded'; readonly model: string; readonly elapsedMs: number };

/** Live figures of a device, for metrics and benchmarks. Counters only grow. */
export interface EngineStatistics {
  readonly steps: number;
  readonly prefillTokens: number;
  readonly decodeTokens: number;
  readonly reusedTokens: number;
  /** Those of `reusedTokens` that came back from memory or disk. */
  readonly restoredTokens: number;
  /** Requests with a named prefix that found it in the KV cache, memory or disk, and those that had to compute it. */
  readonly prefixHits: number;
  readonly prefixMisses: number;
  readonly encodedTokens: number;
  readonly encodedTexts: number;
  /** Time inside native compute calls, and whole time of the loop while it had work, in ms. */
  readonly nativeMs: number;
  readonly busyMs: number;
  /** Sum over decode steps of their sequences: divide by the number of those steps for the mean occupancy. */
  readonly sequenceSteps: number;
  /** Number of steps by their time: up to each bound, and beyond the last one. */
  readonly stepTimes: {
    readonly boundsMs: readonly number[];
    readonly decode: readonly number[];
    readonly encode: readonly number[];
  };
  /** Memory of the inference process, its model files included as far as they are in use. */
  readonly residentBytes: number;
  readonly activeSequences: number;
  readonly usedKvTokens: number;
  readonly restarts: number;
}

/** A local device: one supervised child process with the native library, and the models loaded into it. */
export interface LocalDevice extends WeightOperations {
  loadGenerator(options: LoadGeneratorOptions): Promise<Generator>;
  loadEmbedder(options: LoadEmbedderOptions): Promise<Embedder>;
  loadReranker(options: LoadRerankerOptions): Promise<Reranker>;
  statistics(): Promise<EngineStatistics>;
  /** Frees models and ends the child: message, 2 s, kill. */
  close(): Promise<void>;
}

export interface LoadOptions {
  readonly id: string;
  readonly title: string;
  readonly path: string;
  /** Of the file, known from installation. Part of the description's hash. */
  readonly sha256: string;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: LoadEvent) => void;
}

/**
 * How the sequences of a generator share KV cells. `split`: each has `kvTokens / sequences` cells of its own, which is faster.
 * `unified`: all share all, so that one sequence may be as long as `kvTokens` and a shared prefix costs its cells once; faster when most
 * of each prompt is such a prefix (measured: `npm run bench -- engine --scenario shared-prefix`).
 */
export type KvMode = 'split' | 'unified';

export interface LoadGeneratorOptions extends LoadOptions {
  /** Parallel sequences. Default 8. */
  readonly sequences?: number;
  /** KV cells shared by all sequences, in tokens. Default: min(sequences × 2,048, what memory allows). */
  readonly kvTokens?: number;
  /** Longest single sequence. Default: the model's training context, at most what a sequence can hold in `kvMode`. */
  readonly maxSequenceTokens?: number;
  readonly kvType?: 'f16' | 'q8_0';
  /** Default `split`, and `unified` when `maxSequenceTokens` is more than `kvTokens / sequences`. */
  readonly kvMode?: KvMode;
  /** Where prefixes are kept beyond the KV cache. Default: nowhere. */
  readonly prefixes?: PrefixSettings;
}

export interface LoadEmbedderOptions extends LoadOptions {
  readonly pooling: 'mean' | 'cls' | 'last';
  readonly queryPrefix: string;
  readonly passagePrefix: string;
  readonly maxInputTokens: number;
  readonly languages: readonly string[];
  /** Tokens of one native call, at least `maxInputTokens`. Default 256: dense attention over the batch makes larger ones slower on a CPU. */
  readonly batchTokens?: number;
}

export interface LoadRerankerOptions extends LoadOptions {
  readonly maxInputTokens: number;
}
