import type { Hit } from '../spec/answers.ts';
import type { Generator } from '../spec/engine.ts';
import { type EngineCall, type GeneratedAnswer, generateAnswer, isTooLong } from './generate.ts';
import type { QueryParts } from './parts.ts';
import { type AnswerPrompt, modelRefusal, passagePrompt, type PromptFamily } from './prompt.ts';
import { signalScores } from './signals.ts';

export interface RerankSection {
  /** `auto` is settled by `choose-rerank.ts` when a question comes. */
  readonly by: 'none' | 'signals' | 'model' | 'cross-encoder' | 'auto';
  /** The cross-encoder; undefined: the one that is installed. */
  readonly model: string | undefined;
  /** Hits that are scored; the rest stays behind them. Undefined: all. */
  readonly limit: number | undefined;
  /** With `auto`: most time that the model may take for it. */
  readonly budgetMs?: number;
  /** Most tokens of all prompts together; what they go beyond is not scored. */
  readonly budgetTokens?: number;
}

/** The hits in the order of cheap signals or of a cross-encoder, ranked anew; as they are where the section asks for neither. */
export async function rerank(
  parts: QueryParts,
  query: string,
  hits: readonly Hit[],
  { by, model, limit = hits.length }: RerankSection,
  call: EngineCall,
): Promise<readonly Hit[]> {
  if ((by !== 'signals' && by !== 'cross-encoder') || hits.length < 2) return hits;
  const scored = hits.slice(0, limit);
  const scores =
    by === 'signals'
      ? (await signalScores(query, scored, parts.languages.detect(query))).map((score, index) => score + (scored[index]?.score ?? 0))
      : await scoreByCrossEncoder(parts, query, scored, model, call);
  return [...byScore(scored, scores), ...hits.slice(limit)].map((hit, index) => ({ ...hit, rank: index + 1 }));
}

/**
 * The hits in the order in which the generator would rather answer from them than refuse: one token each over rules and passage, which are
 * the tokens that `each` asks the question over, so that they are computed once. Ranks stay as they were shown. As they are where the engine
 * tells no log-probabilities. A hit that the model does not hold comes after those that are scored.
 *
 * @param onGenerated told what each token cost
 */
export async function orderByLikelihood(
  parts: QueryParts,
  generator: Generator,
  question: string,
  hits: readonly Hit[],
  { limit = hits.length, budgetTokens }: RerankSection,
  family: PromptFamily,
  call: EngineCall,
  onGenerated: (generated: GeneratedAnswer) => void,
): Promise<readonly Hit[]> {
  const prompts = hits.slice(0, limit).map((hit) => passagePrompt(question, hit, family));
  const asked = budgetTokens === undefined ? prompts : await withinTokens(generator, prompts, budgetTokens, call.signal);
  if (asked.length < 2) return hits;
  const scored = hits.slice(0, asked.length);
  const refusals = await Promise.all(
    asked.map(async (prompt) => {
      const request = {
        prompt,
        maxTokens: 1,
        temperature: 0,
        seed: 0,
        weigh: [modelRefusal],
        ...call,
      };
      const generated = await generateAnswer(parts.scheduler, generator, request, parts.clock.monotonic).catch(unlessTooLong);
      if (generated === undefined) return undefined;
      onGenerated(generated);
      const { promptTokens, cachedTokens, prefillMs } = generated.final.usage;
      parts.pace?.add(generator.model.hash, promptTokens - cachedTokens, prefillMs);
      return generated.final.weights?.[0];
    }),
  );
  const scores = refusals.map((refusal) => (refusal === undefined ? 0 : -refusal));
  return [...byScore(scored, scores), ...hits.slice(scored.length)];
}

function unlessTooLong(error: unknown): undefined {
  if (!isTooLong(error)) throw error;
  return undefined;
}

/** The first of the prompts, as many as hold so many tokens together at most. */
async function withinTokens(
  { tokenizer }: Generator,
  prompts: readonly AnswerPrompt[],
  budgetTokens: number,
  signal: AbortSignal,
): Promise<readonly AnswerPrompt[]> {
  const counts = await Promise.all(prompts.map(async ({ prompt }) => (await tokenizer.tokenizePrompt(prompt, signal)).tokens.length));
  let used = 0;
  const end = counts.findIndex((tokens) => (used += tokens) > budgetTokens);
  return end === -1 ? prompts : prompts.slice(0, end);
}

/** Characters of a token, for what is longer than a cross-encoder reads: the first that fit, of most writing, of some, of any. */
const charactersOfToken = [Number.POSITIVE_INFINITY, 3, 1, 0.25];

/** Of what is longer than it reads, the beginning. */
async function scoreByCrossEncoder(
  parts: QueryParts,
  query: string,
  hits: readonly Hit[],
  name: string | undefined,
  call: EngineCall,
): Promise<readonly number[]> {
  // Loading it makes the lane.
  const { model } = await parts.reranker(name);
  const passages = hits.map(({ title, headingPath, tableHeader, text }) =>
    [...new Set([title ?? '', ...headingPath]), tableHeader ?? '', text].filter((part) => part !== '').join('\n'),
  );
  for (const characters of charactersOfToken) {
    const most = Math.floor(model.maxInputTokens * characters);
    const asked = beginning(query, most / 2);
    const read = passages.map((passage) => beginning(passage, most - asked.length));
    const scores = await score(parts, asked, read, call).catch(unlessTooLong);
    if (scores !== undefined) return scores;
  }
  return score(parts, query, passages, call);
}

function beginning(text: string, most: number): string {
  return text.length <= most ? text : text.slice(0, Math.max(1, most)).toWellFormed();
}

async function score(
  { scheduler }: QueryParts,
  query: string,
  passages: readonly string[],
  { class: workClass, tenant, signal, deadline }: EngineCall,
): Promise<readonly number[]> {
  const bytes = passages.reduce((sum, passage) => sum + (passage.length + query.length) * 2, 0);
  const handle = scheduler.submit({
    lane: 'rerank',
    class: workClass,
    tenant,
    input: { query, passages },
    cost: { tokens: Math.ceil(bytes / 8), items: 1, bytes },
    signal,
    ...(deadline === undefined ? {} : { deadline }),
    deliver: 'final',
  });
  return [...(await handle.result())];
}

function byScore(hits: readonly Hit[], scores: readonly number[]): Hit[] {
  return hits
    .map((hit, index) => ({ hit, score: scores[index] ?? 0, index }))
    .sort((a, b) => b.score - a.score || a.index - b.index)
    .map(({ hit }) => hit);
}
