import { MillraceError } from '../errors.ts';
import type { Answer, AnswerEvent, AskOptions, SearchOptions, SearchResult, StageTimings, Usage } from '../spec/answers.ts';
import type { WorkClass } from '../spec/engine.ts';
import type { SearchScope } from '../spec/store.ts';
import type { Deadline } from '../spec/time.ts';
import { checkAnswer, citationsOf, type Use } from './cite.ts';
import { fitContext } from './context.ts';
import { generateAnswer } from './generate.ts';
import type { QueryParts } from './parts.ts';
import { answerPrompt, refusal } from './prompt.ts';
import { quoteAnswer } from './quotes.ts';
import { retrieve } from './retrieve.ts';

/** Defaults of a question. `contextTokens` is what a 1.5B model prefills in about 8 s on two cores. */
export const queryDefaults = { collection: 'default', limit: 10, askLimit: 6, maxTokens: 200, contextTokens: 320 } as const;

interface Call {
  readonly signal: AbortSignal;
  readonly deadline?: Deadline | undefined;
}

function scopeOf(options: SearchOptions): SearchScope {
  return {
    collection: options.collection ?? queryDefaults.collection,
    ...(options.filter === undefined ? {} : { filter: options.filter }),
  };
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
  const { hits, notices, timings } = await retrieve(parts, {
    query: checkQuestion(query, 'query'),
    scope: scopeOf(options),
    limit: options.limit ?? queryDefaults.limit,
    mode: options.mode ?? 'hybrid',
    class: 'interactive',
    tenant: options.tenant,
    ...call,
  });
  const collection = options.collection ?? queryDefaults.collection;
  if (hits.length === 0) await requireCollection(parts, collection);
  return { query, collection, hits, notices, timings: { ...timings, totalMs: parts.clock.monotonic() - started } };
}

type AnswerEventBody = AnswerEvent extends infer Each ? (Each extends AnswerEvent ? Omit<Each, 'sequence' | 'at'> : never) : never;

type Emit = (event: AnswerEventBody) => Promise<void>;

/**
 * One question, from retrieval to a checked answer: retrieve → context → generate → cite. `emit` gets the parts in order, all but the end;
 * without it nothing is told before the end, so that generating may be repeated after a crash.
 */
export async function answerQuestion(
  parts: QueryParts,
  question: string,
  options: AskOptions,
  call: Call,
  emit: Emit | undefined,
): Promise<Answer> {
  const { clock, store } = parts;
  const startedAt = new Date(clock.now()).toISOString();
  const started = clock.monotonic();
  const asked = checkQuestion(question, 'question');
  const workClass: WorkClass = options.class ?? 'interactive';

  const retrieved = await retrieve(parts, {
    query: asked,
    scope: scopeOf(options),
    limit: options.limit ?? queryDefaults.askLimit,
    mode: options.mode ?? 'hybrid',
    class: workClass,
    tenant: options.tenant,
    ...call,
  });
  if (retrieved.hits.length === 0) await requireCollection(parts, options.collection ?? queryDefaults.collection);
  await emit?.({ type: 'sources', hits: retrieved.hits, timings: { ...retrieved.timings, totalMs: clock.monotonic() - started } });

  const drafted = await draft(parts, asked, retrieved.hits, options, workClass, call, emit);
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
    collection: options.collection ?? queryDefaults.collection,
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
  options: AskOptions,
  workClass: WorkClass,
  call: Call,
  emit: Emit | undefined,
): Promise<Draft> {
  const { clock } = parts;
  if (options.quotesOnly === true || hits.length === 0) {
    const quoted = quoteAnswer(question, hits);
    await emit?.({ type: 'answer-delta', text: quoted.text });
    return { ...quoted, unsupported: [], hits, model: options.quotesOnly === true ? 'quotes' : 'none', usage: noUsage, timings: {} };
  }
  const loading = clock.monotonic();
  const generator = await parts.generator((event) => {
    if (event.type === 'model-loading') void emit?.(event).catch(() => undefined);
  });
  const modelMs = clock.monotonic() - loading;
  const context = await fitContext(question, hits, options.contextTokens ?? queryDefaults.contextTokens, generator.tokenizer, call.signal);
  const generated = await generateAnswer(
    parts.scheduler,
    generator,
    {
      prompt: answerPrompt(question, context.passages),
      maxTokens: options.maxTokens ?? queryDefaults.maxTokens,
      temperature: options.temperature ?? 0,
      seed: options.seed ?? 0,
      class: workClass,
      tenant: options.tenant,
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
