import { resolve as resolvePath } from 'node:path';
import { check, parse } from './check-arguments.ts';
import { chunkOptionsFor } from './chunk/chunk-options-for.ts';
import { chunkerHash } from './chunk/chunker-hash.ts';
import { MillraceError, toMillraceError } from './errors.ts';
import { estimateIngest } from './ingest/estimate-ingest.ts';
import type { IngestParts } from './ingest/ingest-run.ts';
import { ingest } from './ingest/pipeline.ts';
import type { Embedder } from './spec/engine.ts';
import { estimateOptions } from './spec/estimates.ts';
import { recordedSources } from './ingest/recorded-sources.ts';
import { createLanguageDetector } from './language/detect-language.ts';
import type { LoadedEngines } from './loaded-engines.ts';
import type { Metrics } from './metrics/metrics.ts';
import { createDocuments } from './mill-documents.ts';
import { createOpenCalls } from './open-calls.ts';
import { parallelArguments } from './parallel-arguments.ts';
import { resolvePipelines } from './query/parallel-run.ts';
import { createQueryCaches } from './query/caches.ts';
import { embedMany } from './query/embed-many.ts';
import { searchDocuments } from './query/pipeline.ts';
import { type PipelineDefaults, pipelineOf } from './query/resolve-pipeline.ts';
import { readAhead } from './query/read-ahead.ts';
import { promptVersion } from './query/prompt.ts';
import { createReadingPace } from './query/reading-pace.ts';
import { answerCaller } from './query/shared-answer.ts';
import { createRuns } from './runs/runs.ts';
import type { Activity } from './spec/activity.ts';
import type { CacheOptions } from './spec/caches.ts';
import { type Answer, type AnswerEvent, askOptions, questionText, searchOptions } from './spec/answers.ts';
import type { ChunkOptions } from './spec/chunk.ts';
import { embedOptions, type IngestOptions, ingestOptions, type Mill, textList, updateOptions } from './spec/mill.ts';
import type { FaultPoints } from './spec/faults.ts';
import type { RunId } from './spec/identifiers.ts';
import type { Stages } from './spec/stages.ts';
import { askManyOptions, parallelRunOptions, resumeOptions, retryChoice, type RunEvent, type RunSummary } from './spec/runs.ts';
import { tableOptions, tableQuestions } from './spec/tables.ts';
import type { IngestEvent, IngestSummary } from './spec/events.ts';
import type { DocumentParser } from './spec/parser.ts';
import type { Store } from './spec/store.ts';
import type { PrefixKeeper } from './spec/prefixes.ts';
import { readOptions, type ReadEvent, type ReadSummary } from './spec/reading.ts';
import { shortestLimit } from './spec/time.ts';
import type { Scheduler } from './spec/work.ts';
import type { Clock } from './util/clock.ts';
import { createEventStream } from './util/event-stream.ts';
import type { Random } from './util/random.ts';

export interface MillParts {
  readonly directory: string;
  /** Relative paths are meant from here. */
  readonly workingDirectory: string;
  readonly store: Store;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly random: Random;
  readonly parser: Pick<DocumentParser, 'optionsHash' | 'formats' | 'ocr'>;
  readonly engines: LoadedEngines;
  readonly questionDefaults: PipelineDefaults;
  /** Prefixes of prompts that are kept beyond the KV cache. Default: none are. */
  readonly prefixes?: Pick<PrefixKeeper, 'status' | 'purge'> & { readonly swept: () => Promise<void> };
  /** Told which passages a question was about. */
  readonly asked?: (hits: Answer['hits']) => void;
  readonly stages?: Stages;
  readonly metrics: Pick<Metrics, 'text' | 'source'>;
  readonly activity: () => Promise<Activity | null>;
  /** Named steps at which tests end the process. Default: none. */
  readonly faults?: FaultPoints;
  readonly caches?: CacheOptions;
  /** Ends engines, parsers and store; called once, when no call is open any more. */
  close(): Promise<void>;
}

