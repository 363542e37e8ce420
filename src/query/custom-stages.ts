import { MillraceError } from '../errors.ts';
import type { Hit } from '../spec/answers.ts';
import type { Tokenizer } from '../spec/engine.ts';
import type { Stage, StageCall } from '../spec/stages.ts';
import { untilAborted } from '../util/until-aborted.ts';
import type { QueryParts } from './parts.ts';
import type { ResolvedPipeline, StageReference } from './resolve-pipeline.ts';
import type { Retrieved, RetrieveRequest } from './retrieve.ts';
import { retrieveShared } from './shared-retrieval.ts';

type Kind = Stage['kind'];
type StageOf<K extends Kind> = Extract<Stage, { kind: K }>;

/** The hits of a question: by the search of the record, or by the stages that the pipeline names, before it, in its place and after it. */
export async function findHits(parts: QueryParts, pipeline: ResolvedPipeline, request: RetrieveRequest): Promise<Retrieved> {
  const { rewrite, retrieve, rerank } = pipeline.stages;
  const { query: question } = request;
  const seen = new Map<number, Hit>();
  const call: StageCall = {
    signal: request.signal,
    async search(query, { mode, limit, filter } = {}) {
      const { retrieve: section } = pipeline;
      const narrowed = { ...section, mode: mode ?? section.mode, limit: limit ?? section.limit, filter: filter ?? section.filter };
      const { hits } = await retrieveShared(parts, { ...narrowed, depth: Math.max(section.depth, narrowed.limit) }, { ...request, query });
      for (const hit of hits) seen.set(hit.chunk, hit);
      return hits;
    },
  };
  const query =
    rewrite === undefined ? question : await runStage(parts, rewrite, 'rewrite', request.signal, (stage) => stage.run({ question }, call));
  if (query.trim() === '') throw failed(rewrite, 'it gave nothing to search for');
  let retrieved: Retrieved;
  if (retrieve === undefined) retrieved = await retrieveShared(parts, pipeline.retrieve, { ...request, query });
  else {
    const { limit } = pipeline.retrieve;
    const chosen = await runStage(parts, retrieve, 'retrieve', request.signal, (stage) => stage.run({ question: query, limit }, call));
    retrieved = { hits: ranked(retrieve, chosen.slice(0, limit), seen), notices: [], timings: {} };
  }
  if (rerank === undefined || retrieved.hits.length === 0) return retrieved;
  const given = new Map(retrieved.hits.map((hit) => [hit.chunk, hit]));
  const hits = await runStage(parts, rerank, 'rerank', request.signal, (stage) =>
    stage.run({ question, hits: structuredClone(retrieved.hits) }, call),
  );
  return { ...retrieved, hits: ranked(rerank, hits, given) };
}

/** The text of an answer by the stage that takes the place of the generator. */
export function generateByStage(
  parts: QueryParts,
  reference: StageReference,
  input: Parameters<StageOf<'generate'>['run']>[0],
  signal: AbortSignal,
): Promise<string> {
  const search = (): Promise<never> => Promise.reject(new MillraceError('E_STAGE_FAILED', 'A stage that generates does not search.'));
  return runStage(parts, reference, 'generate', signal, (stage) => stage.run(input, { signal, search }));
}

/** Where no tokenizer is known a token is four characters. */
export const roughTokenizer: Pick<Tokenizer, 'countTokens'> = {
  countTokens: (texts) => Promise.resolve(Uint32Array.from(texts, (text) => Math.ceil(text.length / 4))),
};

/** The hits that a stage named, as the record gave them, ranked anew: a stage decides about passages, not about what stands in them. */
function ranked(reference: StageReference, chosen: readonly Pick<Hit, 'chunk'>[], known: ReadonlyMap<number, Hit>): Hit[] {
  const chunks = new Set(chosen.map(({ chunk }) => chunk));
  return [...chunks].map((chunk, index) => {
    const hit = known.get(chunk);
    if (hit === undefined) throw failed(reference, `it gave the passage ${chunk}, which no search gave it`);
    return { ...hit, rank: index + 1 };
  });
}

async function runStage<K extends Kind, Result>(
  { stages = {} }: QueryParts,
  reference: StageReference,
  kind: K,
  signal: AbortSignal,
  run: (stage: StageOf<K>) => Result | Promise<Result>,
): Promise<Result> {
  const stage = stages[reference.name];
  if (stage?.kind !== kind) throw failed(reference, 'it is not registered here');
  signal.throwIfAborted();
  try {
    return await untilAborted(Promise.resolve(run(stage as StageOf<K>)), signal);
  } catch (error) {
    if (error instanceof MillraceError || signal.aborted) throw error;
    throw failed(reference, error instanceof Error ? error.message : String(error), error);
  }
}

function failed(reference: StageReference | undefined, reason: string, cause?: unknown): MillraceError {
  return new MillraceError('E_STAGE_FAILED', `The stage "${reference?.name ?? ''}" failed: ${reason.replace(/\.$/u, '')}.`, {
    cause,
    details: { stage: reference?.name ?? null },
  });
}
