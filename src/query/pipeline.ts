import { MillraceError } from '../errors.ts';
import type { Answer, SearchOptions, SearchResult, StageTimings } from '../spec/answers.ts';
import type { WorkClass } from '../spec/engine.ts';
import { indexingSetting, saysIndexing } from '../spec/indexing.ts';
import type { Deadline } from '../spec/time.ts';
import type { Permit } from '../spec/work.ts';
import type { AnswerEventBody } from './caches.ts';
import { forThisMachine } from './choose-rerank.ts';
import { citationsOf } from './cite.ts';
import { findHits } from './custom-stages.ts';
import { draftAnswer } from './draft.ts';
import { injectionNotice } from './injection.ts';
import type { QueryParts } from './parts.ts';
import { pipelineOf, queryDefaults, type ResolvedPipeline } from './resolve-pipeline.ts';
import { promptFamilyOf } from './prompt.ts';
import { orderByLikelihood, rerank } from './rerank.ts';
import type { Retrieved, RetrieveRequest } from './retrieve.ts';
import { questionCosts, rankedSearchCosts, withPermit } from './with-permit.ts';

interface Call {
  readonly signal: AbortSignal;
  readonly deadline?: Deadline | undefined;
}

/** How a question is put to work; its class is `interactive` where none is given. */
export interface QuestionCall extends Call {
  readonly class?: WorkClass | undefined;
  readonly tenant?: string | undefined;
  /** False shares nothing and uses no cache; true keeps the answer too. */
  readonly cache?: boolean | undefined;
  /** Told of each piece of text that the model writes, whether it is told as text or not. */
  readonly onToken?: (() => void) | undefined;
}

function checkQuestion(question: string, what: string): string {
  const trimmed = question.trim();
  if (!/[\p{L}\p{N}]/u.test(trimmed)) {
    const message = trimmed === '' ? `The ${what} is empty.` : `The ${what} holds no word.`;
    throw new MillraceError('E_INPUT_INVALID', message, { remedy: `Give a ${what} with at least one word.` });
  }
  return trimmed;
}

/**
 * Nothing was found: is it because there is nothing at all, or because of a name that no collection has? While the collection's first
 * documents are being read it is neither: a notice tells how far that is.
 */
async function requireDocuments({ store }: QueryParts, collection: string): Promise<void> {
  const indexing = indexingSetting(collection);
  if (saysIndexing(indexing, await store.readSetting(indexing))) return;
  const collections = await store.collections();
  if (collections.every(({ sources }) => sources === 0)) throw new MillraceError('E_NO_DOCUMENTS', 'There are no documents yet.');
  const names = collections.map((one) => one.collection);
  if (names.includes(collection)) return;
  throw new MillraceError('E_NOT_FOUND', `There is no collection "${collection}" in this directory.`, {
    remedy: `Correct the name; there ${names.length === 1 ? 'is' : 'are'} ${names.slice(0, 20).join(', ')}.`,
    details: { collection, collections: names.slice(0, 20) },
  });
}

/** Hits for a query, best first. */
export async function searchDocuments(parts: QueryParts, query: string, options: SearchOptions, call: Call): Promise<SearchResult> {
  const started = parts.clock.monotonic();
  const { limit } = queryDefaults;
  // What is fused and searched again with is taken from deeper than what is given.
  const isFused = (options.mode ?? options.pipeline?.retrieve?.mode ?? 'hybrid') === 'hybrid';
  const depth = isFused ? queryDefaults.searchDepth : queryDefaults.depth;
  const given = { ...options.pipeline, retrieve: { limit, depth, feedback: true, ...options.pipeline?.retrieve } };
  const resolved = pipelineOf({ ...options, pipeline: given }, { stages: parts.stages });
  const { collection } = resolved.retrieve;
  const asked = checkQuestion(query, 'query');
  const pipeline = forThisMachine(parts, resolved, asked);
  const work = { class: 'interactive', tenant: options.tenant, cache: options.cache, ...call } as const;
  const byModel = pipeline.rerank.by === 'model';
  const found = await withPermit(parts.scheduler, { ...work, costs: rankedSearchCosts(asked, pipeline) }, async (permit) => {
    const request = { query: asked, ...work, permit };
    const ranked = await findRanked(parts, pipeline, request);
    return byModel ? rankByModel(parts, pipeline, ranked, request) : ranked;
  });
  if (found.hits.length === 0) await requireDocuments(parts, collection);
  return { ...found, query, collection, timings: { ...found.timings, totalMs: parts.clock.monotonic() - started } };
}

