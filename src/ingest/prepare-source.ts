import { type MillraceError, toMillraceError } from '../errors.ts';
import type { Tokenizer } from '../spec/engine.ts';
import type { DocumentId } from '../spec/identifiers.ts';
import { pageKindOf } from '../spec/page-kind.ts';
import type { ReadDocument } from '../spec/parser.ts';
import type { NewSource, StoreOperation } from '../spec/store.ts';
import type { BoundedQueue } from '../util/bounded-queue.ts';
import type { BytePermits } from '../util/byte-permits.ts';
import type { Turns } from '../util/turns.ts';
import type { PreparedCommit } from './commit-batches.ts';
import { prepareMembers } from './container-members.ts';
import type { GivenFacts, ReachedSource } from './discover.ts';
import { createInFlight } from './in-flight.ts';
import type { IngestRun } from './ingest-run.ts';
import {
  findSameContent,
  hasOpenMembers,
  isContainer,
  type KnownSource,
  looksUnchanged,
  parseOptionsOf,
  readKnown,
  recordedOutcome,
  rememberAttempt,
  rememberFailure,
  sameFacts,
  isRemembered,
  type SeenContent,
  type Versions,
} from './known-source.ts';
import { type LookedSource, lookAtSource, sourceKey, sourceUri } from './look-at-source.ts';
import type { LongDocument, MadeDocument } from './long-document.ts';
import { makeDocument } from './make-document.ts';
import { forget, parse, parseTaking, type TakenDocument } from './parse-source.ts';
import type { Progress } from './progress.ts';
import type { ReadContent } from './read-file.ts';

export interface PrepareContext {
  readonly run: IngestRun;
  /** Where finished documents and failures go to be committed. */
  readonly prepared: BoundedQueue<PreparedCommit>;
  readonly inFlight: BytePermits;
  /** Counts for all documents on their way. */
  readonly tokenizer: Pick<Tokenizer, 'countTokens'>;
  /** For the files of containers, one for each depth of nesting. */
  readonly memberPermits: readonly BytePermits[];
  readonly turns: Turns;
  readonly progress: Pick<Progress, 'settled' | 'added'>;
  /** Another source is on its way; what it returns is called when it is settled. */
  opened(): () => void;
}

/** A source on its way. */
interface Visit {
  readonly found: ReachedSource;
  readonly key: string;
  readonly known: KnownSource | undefined;
  readonly versions: Versions;
  /** Ms UTC at which the source was looked at: the time that goes into the record. */
  readonly lookedAt: number;
  readonly signal: AbortSignal;
  /** The source is settled: committed, skipped or failed. */
  done(): void;
}

/** Failures that concern one source. Every other one (store, engine, shutdown) ends the call. */
function isOfSource({ code }: MillraceError): boolean {
  return /^E_(?:SOURCE|DOCUMENT|PARSE)_/.test(code) || ['E_INPUT_INVALID', 'E_WORK_TOO_LARGE', 'E_INTERNAL'].includes(code);
}

/** look → unchanged? → read → unchanged? → parse, chunk → hand over to be committed. Settles or hands over; throws only what ends the call. */
export async function prepareSource(context: PrepareContext, found: ReachedSource, signal: AbortSignal): Promise<void> {
  const { run, turns, progress } = context;
  const { store, clock, chunker, parser } = run.parts;
  const key = sourceKey(found);
  const endTurn = await turns.take(key, signal);
  const settle = context.opened();
  const visit: Visit = {
    found,
    key,
    known: await readKnown(store, run.collection, key),
    versions: { chunkerHash: chunker.hash, parser },
    lookedAt: clock.now(),
    signal,
    done() {
      endTurn();
      settle();
      progress.settled();
    },
  };
  let source = lastKnown(visit, run);
  try {
    const looked = await lookAtSource(found, factsFor(visit, run), store);
    run.parts.faults?.reach('source-looked');
    source = looked.source;
    await run.emit({ type: 'document-found', source: key, bytes: looked.size });
    if (await settleUnread(context, visit, looked)) return;
    // The files of a container are in memory already.
    const release = found.kind === 'member' ? undefined : await context.inFlight.take(looked.size, signal);
    try {
      await readAndPrepare(context, visit, looked);
    } finally {
      release?.();
    }
  } catch (thrown) {
    signal.throwIfAborted();
    const error = toMillraceError(thrown, 'E_INTERNAL', key);
    if (!isOfSource(error)) throw error;
    if (error.code === 'E_INPUT_INVALID') {
      // What was handed over wrongly need not even have a key.
      await countFailure(run, key, error);
      return visit.done();
    }
    // What could not be read keeps the facts of its last good version.
    const facts = error.code.startsWith('E_SOURCE_') && !isRemembered(error) ? lastKnown(visit, run) : source;
    await hand(context, visit, failure(context, visit, facts, error));
  }
}

/** A file that looks as it was recorded is settled without reading it. */
async function settleUnread(context: PrepareContext, visit: Visit, looked: LookedSource): Promise<boolean> {
  const { known, found } = visit;
  if (known === undefined || found.kind !== 'file' || context.run.options.reread === true) return false;
  return looksUnchanged(known, looked.source) && settleRecorded(context, visit, looked, { contentType: looked.contentType });
}

