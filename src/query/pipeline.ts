import { MillraceError } from '../errors.ts';
import type { Answer, SearchOptions, SearchResult, StageTimings, Usage } from '../spec/answers.ts';
import type { WorkClass } from '../spec/engine.ts';
import type { Deadline } from '../spec/time.ts';
import type { Permit } from '../spec/work.ts';
import type { AnswerEventBody } from './caches.ts';
import { checkAnswer, citationsOf, type Use } from './cite.ts';
import { fitContext } from './context.ts';
import { generateAnswer } from './generate.ts';
import type { QueryParts } from './parts.ts';
import { answerPrompt, refusal } from './prompt.ts';
import { quoteAnswer } from './quotes.ts';
import { pipelineOf, queryDefaults, type ResolvedPipeline } from './resolve-pipeline.ts';
import { retrieveShared } from './shared-retrieval.ts';
import { questionCosts, searchCosts, withPermit } from './with-permit.ts';

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
}

function checkQuestion(question: string, what: string): string {
  const trimmed = question.trim();
  if (!/[\p{L}\p{N}]/u.test(trimmed)) {
    const message = trimmed === '' ? `The ${what} is empty.` : `The ${what} holds no word.`;
    throw new MillraceError('E_INPUT_INVALID', message, { remedy: `Give a ${what} with at least one word.` });
  }
  return trimmed;
}

/** Nothing was found: is it because of a name that no collection has? An empty record has none, and that is no mistake. */
async function requireCollection({ store }: QueryParts, collection: string): Promise<void> {
  const names = (await store.collections()).map((one) => one.collection);
  if (names.length === 0 || names.includes(collection)) return;
  throw new MillraceError('E_NOT_FOUND', `There is no collection "${collection}" in this directory.`, {
    remedy: `Correct the name; there ${names.length === 1 ? 'is' : 'are'} ${names.slice(0, 20).join(', ')}.`,
    details: { collection, collections: names.slice(0, 20) },
  });
}

/** Hits for a query, best first. */
export async function searchDocuments(parts: QueryParts, query: string, options: SearchOptions, call: Call): Promise<SearchResult> {
  const started = parts.clock.monotonic();
  const { limit, searchDepth: depth } = queryDefaults;
  const { retrieve: section } = pipelineOf({
    ...options,
    pipeline: { ...options.pipeline, retrieve: { limit, depth, feedback: true, ...options.pipeline?.retrieve } },
  });
  const { collection } = section;
  const asked = checkQuestion(query, 'query');
  const work = { class: 'interactive', tenant: options.tenant, cache: options.cache, ...call } as const;
  const { hits, notices, timings } = await withPermit(parts.scheduler, { ...work, costs: searchCosts(asked, section) }, (permit) =>
    retrieveShared(parts, section, { query: asked, ...work, permit }),
  );
  if (hits.length === 0) await requireCollection(parts, collection);
  return { query, collection, hits, notices, timings: { ...timings, totalMs: parts.clock.monotonic() - started } };
}

type Emit = (event: AnswerEventBody) => Promise<void>;

/**
 * One question, from retrieval to a checked answer: admission → retrieve → context → generate → cite. `emit` gets the parts in order, all
 * but the end; without it nothing is told before the end, so that generating may be repeated after a crash.
 */
export async function answerQuestion(
  parts: QueryParts,
  question: string,
  pipeline: ResolvedPipeline,
  call: QuestionCall,
  emit: Emit | undefined,
): Promise<Answer> {
  const asked = checkQuestion(question, 'question');
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

  const retrieved = await retrieveShared(parts, pipeline.retrieve, { query: asked, ...work });
  if (retrieved.hits.length === 0) await requireCollection(parts, collection);
  await emit?.({ type: 'sources', hits: retrieved.hits, timings: { ...retrieved.timings, totalMs: clock.monotonic() - started } });

  const drafted = await draft(parts, asked, retrieved.hits, pipeline, work, emit);
  const citing = clock.monotonic();
  const citations = await citationsOf(drafted.uses, drafted.hits, store);
  const timings: StageTimings = {
    ...retrieved.timings,
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
    hits: retrieved.hits,
    model: drafted.model,
    usage: drafted.usage,
    notices: retrieved.notices,
    timings,
    startedAt,
    endedAt: new Date(clock.now()).toISOString(),
  };
}

interface Draft {
  readonly text: string;
  readonly abstained: boolean;
  readonly unsupported: readonly string[];
  readonly uses: readonly Use[];
  /** What `uses` point into. */
  readonly hits: Answer['hits'];
  readonly model: string;
  readonly usage: Usage;
  readonly timings: Partial<StageTimings>;
}

const noUsage: Usage = { promptTokens: 0, cachedTokens: 0, outputTokens: 0 };

async function draft(
  parts: QueryParts,
  question: string,
  hits: Answer['hits'],
  pipeline: ResolvedPipeline,
  call: AdmittedCall,
  emit: Emit | undefined,
): Promise<Draft> {
  const { clock } = parts;
  const quotesOnly = pipeline.generate.by === 'quotes';
  if (quotesOnly || hits.length === 0) {
    const quoted = quoteAnswer(question, hits);
    await emit?.({ type: 'answer-delta', text: quoted.text });
    return { ...quoted, unsupported: [], hits, model: quotesOnly ? 'quotes' : 'none', usage: noUsage, timings: {} };
  }
  const loading = clock.monotonic();
  const generator = await parts.generator((event) => {
    if (event.type === 'model-loading') void emit?.(event).catch(() => undefined);
  }, pipeline.generate.model);
  const modelMs = clock.monotonic() - loading;
  const context = await fitContext(question, hits, pipeline.context.tokens, generator.tokenizer, call.signal);
  const generated = await generateAnswer(
    parts.scheduler,
    generator,
    {
      prompt: answerPrompt(question, context.passages),
      maxTokens: pipeline.generate.maxTokens,
      temperature: pipeline.generate.temperature,
      seed: pipeline.generate.seed,
      ...call,
      ...(emit === undefined ? {} : { onText: (text) => emit({ type: 'answer-delta', text }) }),
    },
    clock.monotonic,
  );
  const checked = checkAnswer(generated.final.text.trim(), context.hits);
  const { usage } = generated.final;
  return {
    text: checked.abstained ? refusal : checked.text,
    abstained: checked.abstained,
    unsupported: checked.unsupported,
    uses: checked.uses,
    hits: [...context.hits],
    model: generator.model.id,
    usage: { promptTokens: usage.promptTokens, cachedTokens: usage.cachedTokens, outputTokens: usage.outputTokens },
    timings: {
      modelMs,
      queuedMs: generated.timings.queuedMs,
      prefillMs: usage.prefillMs,
      decodeMs: usage.decodeMs,
      ...(generated.firstTokenMs === undefined ? {} : { firstTokenMs: generated.firstTokenMs }),
    },
  };
}
