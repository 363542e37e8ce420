import type { Hit, SearchOptions } from './answers.ts';

/**
 * Stages of a pipeline in TypeScript. They are registered under a name at `open({ stages })`, and a pipeline names them. `version` is part
 * of every key under which an answer is kept or goes on: raise it with each change of what the stage does.
 */
export interface StageCall {
  /** Aborted with the call; a stage that does not listen is left behind. */
  readonly signal: AbortSignal;
  /** Searches the collection of the pipeline, by its settings where the options say nothing. */
  search(query: string, options?: Pick<SearchOptions, 'mode' | 'limit' | 'filter'>): Promise<readonly Hit[]>;
}

interface StageBase {
  readonly version: string;
}

/** `retrieve.rewrite`: what is searched for instead of the question. */
export interface RewriteStage extends StageBase {
  readonly kind: 'rewrite';
  run(input: { readonly question: string }, call: StageCall): string | Promise<string>;
}

/** `retrieve.stage`: the hits, best first, from its own searches. */
export interface RetrieveStage extends StageBase {
  readonly kind: 'retrieve';
  run(
    input: { readonly question: string; readonly limit: number },
    call: StageCall,
  ): readonly Pick<Hit, 'chunk'>[] | Promise<readonly Pick<Hit, 'chunk'>[]>;
}

/** `rerank.stage`: the hits that were given, in another order or fewer. */
export interface RerankStage extends StageBase {
  readonly kind: 'rerank';
  run(
    input: { readonly question: string; readonly hits: readonly Hit[] },
    call: StageCall,
  ): readonly Pick<Hit, 'chunk'>[] | Promise<readonly Pick<Hit, 'chunk'>[]>;
}

/** `generate.stage`: the text of the answer from the passages as a model would read them; it is checked and cited like any other. */
export interface GenerateStage extends StageBase {
  readonly kind: 'generate';
  run(
    input: { readonly question: string; readonly passages: readonly string[]; readonly maxTokens: number },
    call: StageCall,
  ): string | Promise<string>;
}

export type Stage = RewriteStage | RetrieveStage | RerankStage | GenerateStage;
export type Stages = Readonly<Record<string, Stage>>;
