import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createFakeEmbedder } from '../../src/engines/fake/embedder.ts';
import { MillraceError } from '../../src/errors.ts';
import type { IngestLimits } from '../../src/ingest/ingest-run.ts';
import { ingest } from '../../src/ingest/pipeline.ts';
import { embedLane, parseLane } from '../../src/lanes.ts';
import { createScheduler } from '../../src/scheduler/scheduler.ts';
import type { Embedder } from '../../src/spec/engine.ts';
import type { IngestEvent } from '../../src/spec/events.ts';
import type { IngestOptions, IngestSource, MillStream } from '../../src/spec/mill.ts';
import type { DocumentParser, ParsedDocument, ParseRequest } from '../../src/spec/parser.ts';
import type { Store, StoreOperation } from '../../src/spec/store.ts';
import { createMemoryStore } from '../../src/store/memory/memory-store.ts';
import { type Clock, systemClock } from '../../src/util/clock.ts';
import { createSeededRandom } from '../../src/util/random.ts';

export interface IngestBenchOptions {
  readonly clock?: Clock;
  readonly parser?: DocumentParser;
  /** Runs before a document is parsed by the fake parser; may throw or wait. */
  readonly onParse?: (request: ParseRequest, signal: AbortSignal) => Promise<void> | void;
  readonly embedder?: (fake: Embedder) => Embedder;
  readonly loadEmbedder?: () => Promise<Embedder>;
  readonly limits?: Partial<IngestLimits>;
  readonly chunkerHash?: string;
  /** Of the fake parser. Default 1. */
  readonly parserVersion?: number;
  /** An earlier bench whose record goes on. */
  readonly store?: Store;
  /** For a process that is killed, which removes nothing. Default: a new one, which `close` removes. */
  readonly folder?: string;
  /** Runs before each commit, which waits for it; may throw. */
  readonly onCommit?: (operations: readonly StoreOperation[]) => Promise<void> | void;
}

/** Whatever was found has one outcome. */
function requireSum(events: readonly IngestEvent[]): void {
  for (const { found, indexed, skipped, failed, quarantined } of ofType(events, 'ingest-end'))
    assert.equal(found, indexed + skipped + failed + quarantined, 'found is not the sum of the outcomes');
}

