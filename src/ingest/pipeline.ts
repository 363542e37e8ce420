import type { MillraceError } from '../errors.ts';
import { toMillraceError } from '../errors.ts';
import type { Embedder } from '../spec/engine.ts';
import type { IngestEvent, IngestSummary } from '../spec/events.ts';
import type { IngestOptions, IngestSource, MillStream } from '../spec/mill.ts';
import type { DocumentParser } from '../spec/parser.ts';
import type { SourceRecord, Store } from '../spec/store.ts';
import type { Scheduler } from '../spec/work.ts';
import type { Clock } from '../util/clock.ts';
import { createEventStream } from '../util/event-stream.ts';
import { canonicalJson } from '../util/hash.ts';
import { discover, type FoundSource } from './discover.ts';
import { embedChunks } from './embed-chunks.ts';
import { type Chunker, makeDocument } from './make-document.ts';
import { readSource, type SourceContent, sourceKey } from './read-source.ts';

export interface IngestParts {
  readonly store: Store;
  readonly scheduler: Scheduler;
  readonly parser: Pick<DocumentParser, 'optionsHash'>;
  readonly chunker: Chunker;
  /** Loads on first use. Its tokenizer counts for the chunker, also where vectors are left for later. */
  embedder(): Promise<Embedder>;
  readonly clock: Clock;
  readonly workingDirectory: string;
}

type EventBody = IngestEvent extends infer Each ? (Each extends IngestEvent ? Omit<Each, 'sequence' | 'at'> : never) : never;

interface Run {
  readonly parts: IngestParts;
  readonly options: IngestOptions;
  readonly collection: string;
  readonly embedder: Embedder;
  readonly signal: AbortSignal;
  readonly counts: { found: number; indexed: number; skipped: number; failed: number; quarantined: number; chunks: number; bytes: number };
  emit(event: EventBody): Promise<void>;
}

/** Files in flight by default. */
const defaultConcurrentFiles = 20;

/**
 * discover → fingerprint → parse → segment, count, chunk → commit (acknowledged) → embed → commit vectors. A source that fails is
 * reported and recorded, and the others go on. Repeating it is cheap and harmless: unchanged sources are skipped.
 */
export function ingest(
  sources: Iterable<IngestSource> | AsyncIterable<IngestSource>,
  options: IngestOptions,
  parts: IngestParts,
): MillStream<IngestEvent, IngestSummary> {
  const { clock } = parts;
  const started = clock.monotonic();
  let sequence = 0;
  const stamp = (event: EventBody): IngestEvent => ({ ...event, sequence: ++sequence, at: new Date(clock.now()).toISOString() });

  return createEventStream<IngestEvent, IngestSummary>(
    async (producer) => {
      const collection = options.collection ?? 'default';
      const embedder = await parts.embedder();
      const counts = { found: 0, indexed: 0, skipped: 0, failed: 0, quarantined: 0, chunks: 0, bytes: 0 };
      const run: Run = {
        parts,
        options,
        collection,
        embedder,
        signal: producer.signal,
        counts,
        emit: (event) => producer.emit(stamp(event)),
      };
      await run.emit({ type: 'ingest-start', collection, embedder: options.embed === false ? null : embedder.model.id });
      await readAll(run, discover(sources, parts.workingDirectory, producer.signal));
      if (options.embed !== false) await embedAll(run);
      const summary = stamp({ type: 'ingest-end', ...counts, elapsedMs: clock.monotonic() - started }) as IngestSummary;
      await producer.emit(summary);
      return summary;
    },
    {
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      failed: (error) => stamp({ type: 'ingest-failed', error: toMillraceError(error).toJSON(), elapsedMs: clock.monotonic() - started }),
    },
  );
}

/** Several sources at a time, each from discovery to its commit. */
async function readAll(run: Run, found: AsyncGenerator<FoundSource>): Promise<void> {
  let missing: MillraceError | undefined;
  async function work(): Promise<void> {
    for (;;) {
      const next = await found.next();
      if (next.done === true) return;
      const { value } = next;
      if (value.kind === 'missing') {
        missing ??= value.error;
        run.counts.failed += 1;
        await run.emit({ type: 'document-failed', source: value.given, error: value.error.toJSON() });
      } else await readOne(run, value);
    }
  }
  const workers = Array.from({ length: run.options.maxConcurrentFiles ?? defaultConcurrentFiles }, work);
  const outcomes = await Promise.allSettled(workers);
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure !== undefined) throw toMillraceError(failure.reason);
  if (missing !== undefined && run.counts.found === 0) throw missing;
}

