import type { GenerateLaneName } from '../spec/engine.ts';
import type { AdmissionRequest, Permit, Scheduler } from '../spec/work.ts';
import { queryDefaults, type ResolvedPipeline, type RetrieveSection } from './resolve-pipeline.ts';

/**
 * Lets a request in as a whole or refuses it before anything of it is computed: an interactive one at once (`E_OVERLOADED`, with the time
 * after which to come back), that of a run when there is room. What was let in and did not use its places gives them back at its end.
 */
export async function withPermit<Result>(
  scheduler: Scheduler,
  request: AdmissionRequest,
  work: (permit: Permit) => Promise<Result>,
): Promise<Result> {
  const permit = await scheduler.admit(request);
  try {
    return await work(permit);
  } finally {
    permit.release();
  }
}

/** Of a whole passage with the rules before it, about. */
export const passageTokens = 320;

/** What a prompt of about so many tokens wants, or several together, with the answer. */
export function promptCosts(lane: GenerateLaneName, promptTokens: number, maxTokens: number): AdmissionRequest['costs'] {
  return { [lane]: { tokens: promptTokens, kvTokens: promptTokens + maxTokens, bytes: promptTokens * 8 } };
}

/** What a search wants of the engines. A question is short, so that its length says enough about its tokens. */
export function searchCosts(question: string, { mode }: Pick<RetrieveSection, 'mode'>): AdmissionRequest['costs'] {
  return mode === 'text' ? {} : { embed: { tokens: tokensOf(question), bytes: question.length * 2 } };
}

/** What a question wants of the engines, if its passages fill the context. */
export function questionCosts(question: string, pipeline: ResolvedPipeline): AdmissionRequest['costs'] {
  const { retrieve, generate, stages } = pipeline;
  const costs = searchCosts(question, retrieve);
  if (generate.by === 'quotes' || stages.generate !== undefined) return costs;
  const contextTokens = (pipeline.context.tokens ?? queryDefaults.contextTokens) + tokensOf(question);
  return { ...costs, ...promptCosts(laneOf(pipeline), contextTokens + rankingTokens(question, pipeline), generate.maxTokens) };
}

/** What a search wants whose hits the pipeline ranks: one prompt a hit, where the generator does it. */
export function rankedSearchCosts(question: string, pipeline: ResolvedPipeline): AdmissionRequest['costs'] {
  const tokens = rankingTokens(question, pipeline);
  return { ...searchCosts(question, pipeline.retrieve), ...(tokens === 0 ? {} : promptCosts(laneOf(pipeline), tokens, 1)) };
}

/** Of the prompts by which the generator orders hits, all together; 0 where it does not. */
function rankingTokens(question: string, { rerank, retrieve }: ResolvedPipeline): number {
  if (rerank.by !== 'model') return 0;
  return Math.min(retrieve.limit, rerank.limit ?? Infinity) * (passageTokens + tokensOf(question));
}

function laneOf({ generate }: ResolvedPipeline): GenerateLaneName {
  return generate.model === undefined ? 'generate' : `generate:${generate.model}`;
}

export function tokensOf(text: string): number {
  return Math.ceil(text.length / 4);
}