/** Ingestion over the memory store, the fake embedder and a parser that takes every file as text. */
export function createIngestBench(options: IngestBenchOptions = {}) {
  const clock = options.clock ?? systemClock;
  const store = options.store ?? createMemoryStore({ clock, random: createSeededRandom(1) });
  const commits: (readonly StoreOperation[])[] = [];
  const parsed: string[] = [];
  const scheduler = createScheduler({ clock });
  const fake = createFakeEmbedder({ clock });
  const embedder = options.embedder?.(fake) ?? fake;
  const folder = realpathSync(options.folder ?? mkdtempSync(join(tmpdir(), 'millrace-ingest-')));
  const parser: DocumentParser = options.parser ?? {
    optionsHash: 'none',
    formats: [{ name: 'fake', version: options.parserVersion ?? 1 }],
    concurrency: 4,
    isolation: () => Promise.resolve({ kind: 'process', message: 'None.' }),
    async parse(request, signal) {
      await options.onParse?.(request, signal);
      parsed.push(request.name);
      return { ...parseText(request), parserVersion: options.parserVersion ?? 1 };
    },
    close: () => Promise.resolve(),
  };
  scheduler.addLane(parseLane(parser));
  scheduler.addLane(embedLane(embedder));
  const watched: Store = {
    ...store,
    async commit(operations) {
      await options.onCommit?.(operations);
      const outcomes = await store.commit(operations);
      commits.push(operations);
      return outcomes;
    },
  };

  function start(sources: Iterable<IngestSource> | AsyncIterable<IngestSource>, ingestOptions: IngestOptions = {}) {
    return ingest(sources, ingestOptions, {
      store: watched,
      scheduler,
      parser,
      chunker: { options: { targetTokens: 20, maxTokens: 30, overlapTokens: 0 }, hash: options.chunkerHash ?? 'by-twenty' },
      embedder: options.loadEmbedder ?? (() => Promise.resolve(embedder)),
      clock,
      workingDirectory: folder,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
  }

  return {
    store,
    folder,
    embedder,
    scheduler,
    /** Names in the order in which they were parsed, and what was committed. */
    parsed,
    commits,
    start,
    async run(sources: Iterable<IngestSource> | AsyncIterable<IngestSource>, ingestOptions: IngestOptions = {}) {
      const events = await Array.fromAsync(start(sources, ingestOptions));
      requireSum(events);
      return events;
    },
    /** Writes a file that was last modified long ago. Returns its path. */
    write(name: string, content: string | Uint8Array, modifiedMs = Date.UTC(2025, 0, 1)): string {
      const path = join(folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
      utimesSync(path, modifiedMs / 1_000, modifiedMs / 1_000);
      return path;
    },
    /** The texts of all documents, by the key of their source; null for a source without one. */
    async texts(collection = 'default'): Promise<Record<string, string | null>> {
      const entries: [string, string | null][] = [];
      for (const { key, document } of await store.listSources(collection)) {
        const record = document === null ? undefined : await store.readDocument(document);
        const text = record === undefined ? null : await store.readSpan(record.id, 0, record.textLength);
        entries.push([key.replace(`${folder}/`, ''), text]);
      }
      return Object.fromEntries(entries);
    },
    /** Throws unless every chunk has exactly one vector and the record verifies. */
    async requireWhole(collection = 'default'): Promise<void> {
      const status = (await store.collections()).find((one) => one.collection === collection);
      const vectors = status?.embedded[embedder.model.hash] ?? 0;
      if (status === undefined || status.chunks !== vectors) {
        throw new Error(`${status?.chunks ?? 0} chunks have ${vectors} vectors.`);
      }
      const report = await store.verify();
      if (!report.ok) throw new Error(report.problems.join('\n'));
    },
    async close(): Promise<void> {
      await scheduler.close();
      await parser.close();
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Paragraphs as blocks. A text that begins with "bad" is damaged. */
function parseText({ bytes, name, contentType }: ParseRequest): ParsedDocument {
  const text = Buffer.from(bytes).toString('utf8');
  if (text.startsWith('bad')) throw new MillraceError('E_DOCUMENT_DAMAGED', `${name} cannot be read.`);
  const blocks: ParsedDocument['blocks'] = [];
  let start = 0;
  for (const paragraph of text.split('\n\n')) {
    if (paragraph !== '') blocks.push({ kind: 'paragraph', start, end: start + paragraph.length });
    start += paragraph.length + 2;
  }
  return {
    contentType: contentType ?? (name.endsWith('.pdf') ? 'application/pdf' : 'text/plain'),
    parser: 'fake',
    parserVersion: 1,
    text,
    pages: [{ number: 1, start: 0, end: text.length }],
    blocks,
    warnings: [],
  };
}

export function typesOf(events: readonly IngestEvent[]): string[] {
  return events.map(({ type }) => type);
}

export function ofType<Type extends IngestEvent['type']>(
  events: readonly IngestEvent[],
  type: Type,
): Extract<IngestEvent, { type: Type }>[] {
  return events.filter((event): event is Extract<IngestEvent, { type: Type }> => event.type === type);
}

/** Reads a stream until an event of a type comes, then calls `act` and reads on to the end. */
export async function readUntil(
  stream: MillStream<IngestEvent, unknown>,
  type: IngestEvent['type'],
  act: () => void | Promise<void>,
): Promise<IngestEvent[]> {
  const events: IngestEvent[] = [];
  let acted = false;
  for await (const event of stream) {
    events.push(event);
    if (acted || event.type !== type) continue;
    acted = true;
    await act();
  }
  return events;
}