/** Failures that concern the directory or the whole run, not the one source. */
const fatal = new Set([
  'E_CANCELLED',
  'E_DISK_FULL',
  'E_STORE_FAILED',
  'E_STORE_CORRUPT',
  'E_LOCKED',
  'E_SHUTTING_DOWN',
  'E_ENGINE_LIBRARY',
]);

async function readOne(run: Run, found: Exclude<FoundSource, { kind: 'missing' }>): Promise<void> {
  const { store, clock } = run.parts;
  const key = sourceKey(found);
  run.counts.found += 1;
  let content: SourceContent | undefined;
  try {
    content = await readSource(found, run.options.metadata ?? {}, run.signal);
    run.counts.bytes += content.bytes.length;
    await run.emit({ type: 'document-found', source: key, bytes: content.bytes.length });
    if (await isUnchanged(run, content)) {
      run.counts.skipped += 1;
      await run.emit({ type: 'document-skipped', source: key, reason: 'unchanged' });
      return;
    }
    await parseAndCommit(run, content);
  } catch (thrown) {
    run.signal.throwIfAborted();
    const error = toMillraceError(thrown, 'E_INTERNAL', key);
    if (fatal.has(error.code)) throw error;
    run.counts.failed += 1;
    const source = content?.source ?? { key, uri: key, metadata: {} };
    await store.commit([{ type: 'commitFailure', collection: run.collection, source, error: error.toJSON(), at: clock.now() }]);
    await run.emit({ type: 'document-failed', source: key, error: error.toJSON() });
  }
}

/** True when the record already holds these bytes, parsed and chunked as now. A new time of modification or new metadata is recorded. */
async function isUnchanged(run: Run, content: SourceContent): Promise<boolean> {
  const { store, chunker, parser, clock } = run.parts;
  const known = await store.readSource(run.collection, content.source.key);
  if (known === undefined || known.document === null) return false;
  const document = await store.readDocument(known.document);
  const same =
    document !== undefined &&
    document.bytesSha256 === content.bytesSha256 &&
    document.chunkerHash === chunker.hash &&
    document.parseOptionsHash === parser.optionsHash;
  if (!same) return false;
  if (known.error !== null || !sameFacts(known, content)) {
    await store.commit([
      { type: 'commitSource', collection: run.collection, source: content.source, document: known.document, at: clock.now() },
    ]);
  }
  return true;
}

function sameFacts(known: SourceRecord, { source }: SourceContent): boolean {
  return (
    known.mtime === (source.mtime ?? null) &&
    (source.title === undefined || known.title === source.title) &&
    canonicalJson(known.metadata) === canonicalJson(source.metadata)
  );
}

async function parseAndCommit(run: Run, content: SourceContent): Promise<void> {
  const { store, scheduler, parser, chunker, clock } = run.parts;
  const cost = { items: 1, bytes: content.bytes.length };
  await scheduler.ready('parse', cost, run.signal);
  const parsed = await scheduler
    .submit({
      lane: 'parse',
      class: 'background',
      input: {
        bytes: content.bytes,
        name: content.name,
        ...(content.contentType === undefined ? {} : { contentType: content.contentType }),
      },
      cost,
      signal: run.signal,
      deliver: 'final',
    })
    .result();
  const document = await makeDocument(
    parsed,
    { bytesSha256: content.bytesSha256, parseOptionsHash: parser.optionsHash },
    chunker,
    run.embedder.tokenizer,
    run.signal,
  );
  const [outcome] = await store.commit([
    { type: 'commitDocument', collection: run.collection, source: content.source, document, at: clock.now() },
  ]);
  run.counts.indexed += 1;
  run.counts.chunks += document.chunks.length;
  await run.emit({
    type: 'document-committed',
    source: content.source.key,
    document: outcome?.document ?? '',
    chunks: document.chunks.length,
    pages: document.pages.length,
    warnings: [...document.warnings],
  });
}

async function embedAll(run: Run): Promise<void> {
  const { store } = run.parts;
  const { hash } = run.embedder.model;
  for await (const { chunks, tokens } of embedChunks(run.parts, run.collection, run.embedder, run.signal)) {
    const status = (await store.collections()).find(({ collection }) => collection === run.collection);
    const embeddedChunks = status?.embedded[hash] ?? 0;
    await run.emit({
      type: 'vectors-committed',
      chunks,
      tokens,
      embeddedChunks,
      remainingChunks: Math.max(0, (status?.chunks ?? 0) - embeddedChunks),
    });
  }
}
