import type { ErrorData } from '../../errors.ts';
import type { GenerateRequest, KvMode, Prompt, StopReason, WorkClass } from '../../spec/engine.ts';
import type { PrefixLimits, PrefixSettings, PromptPrefix } from '../../spec/prefixes.ts';

/** Between the main process and an engine child. Every request has an id; every id gets exactly one `result` or `error`. */

export type EngineTask =
  | {
      readonly task: 'generator';
      readonly sequences: number;
      readonly kvTokens: number | undefined;
      readonly maxSequenceTokens: number | undefined;
      readonly kvType: 'f16' | 'q8_0';
      readonly kvMode: KvMode | undefined;
      readonly weightsSha256: string;
      readonly prefixes: PrefixSettings | undefined;
    }
  | { readonly task: 'embedder'; readonly pooling: 'mean' | 'cls' | 'last'; readonly maxInputTokens: number; readonly batchTokens: number }
  | { readonly task: 'reranker'; readonly maxInputTokens: number; readonly batchTokens: number };

export interface LoadRequest {
  readonly type: 'load';
  readonly id: number;
  readonly handle: number;
  readonly path: string;
  readonly threads: number;
  readonly settings: EngineTask;
}

export type EngineRequest =
  | LoadRequest
  | { readonly type: 'count-tokens'; readonly id: number; readonly handle: number; readonly texts: readonly string[] }
  | { readonly type: 'tokenize-prompt'; readonly id: number; readonly handle: number; readonly prompt: Prompt }
  | {
      readonly type: 'generate';
      readonly id: number;
      readonly handle: number;
      readonly class: WorkClass;
      readonly request: GenerateRequest;
    }
  | {
      readonly type: 'embed';
      readonly id: number;
      readonly handle: number;
      readonly class: WorkClass;
      readonly prefix: string;
      readonly texts: readonly string[];
    }
  | {
      readonly type: 'score';
      readonly id: number;
      readonly handle: number;
      readonly class: WorkClass;
      readonly query: string;
      readonly passages: readonly string[];
    }
  | {
      readonly type: 'quantise';
      readonly id: number;
      readonly inputPath: string;
      readonly outputPath: string;
      readonly fileType: number;
      readonly threads: number;
    }
  | { readonly type: 'find-prefixes'; readonly id: number; readonly handle: number; readonly prefixes: readonly PromptPrefix[] }
  | { readonly type: 'prefix-owners'; readonly id: number; readonly handle: number }
  | { readonly type: 'count-prefixes'; readonly id: number; readonly handle: number }
  | { readonly type: 'forget-prefixes'; readonly id: number; readonly handle: number; readonly owners: readonly string[] }
  | { readonly type: 'statistics'; readonly id: number };

export type EngineCommand =
  | EngineRequest
  /** The request of this id ends with `E_CANCELLED` once it costs nothing more, or with its result if that came first. */
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'shutdown' };

/** What loading tells about a model. */
export interface LoadedModel {
  readonly sequences: number;
  readonly kvTokens: number;
  readonly maxSequenceTokens: number;
  /** A request may begin with what another has computed. */
  readonly sharesPrefixes: boolean;
  /** Length of the vectors. */
  readonly dimensions: number;
  /** What is kept of prefixes beyond the KV cache; undefined where nothing is. */
  readonly prefixes: PrefixLimits | undefined;
}

export interface GenerateResult {
  readonly text: string;
  readonly stopReason: StopReason;
  readonly tokens: readonly number[];
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly restoredTokens: number;
  readonly restoreMs: number;
  readonly prefillMs: number;
  readonly decodeMs: number;
  readonly meanLogProbability?: number;
  readonly weights?: readonly number[];
}

/** One item of a message of the child. `result` and `error` end the request. */
export type EngineReply =
  | { readonly type: 'ready' }
  /** The library cannot be used here; the child ends. */
  | { readonly type: 'unusable'; readonly error: ErrorData }
  | { readonly type: 'progress'; readonly id: number; readonly doneBytes: number; readonly totalBytes: number }
  | { readonly type: 'prefix-ready'; readonly id: number; readonly tokens: number }
  | { readonly type: 'text'; readonly id: number; readonly text: string }
  | { readonly type: 'result'; readonly id: number; readonly value: unknown }
  | { readonly type: 'error'; readonly id: number; readonly error: ErrorData };

/** What the child sends: all that happened since its last message, in order. */
export type EngineMessage = readonly EngineReply[];
