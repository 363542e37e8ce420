import type { QueryParts } from './parts.ts';
import type { RerankSection } from './rerank.ts';
import type { ResolvedPipeline } from './resolve-pipeline.ts';
import { passageTokens, tokensOf } from './with-permit.ts';

/** What ordering the hits by the model may take where the pipeline says `auto` and no time. */
export const rerankBudgetMs = 2_000;

/**
 * How hits are ordered where the pipeline leaves it to the pace of the machine: by the model, as many as it reads in time, where these are
 * two at least; else, and where nothing was read yet, by cheap signals. Pure.
 *
 * @param machine `hits`: most there can be; `promptTokens`: of one hit with rules and question, about
 */
export function chooseRerank(
  { budgetMs = rerankBudgetMs, ...section }: RerankSection,
  {
    hits,
    promptTokens,
    tokensPerSecond = 0,
  }: { readonly hits: number; readonly promptTokens: number; readonly tokensPerSecond?: number | undefined },
): RerankSection {
  if (section.by !== 'auto') return section;
  const budgetTokens = Math.floor((tokensPerSecond * budgetMs) / 1_000);
  const limit = Math.min(section.limit ?? hits, hits, Math.floor(budgetTokens / promptTokens));
  return limit < 2 ? { ...section, by: 'signals' } : { ...section, by: 'model', limit, budgetTokens };
}

/** The pipeline as this machine carries it out now. What needs no generator never waits for one. */
export function forThisMachine({ pace }: Pick<QueryParts, 'pace'>, pipeline: ResolvedPipeline, question: string): ResolvedPipeline {
  const { generate, retrieve, stages } = pipeline;
  const reads = generate.by === 'model' && stages.generate === undefined;
  const machine = {
    hits: retrieve.limit,
    promptTokens: passageTokens + tokensOf(question),
    tokensPerSecond: reads ? pace?.tokensPerSecondOf(generate.model) : undefined,
  };
  return { ...pipeline, rerank: chooseRerank(pipeline.rerank, machine) };
}