async function readAndPrepare(context: PrepareContext, visit: Visit, looked: LookedSource): Promise<void> {
  const { run } = context;
  const read = await readAndParse(context, visit, looked);
  if (read === undefined) return;
  const { content, parsed, containerBytes, long } = read;
  try {
    const [made, members] = await rememberingFailure(visit, content, async () => {
      const document = await chunk(context, visit, read);
      run.parts.faults?.reach('document-made');
      return [document, containerBytes && (await settleMembers(context, visit, looked, containerBytes, parsed))] as const;
    });
    await hand(context, visit, success(context, visit, looked.source, { made, long, members }));
  } catch (error) {
    forget(run, long);
    throw error;
  }
}

interface ReadSource extends TakenDocument {
  readonly content: Required<SeenContent>;
  /** Only containers are read again. The bytes of any other file are given up here: a large one must not be there beside its text. */
  readonly containerBytes: ReadContent['bytes'] | undefined;
}

/** Undefined where its content settles the source. */
async function readAndParse(context: PrepareContext, visit: Visit, looked: LookedSource): Promise<ReadSource | undefined> {
  const { run } = context;
  if (looked.failure !== undefined) throw rememberFailure(looked.failure, looked.contentType, visit.versions);
  const { bytes, sha256 } = await looked.read(visit.signal);
  run.parts.faults?.reach('source-read');
  run.counts.bytes += bytes.length;
  const content = { bytesSha256: sha256, contentType: looked.contentType };
  if (await settleRecorded(context, visit, looked, content)) return undefined;
  const same = await findSameContent(run.parts.store, run.collection, visit.versions, content);
  if (same !== undefined && (await settleMade(context, visit, looked, same, 'same-content'))) return undefined;
  return rememberingFailure(visit, content, async () => {
    const { parsed, long } = await parseTaking(run, context.tokenizer, looked, bytes, visit.signal);
    run.parts.faults?.reach('document-parsed');
    return { content, parsed, long, containerBytes: parsed.members === undefined ? undefined : bytes };
  });
}

async function rememberingFailure<Value>(visit: Visit, content: Required<SeenContent>, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (thrown) {
    visit.signal.throwIfAborted();
    throw rememberAttempt(toMillraceError(thrown, 'E_INTERNAL', visit.key), content, visit.versions);
  }
}

/** Settles a source whose content was parsed before, well or in vain. False where it has to be parsed. */
async function settleRecorded(context: PrepareContext, visit: Visit, looked: LookedSource, content: SeenContent): Promise<boolean> {
  const { run } = context;
  const { known, versions, key } = visit;
  const outcome = recordedOutcome(known, versions, content);
  if (outcome === undefined) return false;
  if (outcome.type === 'failed') {
    if (run.options.reread === true) return false;
    await countFailure(run, key, outcome.error);
    visit.done();
    return true;
  }
  if (known?.document !== undefined && isContainer(known.document, versions.parser)) {
    // Its files are settled one by one: those that are to be read again, and those that failed in another way than they would now.
    if (run.options.reread === true || (await hasOpenMembers(run.parts.store, run.collection, key, versions))) return false;
  }
  return settleMade(context, visit, looked, outcome.document, 'unchanged');
}

/** Points the source at its document, where the record does not say so yet. False where the document was removed meanwhile. */
async function settleMade(
  { run }: PrepareContext,
  visit: Visit,
  { source }: LookedSource,
  document: DocumentId,
  reason: 'unchanged' | 'same-content',
): Promise<boolean> {
  const { known, key, versions, lookedAt } = visit;
  let removed: readonly string[] = [];
  if (known?.document?.id !== document || !sameFacts(known, source, lookedAt)) {
    const { collection } = run;
    const operations: StoreOperation[] = [{ type: 'commitSource', collection, source, document, at: lookedAt }];
    if (known?.document?.id === document && isContainer(known.document, versions.parser)) {
      operations.push({ type: 'describeMembers', collection, container: key, metadata: source.metadata, at: lookedAt });
    }
    const [written] = await run.parts.store.commit(operations);
    if (written?.document === undefined) return false;
    removed = written.removed ?? [];
  }
  run.counts.skipped += 1;
  await run.emit({ type: 'document-skipped', source: key, reason });
  await tellRemoved(run, removed);
  visit.done();
  return true;
}

async function chunk({ run, tokenizer }: PrepareContext, { signal }: Visit, { parsed, long, content }: ReadSource): Promise<MadeDocument> {
  const { parser, chunker } = run.parts;
  const { model } = run.embedder;
  const identity = { bytesSha256: content.bytesSha256, parseOptionsHash: parseOptionsOf(parsed, parser) };
  if (long !== undefined) return long.end(parsed, identity);
  const document = await makeDocument(parsed, identity, chunker, { tokenizer, model }, signal);
  return { document, textLength: document.text.length, pages: document.pages.length, chunks: document.chunks.length };
}

