import { MillraceError, toMillraceError } from '../errors.ts';
import type { IngestEvent, IngestSummary } from '../spec/events.ts';
import type { IngestOptions, MillStream } from '../spec/mill.ts';
import { shortestLimit } from '../spec/time.ts';
import { type BoundedQueue, createBoundedQueue } from '../util/bounded-queue.ts';
import { longestTimerMs } from '../util/clock.ts';
import { createBytePermits } from '../util/byte-permits.ts';
import { createEventStream } from '../util/event-stream.ts';
import { createPulse, type Pulse } from '../util/pulse.ts';
import { runTogether } from '../util/run-together.ts';
import { createTurns } from '../util/turns.ts';
import { commitInBatches, type PreparedCommit } from './commit-batches.ts';
import { createMemberPermits } from './container-members.ts';
import { countTogether } from './count-together.ts';
import type { FoundSource, GivenSource } from './discover.ts';
import { lookOnly } from './dry-run.ts';
import { embedChunks } from './embed-chunks.ts';
import { findSources } from './find-sources.ts';
import { createFacts } from './given-facts.ts';
import { createInFlight, type InFlight } from './in-flight.ts';
import { createEmitter, defaultIngestLimits, type IngestParts, type IngestRun } from './ingest-run.ts';
import { prepareSource } from './prepare-source.ts';
import { createProgress, type Progress } from './progress.ts';
import { removeVanished } from './vanished.ts';

/** Files in flight by default: those that a parser process reads, those that it reads next, and those that are chunked meanwhile. */
const defaultConcurrentFiles = 64;
/** Documents of one commit by default. */
const defaultBatchSize = 50;

/**
 * discover → look → read → parse → segment, count, chunk → commit (acknowledged) → embed → commit vectors. All stages work side by
 * side, joined by bounded hand-overs. A source that fails is reported and recorded, and the others go on. Repeating it is cheap and
 * harmless: unchanged sources are skipped, and chunks that an interrupted call left without a vector get theirs.
 */
export function ingest(
  sources: Iterable<GivenSource> | AsyncIterable<GivenSource>,
  options: IngestOptions,
  parts: IngestParts,
): MillStream<IngestEvent, IngestSummary> {
  const { clock } = parts;
  const started = clock.monotonic();
  let hand = (_event: IngestEvent): Promise<void> => Promise.resolve();
  const { emit, stamp } = createEmitter(clock, (event) => hand(event));

  return createEventStream<IngestEvent, IngestSummary>(
    async (producer) => {
      hand = producer.emit;
      const limit = limitOf(options, clock);
      const signal = AbortSignal.any([producer.signal, limit.signal]);
      try {
        const counts = await ingestAll(sources, options, parts, emit, signal);
        const { allFound: _allFound, unreachable: _unreachable, removed, inside, found, ...figures } = counts;
        const elapsedMs = Math.round(clock.monotonic() - started);
        const summary = stamp({
          type: 'ingest-end',
          found,
          ...(inside === 0 ? {} : { inside }),
          ...figures,
          ...(removed === 0 ? {} : { removed }),
          elapsedMs,
        }) as IngestSummary;
        parts.faults?.reach('ingest-ending');
        await producer.emit(summary);
        return summary;
      } catch (error) {
        throw endOfCall(error, signal);
      } finally {
        limit.end();
      }
    },
    {
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      failed: (error) =>
        stamp({ type: 'ingest-failed', error: toMillraceError(error).toJSON(), elapsedMs: Math.round(clock.monotonic() - started) }),
    },
  );
}

/** Aborted when the time of the whole call is over; what was committed until then is kept. */
function limitOf(options: IngestOptions, clock: IngestParts['clock']): { readonly signal: AbortSignal; end(): void } {
  const totalMs = shortestLimit(options);
  const over = new AbortController();
  if (totalMs === undefined) return { signal: over.signal, end: () => undefined };
  const expire = (): void => over.abort(new MillraceError('E_DEADLINE_EXCEEDED', `The ingestion did not end within ${totalMs} ms.`));
  return { signal: over.signal, end: clock.after(Math.min(totalMs, longestTimerMs), expire, { keepAlive: false }) };
}

async function ingestAll(
  sources: Iterable<GivenSource> | AsyncIterable<GivenSource>,
  options: IngestOptions,
  parts: IngestParts,
  emit: IngestRun['emit'],
  signal: AbortSignal,
): Promise<IngestRun['counts']> {
  const collection = options.collection ?? 'default';
  const limits = { ...defaultIngestLimits, ...parts.limits };
  const counts: IngestRun['counts'] = {
    found: 0,
    allFound: false,
    indexed: 0,
    skipped: 0,
    failed: 0,
    quarantined: 0,
    unreachable: 0,
    inside: 0,
    removed: 0,
    chunks: 0,
    bytes: 0,
  };
  const factsOf = createFacts(options, parts.workingDirectory);
  if (options.dryRun === true) {
    await emit({ type: 'ingest-start', collection, embedder: null, dryRun: true });
    await lookOnly({ parts, options, limits, collection, counts, factsOf, staged: new Set(), emit }, sources, signal);
    return counts;
  }
  const embedder = await parts.embedder();
  signal.throwIfAborted();
  const run: IngestRun = { parts, options, limits, collection, embedder, counts, factsOf, staged: new Set(), emit };
  parts.faults?.reach('ingest-started');

  await emit({ type: 'ingest-start', collection, embedder: options.embed === false ? null : embedder.model.id });
  const found = createBoundedQueue<FoundSource>({ maxItems: limits.foundItems, maxBytes: limits.foundBytes });
  const prepared = createBoundedQueue<PreparedCommit>({ maxItems: batchSizeOf(run), maxBytes: limits.commitLength });
  const committed = createPulse();
  const inFlight = createInFlight();
  const progress = await createProgress(run, () => ({
    found: found.size,
    prepared: prepared.size,
    reading: Math.max(0, inFlight.size - prepared.size),
  }));
  let whole = false;
  // At once: the writer of the record gives up a long document in the middle.
  const onAbort = (): void => void giveUpStaged(run);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await runTogether(signal, [
      (stop) => discoverAll(run, sources, found, stop),
      (stop) => prepareAll(run, found, prepared, { progress, inFlight }, stop),
      (stop) => commitAll(run, prepared, committed, progress, stop),
      (stop) => embedAll(run, committed, progress, stop),
    ]);
    whole = true;
  } finally {
    signal.removeEventListener('abort', onAbort);
    await giveUpStaged(run);
    await progress.stop(whole);
  }
  return counts;
}

