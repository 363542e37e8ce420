import type { z } from 'zod';
import { MillraceError, toMillraceError } from './errors.ts';
import { answerQuestion, searchDocuments } from './query/pipeline.ts';
import { type AnswerEvent, askOptions, searchOptions } from './spec/answers.ts';
import type { Embedder, Generator, LoadEvent } from './spec/engine.ts';
import { type IngestOptions, ingestOptions, type Mill } from './spec/mill.ts';
import type { Store } from './spec/store.ts';
import type { Scheduler } from './spec/work.ts';
import type { Clock } from './util/clock.ts';
import { createEventStream } from './util/event-stream.ts';

export interface MillParts {
  readonly directory: string;
  readonly store: Store;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  embedder(collection: string): Promise<Embedder | undefined>;
  defaultEmbedder(): Promise<Embedder>;
  generator(onEvent: (event: LoadEvent) => void): Promise<Generator>;
  loaded(): { readonly embedder: string | null; readonly generator: string | null };
  readonly questionDefaults: { readonly contextTokens?: number; readonly maxTokens?: number };
  ingest: (sources: Parameters<Mill['ingest']>[0], options: IngestOptions) => ReturnType<Mill['ingest']>;
  close(): Promise<void>;
}

/** The public object over its parts: checks arguments, turns timeouts into deadlines, numbers events. No logic of its own. */
export function createMill(parts: MillParts): Mill {
  const { store, scheduler, clock } = parts;
  let closing: Promise<void> | undefined;
  const query = { store, scheduler, clock, embedder: parts.embedder, generator: parts.generator };

  function call(options: { readonly signal?: AbortSignal | undefined; readonly timeoutMs?: number | undefined }) {
    return {
      signal: options.signal ?? new AbortController().signal,
      ...(options.timeoutMs === undefined ? {} : { deadline: clock.monotonic() + options.timeoutMs }),
    };
  }

  const close = (): Promise<void> => (closing ??= parts.close());

  return {
    ingest(sources, options = {}) {
      const { signal, ...rest } = options;
      const checked = parse(ingestOptions, rest, 'ingest options');
      return parts.ingest(sources, { ...checked, ...(signal === undefined ? {} : { signal }) });
    },

    ask(question, options = {}) {
      const { signal, ...rest } = options;
      const checked = parse(askOptions.strict(), rest, 'ask options');
      let sequence = 0;
      const stamp = () => ({ sequence: ++sequence, at: new Date(clock.now()).toISOString() });
      return createEventStream<AnswerEvent, Awaited<ReturnType<typeof answerQuestion>>>(
        async (producer) => {
          const answer = await answerQuestion(
            query,
            question,
            { ...parts.questionDefaults, ...checked },
            call({ signal: producer.signal, timeoutMs: checked.timeoutMs }),
            (event) => producer.emit({ ...event, ...stamp() }),
          );
          await producer.emit({ type: 'answer-end', ...stamp(), answer });
          return answer;
        },
        {
          ...(signal === undefined ? {} : { signal }),
          failed: (error) => ({ type: 'answer-failed', ...stamp(), error: toMillraceError(error).toJSON() }),
        },
      );
    },

    async search(text, options = {}) {
      const { signal, ...rest } = options;
      const checked = parse(searchOptions.strict(), rest, 'search options');
      return searchDocuments(query, text, checked, call({ signal, timeoutMs: checked.timeoutMs }));
    },

    async embedMany(texts, options = {}) {
      const embedder = await parts.defaultEmbedder();
      const signal = options.signal ?? new AbortController().signal;
      const counts = await embedder.tokenizer.countTokens(texts, signal);
      const special = 16;
      const handles = [];
      for (const [index, text] of texts.entries()) {
        const cost = { tokens: (counts[index] ?? 0) + special, items: 1, bytes: text.length * 2 };
        await scheduler.ready('embed', cost, signal);
        handles.push(
          scheduler.submit({
            lane: 'embed',
            class: 'batch',
            input: { texts: [text], kind: options.kind ?? 'passage' },
            cost,
            signal,
            deliver: 'final',
          }),
        );
      }
      return (await Promise.all(handles.map((handle) => handle.result()))).flat();
    },

    documents: {
      list: ({ collection = 'default', ...options } = {}) => store.listSources(collection, options),
      async show(key, { collection = 'default' } = {}) {
        const source = await store.readSource(collection, key);
        if (source === undefined) throw new MillraceError('E_NOT_FOUND', `The collection "${collection}" has no source "${key}".`);
        const document = source.document === null ? undefined : await store.readDocument(source.document);
        return { source, document: document ?? null };
      },
      async remove(key, { collection = 'default' } = {}) {
        const [outcome] = await store.commit([{ type: 'removeSource', collection, key, at: clock.now() }]);
        return outcome?.done ?? false;
      },
    },

    runs: { list: () => store.listRuns() },

    async status() {
      return {
        directory: parts.directory,
        writable: store.writable,
        collections: await store.collections(),
        ...parts.loaded(),
        lanes: scheduler.snapshot(),
      };
    },

    verify: (options) => store.verify(options),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.infer<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue?.path.join('.') ?? '';
  throw new MillraceError(
    'E_INPUT_INVALID',
    `The ${what} are not valid${path === '' ? '' : ` at "${path}"`}: ${issue?.message ?? 'unknown reason'}.`,
  );
}