/** Prepares the files of a container, until all are settled. Returns their keys; undefined for what is none. */
async function settleMembers(
  context: PrepareContext,
  visit: Visit,
  looked: LookedSource,
  bytes: ReadContent['bytes'],
  first: ReadDocument,
): Promise<readonly string[] | undefined> {
  if (first.members === undefined) return undefined;
  const { run, memberPermits } = context;
  const { key, found, signal } = visit;
  const { uri, metadata } = looked.source;
  const container = { key, uri, metadata, bytes: bytes.length, ...(found.kind === 'member' ? { family: found.family } : {}) };
  const members = createInFlight();
  const ofMembers = { ...context, opened: () => bothOf(context.opened(), members.add()) };
  const keys = await prepareMembers(container, {
    first,
    permits: memberPermits,
    signal,
    next: (membersFrom) => parse(run, looked, { bytes, membersFrom }, signal),
    prepare(member) {
      run.counts.found += 1;
      run.counts.inside += 1;
      return prepareSource(ofMembers, member, signal);
    },
  });
  // Commits are handed over ahead: one that is behind theirs could be on record although theirs failed, or was not made yet.
  await members.settled(signal);
  return keys;
}

function bothOf(first: () => void, second: () => void): () => void {
  return () => {
    first();
    second();
  };
}

/** The turn of the key and the place among the settled go on with the commit. */
function hand({ prepared }: PrepareContext, { signal }: Visit, commit: PreparedCommit): Promise<void> {
  return prepared.push(commit, { bytes: commit.length, signal });
}

interface Prepared {
  readonly made: MadeDocument;
  readonly long: LongDocument | undefined;
  readonly members: readonly string[] | undefined;
}

function success(context: PrepareContext, visit: Visit, source: NewSource, { made, long, members }: Prepared): PreparedCommit {
  const { run, progress } = context;
  const { document, chunks, pages, staged } = made;
  const { parser, contentType } = document;
  const { collection } = run;
  return {
    operation: {
      type: 'commitDocument',
      collection,
      source,
      document,
      ...(members === undefined ? {} : { members }),
      ...(staged === undefined ? {} : { staged: staged.number }),
      at: visit.lookedAt,
    },
    length: made.textLength,
    async committed(outcome) {
      forget(run, long);
      if (outcome.document !== undefined && outcome.document === visit.known?.document?.id) {
        // A container that was read again for its files.
        run.counts.skipped += 1;
        await run.emit({ type: 'document-skipped', source: visit.key, reason: 'unchanged' });
      } else {
        run.counts.indexed += 1;
        run.counts.chunks += chunks;
        progress.added(chunks);
        await run.emit({
          type: 'document-committed',
          source: visit.key,
          document: outcome.document ?? '',
          chunks,
          pages,
          pageKind: pageKindOf({ parser, contentType, pages }),
          warnings: [...document.warnings],
        });
      }
      await tellRemoved(run, outcome.removed);
      run.parts.faults?.reach('document-told');
      visit.done();
    },
    refused(error) {
      forget(run, long);
      return failure(context, visit, source, error);
    },
  };
}

function failure({ run }: PrepareContext, visit: Visit, source: NewSource, error: MillraceError): PreparedCommit {
  const operation: StoreOperation = {
    type: 'commitFailure',
    collection: run.collection,
    source,
    error: error.toJSON(),
    at: visit.lookedAt,
  };
  return {
    operation,
    length: 0,
    async committed() {
      await countFailure(run, visit.key, error);
      visit.done();
    },
    refused: () => undefined,
  };
}

/** Files that a container no longer holds. */
async function tellRemoved({ counts, emit }: IngestRun, keys: readonly string[] = []): Promise<void> {
  counts.removed += keys.length;
  for (const source of keys) await emit({ type: 'document-removed', source });
}

async function countFailure({ counts, emit }: IngestRun, key: string, error: MillraceError): Promise<void> {
  if (error.code === 'E_PARSE_CRASHED') counts.quarantined += 1;
  else counts.failed += 1;
  await emit({ type: 'document-failed', source: key, error: error.toJSON() });
}

/** What the call says of a source; of a file of which it says nothing, what is known. */
function factsFor({ key, found, known }: Visit, run: IngestRun): GivenFacts {
  const given = run.factsOf(key);
  if (found.kind !== 'file' || known === undefined) return given;
  const title = given.title ?? known.source.title ?? undefined;
  return { metadata: given.metadata ?? known.source.metadata, ...(title === undefined ? {} : { title }) };
}

/** What is said of a source that could not be looked at. */
function lastKnown({ known, key, found }: Pick<Visit, 'known' | 'key' | 'found'>, { factsOf }: IngestRun): NewSource {
  if (known === undefined) return { key, uri: sourceUri(found), metadata: factsOf(key).metadata ?? {} };
  const { uri, title, mtime, size, metadata, blob, contentType } = known.source;
  return {
    key,
    uri,
    metadata,
    // Bytes that are kept stay kept; what is handed over anew takes their place.
    ...(blob === null || found.kind === 'handed' ? {} : { blob }),
    ...(contentType === null ? {} : { contentType }),
    ...(title === null ? {} : { title }),
    ...(mtime === null ? {} : { mtime }),
    ...(size === null ? {} : { size }),
  };
}