/** The public object over its parts: checks arguments, bounds every call by its signal and deadline, numbers events. */
export function createMill(parts: MillParts): Mill {
  const { store, scheduler, clock, engines } = parts;
  const calls = createOpenCalls(clock);
  const caches = createQueryCaches(parts.caches);
  parts.metrics.source((set) => {
    for (const [cache, { hits, misses, shared, bytes }] of Object.entries(caches.statistics())) {
      for (const [outcome, requests] of Object.entries({ hit: hits, miss: misses, shared }))
        set('millrace_cache_requests_total', requests, { cache, outcome });
      set('millrace_cache_bytes', bytes, { cache });
    }
  });
  const languages = createLanguageDetector();
  const { stages = {} } = parts;
  const pipelineDefaults = { ...parts.questionDefaults, stages };
  const query = {
    store,
    scheduler,
    clock,
    languages,
    pace: createReadingPace(),
    caches,
    stages,
    embedder: engines.searchEmbedder,
    generator: engines.generator,
    reranker: engines.reranker,
  };
  const runs = createRuns({ ...parts, query, calls });
  let closing: Promise<void> | undefined;

  /** What ingestion works with; the embedder is loaded when it is first needed. */
  function ingestPartsFor(signal: AbortSignal, load: () => Promise<Embedder>): IngestParts {
    const chunking = createLateChunker();
    return {
      ...parts,
      chunker: chunking.chunker,
      async embedder() {
        signal.throwIfAborted();
        const embedder = await load();
        chunking.decide(chunkOptionsFor(embedder.model.maxInputTokens));
        return embedder;
      },
    };
  }

  function ingestInto(
    collection: string,
    sources: Parameters<typeof ingest>[0],
    options: IngestOptions & { readonly signal: AbortSignal },
  ) {
    return ingest(
      sources,
      options,
      ingestPartsFor(options.signal, () => engines.ingestEmbedder(collection)),
    );
  }

  function close(): Promise<void> {
    calls.close();
    return (closing ??= parts.close());
  }

  return {
    ingest(sources, options = {}) {
      try {
        const { checked, signal } = check(ingestOptions.strict(), options, 'ingest options');
        const until = signal === undefined ? calls.closing : AbortSignal.any([signal, calls.closing]);
        return ingestInto(checked.collection ?? 'default', sources, { ...checked, signal: until });
      } catch (error) {
        return failedIngest(toMillraceError(error), clock);
      }
    },

    ask(question, options = {}) {
      let sequence = 0;
      const stamp = () => ({ sequence: ++sequence, at: new Date(clock.now()).toISOString() });
      return createEventStream<AnswerEvent, Answer>(
        async (producer) => {
          const { checked } = check(askOptions.strict(), options, 'options of the question');
          const text = parse(questionText, question, 'question');
          const pipeline = pipelineOf(checked, pipelineDefaults);
          const answer = await calls.run({ signal: producer.signal, timeoutMs: checked.timeoutMs }, (call) =>
            answerCaller(
              query,
              text,
              pipeline,
              { ...call, class: checked.class, tenant: checked.tenant, cache: checked.cache, timeouts: checked.timeouts },
              async (event) => {
                call.signal.throwIfAborted();
                await producer.emit({ ...event, ...stamp() });
              },
            ),
          );
          parts.asked?.(answer.hits);
          await producer.emit({ type: 'answer-end', ...stamp(), answer });
          return answer;
        },
        {
          ...(options.signal instanceof AbortSignal ? { signal: options.signal } : {}),
          failed: (error) => ({ type: 'answer-failed', ...stamp(), error: toMillraceError(error).toJSON() }),
        },
      );
    },

    read(sources, options = {}) {
      let sequence = 0;
      const stamp = () => ({ sequence: ++sequence, at: new Date(clock.now()).toISOString() });
      return createEventStream<ReadEvent, ReadSummary>(
        async (producer) => {
          const { checked } = check(readOptions.strict(), options, 'options of read');
          const names = parse(textList, sources, 'sources');
          const end = await calls.run({ signal: producer.signal, timeoutMs: shortestLimit(checked) }, ({ signal }) =>
            readAhead(query, {
              sources: names.map((name) => [name, resolvePath(parts.workingDirectory, name)]),
              options: checked,
              signal,
              emit: (event) => producer.emit({ ...event, ...stamp() }),
            }),
          );
          const summary = { ...end, ...stamp() };
          await producer.emit(summary);
          return summary;
        },
        {
          ...(options.signal instanceof AbortSignal ? { signal: options.signal } : {}),
          failed: (error) => ({ type: 'read-failed', ...stamp(), error: toMillraceError(error).toJSON() }),
        },
      );
    },

    async search(text, options = {}) {
      const { checked, signal } = check(searchOptions.strict(), options, 'search options');
      const words = parse(questionText, text, 'query');
      return calls.run({ signal, timeoutMs: shortestLimit(checked) }, (call) => searchDocuments(query, words, checked, call));
    },

    async embedMany(texts, options = {}) {
      const { checked, signal } = check(embedOptions.strict(), options, 'options of embedMany');
      const list = parse(textList, texts, 'texts');
      return calls.run({ signal, timeoutMs: shortestLimit(checked) }, async (call) =>
        embedMany(scheduler, await engines.embedderNamed(checked.embedder), list, { kind: checked.kind ?? 'passage', ...call }),
      );
    },

    documents: {
      ...createDocuments({ store, clock, calls, prefixes: parts.prefixes, forgetTexts: caches.forgetTexts }),
      update(options = {}) {
        try {
          const { checked, signal } = check(updateOptions.strict(), options, 'options of update');
          const { keys, failed, collection = 'default', ...rest } = checked;
          const until = signal === undefined ? calls.closing : AbortSignal.any([signal, calls.closing]);
          const sources = recordedSources(store, collection, { keys, failed });
          // What failed is tried again, whatever the record says of it.
          return ingestInto(collection, sources, { ...rest, collection, signal: until, ...(failed === true ? { reread: true } : {}) });
        } catch (error) {
          return failedIngest(toMillraceError(error), clock);
        }
      },
    },

    askMany(questions, options = {}) {
      try {
        const { checked, signal } = check(askManyOptions.strict(), options, 'options of askMany');
        return runs.askMany(questions, checked, signal);
      } catch (error) {
        return failedRun(toMillraceError(error), clock);
      }
    },

    table(questions, options = {}) {
      try {
        const { checked, signal } = check(tableOptions.strict(), options, 'options of table');
        return runs.table(parse(tableQuestions, questions, 'questions'), checked, signal);
      } catch (error) {
        return failedRun(toMillraceError(error), clock);
      }
    },

    parallelRun: (...given: readonly unknown[]) => {
      try {
        const { work, options } = parallelArguments(given);
        const { checked, signal } = check(parallelRunOptions.strict(), options, 'options of parallelRun');
        resolvePipelines(work.pipelines, pipelineDefaults);
        return runs.parallelRun(work, checked, signal);
      } catch (error) {
        return failedRun(toMillraceError(error), clock);
      }
    },

    estimate: {
      async askMany(questions, options = {}) {
        const { checked, signal } = check(askManyOptions.extend(estimateOptions.shape).strict(), options, 'options of estimate');
        return calls.run({ signal }, (call) => runs.estimateQuestions(questions, checked, call.signal));
      },
      async table(questions, options = {}) {
        const { checked, signal } = check(tableOptions.extend(estimateOptions.shape).strict(), options, 'options of estimate');
        const list = parse(tableQuestions, questions, 'questions');
        return calls.run({ signal }, (call) => runs.estimateTable(list, checked, call.signal));
      },
      async ingest(sources, options = {}) {
        const { checked, signal } = check(ingestOptions.extend(estimateOptions.shape).strict(), options, 'options of estimate');
        return calls.run({ signal, timeoutMs: shortestLimit(checked) }, (call) =>
          estimateIngest(
            sources,
            checked,
            // An estimate decides nothing about a collection.
            ingestPartsFor(call.signal, async () =>
              engines.embedderNamed((await engines.collectionEmbedder(checked.collection ?? 'default'))?.id),
            ),
            { signal: call.signal, leastItems: checked.leastItems ?? 0 },
          ),
        );
      },
    },

    runs: {
      list: () => calls.run({}, runs.list),
      show: (id) => calls.run({}, () => runs.show(id as RunId)),
      items: (id) => runs.items(id as RunId),
      cells: (id) => runs.cells(id as RunId),
      stale: (id) => calls.run({}, () => runs.stale(id as RunId)),
      resume(id, { questions, ...options } = {}) {
        try {
          const { checked, signal } = check(resumeOptions.strict(), options, 'options of resume');
          return runs.resume(id as RunId, questions, checked, signal);
        } catch (error) {
          return failedRun(toMillraceError(error), clock);
        }
      },
      retry(id, which, options = {}) {
        try {
          const { checked, signal } = check(resumeOptions.strict(), options, 'options of retry');
          return runs.retry(id as RunId, parse(retryChoice, which, 'choice of items'), checked, signal);
        } catch (error) {
          return failedRun(toMillraceError(error), clock);
        }
      },
      cancel: (id) => calls.run({}, () => runs.cancel(id as RunId)),
      delete: (id) => calls.run({}, () => runs.delete(id as RunId)),
    },

    status: () =>
      calls.run({}, async () => ({
        directory: parts.directory,
        writable: store.writable,
        promptVersion,
        collections: await Promise.all(
          (await store.collections()).map(async (status) => {
            const embedder = await engines.collectionEmbedder(status.collection);
            const embeddedChunks = embedder === undefined ? 0 : (status.embedded[embedder.hash] ?? 0);
            return { ...status, embedder: embedder?.id ?? null, embeddedChunks };
          }),
        ),
        ...engines.loaded(),
        lanes: scheduler.snapshot(),
        activity: await parts.activity(),
        caches: caches.statistics(),
        prefixes: (await parts.prefixes?.status()) ?? null,
      })),
    metrics: () => calls.run({}, () => parts.metrics.text()),

    verify: ({ signal } = {}) => calls.run({ signal }, (call) => store.verify(call)),
    rebuild: ({ signal } = {}) => calls.run({ signal }, (call) => store.rebuild(call)),
    backup: (target, { signal } = {}) =>
      calls.run({ signal }, (call) => store.backup(resolvePath(parts.workingDirectory, parse(textList.element, target, 'target')), call)),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** A stream that has failed before it began: what is wrong with a call is told in one way, as its only event and its result. */
function failedIngest(error: MillraceError, clock: Clock): ReturnType<Mill['ingest']> {
  const fail = async (): Promise<never> => {
    throw error;
  };
  return createEventStream<IngestEvent, IngestSummary>(fail, {
    failed: () => ({ type: 'ingest-failed', sequence: 1, at: new Date(clock.now()).toISOString(), error: error.toJSON(), elapsedMs: 0 }),
  });
}

function failedRun(error: MillraceError, clock: Clock): ReturnType<Mill['askMany']> {
  const fail = async (): Promise<never> => {
    throw error;
  };
  const at = new Date(clock.now()).toISOString();
  return createEventStream<RunEvent, RunSummary>(fail, {
    failed: () => ({ type: 'run-failed', sequence: 1, at, runId: null, error: error.toJSON(), elapsedMs: 0 }),
  });
}

/** Sizes of chunks follow the embedder, which a run of ingestion loads before it cuts the first one. */
function createLateChunker() {
  let decided: { readonly options: ChunkOptions; readonly hash: string } | undefined;
  function known() {
    if (decided === undefined) throw new MillraceError('E_INTERNAL', 'A document was chunked before the embedder was known.');
    return decided;
  }
  return {
    chunker: {
      get options() {
        return known().options;
      },
      get hash() {
        return known().hash;
      },
    },
    decide(options: ChunkOptions): void {
      decided = { options, hash: chunkerHash(options) };
    },
  };
}