/** What was not committed. The record may have failed, or be closed. */
async function giveUpStaged({ staged }: IngestRun): Promise<void> {
  await Promise.allSettled([...staged].map((long) => long.forget()));
}

/** Runs ahead of reading, so that progress can tell how much there is. */
async function discoverAll(
  run: IngestRun,
  sources: Iterable<GivenSource> | AsyncIterable<GivenSource>,
  found: BoundedQueue<FoundSource>,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const source of findSources(run, sources, signal)) {
      if (source.kind !== 'vanished') run.counts.found += 1;
      await found.push(source, { bytes: heldBytes(source), signal });
    }
  } finally {
    found.end();
  }
}

/** Several sources at a time; those of one key in the order in which they came. */
async function prepareAll(
  run: IngestRun,
  found: BoundedQueue<FoundSource>,
  prepared: BoundedQueue<PreparedCommit>,
  { progress, inFlight }: { readonly progress: Progress; readonly inFlight: InFlight },
  signal: AbortSignal,
): Promise<void> {
  const { counts } = run;
  const context = {
    run,
    prepared,
    inFlight: createBytePermits(run.limits.bytesInFlight),
    tokenizer: countTogether(run.embedder.tokenizer, signal),
    memberPermits: createMemberPermits(run.limits.memberBytes),
    turns: createTurns(),
    progress,
    opened: inFlight.add,
  };
  let unreachable: MillraceError | undefined;

  async function work(stop: AbortSignal): Promise<void> {
    for await (const source of found) {
      stop.throwIfAborted();
      if (source.kind === 'unreachable') {
        unreachable ??= source.error;
        counts.failed += 1;
        counts.unreachable += 1;
        progress.settled();
        await run.emit({ type: 'document-failed', source: source.given, error: source.error.toJSON() });
      } else if (source.kind === 'vanished') {
        // What was renamed keeps its document: its new name is on record before the old one goes.
        await inFlight.settled(stop);
        await removeVanished(run, source.path);
      } else await prepareSource(context, source, stop);
    }
  }

  try {
    await runTogether(
      signal,
      Array.from({ length: run.options.maxConcurrentFiles ?? defaultConcurrentFiles }, () => work),
    );
    if (unreachable !== undefined && counts.found === counts.unreachable && counts.removed === 0) throw unreachable;
  } finally {
    prepared.end();
  }
}

async function commitAll(
  run: IngestRun,
  prepared: BoundedQueue<PreparedCommit>,
  committed: Pulse,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  try {
    await commitInBatches(run, prepared, batchSizeOf(run), () => committed.beat(), signal);
    await progress.endReading();
  } finally {
    committed.end();
  }
}

async function embedAll(run: IngestRun, committed: Pulse, progress: Progress, signal: AbortSignal): Promise<void> {
  if (run.options.embed === false) return;
  await embedChunks(run, committed, signal, async ({ chunks, tokens }) => {
    const { embeddedChunks, remainingChunks } = await progress.embedded(chunks);
    await run.emit({ type: 'vectors-committed', chunks, tokens, embeddedChunks, remainingChunks });
  });
  await progress.endEmbedding();
}

function batchSizeOf({ options }: IngestRun): number {
  return options.batchSize ?? defaultBatchSize;
}

function heldBytes(source: FoundSource): number {
  if (source.kind === 'unreachable' || source.kind === 'member' || source.kind === 'kept') return 0;
  if (source.kind === 'file' || source.kind === 'vanished') return source.path.length;
  const { text, bytes } = (source.source ?? {}) as Partial<typeof source.source>;
  return bytes instanceof Uint8Array ? bytes.length : typeof text === 'string' ? text.length : 0;
}

/** A cancelled call ends as cancelled, whatever its stages said while they were ending. */
function endOfCall(error: unknown, signal: AbortSignal): MillraceError {
  if (!signal.aborted) return toMillraceError(error);
  const { reason } = signal as { readonly reason: unknown };
  const isTimeout = reason instanceof Error && reason.name === 'TimeoutError';
  if (isTimeout) return new MillraceError('E_DEADLINE_EXCEEDED', 'Ingestion did not end before its deadline.', { cause: reason });
  if (reason instanceof MillraceError) return reason;
  return new MillraceError('E_CANCELLED', 'Ingestion was cancelled. What was committed is kept.', { cause: reason });
}