/** The hits of a pipeline in their last order. */
async function findRanked(parts: QueryParts, pipeline: ResolvedPipeline, request: RetrieveRequest): Promise<Retrieved> {
  const retrieved = await findHits(parts, pipeline, request);
  // By the model they are ordered where they are read, or by `rankByModel`.
  if (pipeline.rerank.by === 'none' || pipeline.rerank.by === 'model') return retrieved;
  const reranking = parts.clock.monotonic();
  const hits = [...(await rerank(parts, request.query, retrieved.hits, pipeline.rerank, request))];
  return { ...retrieved, hits, timings: { ...retrieved.timings, rerankMs: parts.clock.monotonic() - reranking } };
}

/** The same by the generator, for a search: an answer orders them where it reads them. */
async function rankByModel(
  parts: QueryParts,
  { generate, rerank: section }: ResolvedPipeline,
  found: Retrieved,
  { query, ...call }: RetrieveRequest,
): Promise<Retrieved> {
  const started = parts.clock.monotonic();
  const generator = await parts.generator(() => undefined, generate.model);
  parts.pace?.isNamed(generator.model.hash, generate.model);
  const family = generate.prompt ?? promptFamilyOf(generator.model.id);
  const ordered = await orderByLikelihood(parts, generator, query, found.hits, section, family, call, () => undefined);
  const hits = ordered.map((hit, index) => ({ ...hit, rank: index + 1 }));
  return { ...found, hits, timings: { ...found.timings, rerankMs: parts.clock.monotonic() - started } };
}

type Emit = (event: AnswerEventBody) => Promise<void>;

/**
 * One question, from retrieval to a checked answer: admission → retrieve → draft (context → generate → verify) → cite. `emit` gets the
 * parts in order, all but the end; without it nothing is told before the end, so that generating may be repeated after a crash.
 */
export async function answerQuestion(
  parts: QueryParts,
  question: string,
  resolved: ResolvedPipeline,
  call: QuestionCall,
  emit: Emit | undefined,
): Promise<Answer> {
  const asked = checkQuestion(question, 'question');
  const pipeline = forThisMachine(parts, resolved, asked);
  const work = { ...call, class: call.class ?? 'interactive' };
  return withPermit(parts.scheduler, { ...work, costs: questionCosts(asked, pipeline) }, (permit) =>
    answerAdmitted(parts, question, pipeline, { ...work, permit }, emit),
  );
}

type AdmittedCall = QuestionCall & { readonly class: WorkClass; readonly permit: Permit };

async function answerAdmitted(
  parts: QueryParts,
  question: string,
  pipeline: ResolvedPipeline,
  work: AdmittedCall,
  emit: Emit | undefined,
): Promise<Answer> {
  const { clock, store } = parts;
  const startedAt = new Date(clock.now()).toISOString();
  const started = clock.monotonic();
  const asked = question.trim();
  const { collection } = pipeline.retrieve;
  const language = parts.languages.detect(asked);

  const { hits, notices, timings: found } = await findRanked(parts, pipeline, { query: asked, ...work });
  if (hits.length === 0) await requireDocuments(parts, collection);
  await emit?.({ type: 'sources', hits, timings: { ...found, totalMs: clock.monotonic() - started } });

  const drafted = await draftAnswer(parts, asked, hits, pipeline, work, emit);
  const injected = await injectionNotice([...hits.filter((hit) => !drafted.hits.some(({ rank }) => rank === hit.rank)), ...drafted.hits]);
  const citing = clock.monotonic();
  const citations = await citationsOf(drafted.uses, drafted.hits, store, { question: asked, language });
  const timings: StageTimings = {
    ...found,
    ...drafted.timings,
    citeMs: clock.monotonic() - citing,
    totalMs: clock.monotonic() - started,
  };
  return {
    question,
    collection,
    answer: drafted.text,
    abstained: drafted.abstained,
    citations,
    unsupported: [...drafted.unsupported],
    ...(language === undefined ? {} : { language }),
    ...drafted.verification,
    hits,
    model: drafted.model,
    usage: drafted.usage,
    notices: [...notices, ...(injected === undefined ? [] : [injected])],
    timings,
    startedAt,
    endedAt: new Date(clock.now()).toISOString(),
  };
}
