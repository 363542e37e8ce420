import { MillraceError } from '../errors.ts';
import type { Generator } from '../spec/engine.ts';
import type { DocumentId } from '../spec/identifiers.ts';
import type { ReadEvent, ReadOptions, ReadSummary } from '../spec/reading.ts';
import type { StoreReader } from '../spec/store.ts';
import { runTogether } from '../util/run-together.ts';
import type { QueryParts } from './parts.ts';
import { passageOf, passagePrompt, promptFamilyOf } from './prompt.ts';
import { isKept, readPassage, type UnreadPassage } from './read-passage.ts';

type EventBody = ReadEvent extends infer Each ? (Each extends ReadEvent ? Omit<Each, 'sequence' | 'at'> : never) : never;

export interface ReadAheadCall {
  /** Each a key, a URI or a folder of sources, and what else it may be called; empty for all of the collection. */
  readonly sources: readonly (readonly [string, ...string[]])[];
  readonly options: ReadOptions;
  readonly signal: AbortSignal;
  readonly emit: (event: EventBody) => Promise<void>;
}

/** A passage as it stands in the record, and whether it has to be read. */
interface Candidate extends UnreadPassage {
  readonly document: DocumentId;
  readonly source: string;
  readonly passage: number;
  readonly state: 'kept' | 'unread' | 'too-long';
}

/** One is computed while the next one is prepared. */
const passagesInWork = 2;
/** Chunks of one look into record and store. */
const batchChunks = 64;
/** Of a file, around the cells. */
const entryBytes = 8_192;
const progressMs = 1_000;

/** Reads passages before anybody asks: look at all → read one, to know how long it takes → tell → read what fits. */
export async function readAhead(parts: QueryParts, call: ReadAheadCall): Promise<Omit<ReadSummary, 'sequence' | 'at'>> {
  const { clock } = parts;
  const { signal, emit, options } = call;
  const started = clock.monotonic();
  const collection = options.collection ?? 'default';
  const generator = await parts.generator((event) => {
    if (event.type === 'model-loading') void emit(event).catch(() => undefined);
  });
  const limitBytes = limitOf(generator);
  await emit({ type: 'read-start', collection, model: generator.model.id });

  const documents = await documentsOf(parts.store, collection, call.sources, signal);
  const roomBytes = limitBytes - (await keptBytes(generator));
  const survey = await look(parts.store, generator, documents, roomBytes, signal);
  const done = { read: 0, tokens: 0, bytes: 0, computedTokens: 0, prefillMs: 0 };
  let toldAt = clock.monotonic();

  async function read(candidate: Candidate): Promise<void> {
    const { document, source, passage, found } = candidate;
    const { computedTokens, prefillMs } = await readPassage(parts.scheduler, generator, candidate, signal);
    done.read += 1;
    done.tokens += found.tokens;
    done.bytes += found.bytes + entryBytes;
    done.computedTokens += computedTokens;
    done.prefillMs += prefillMs;
    await emit({ type: 'passage-read', document, source, passage, tokens: found.tokens, bytes: found.bytes });
  }

  if (survey.first !== undefined) await read(survey.first);
  const sampleMs = done.computedTokens === 0 ? 0 : done.prefillMs / done.computedTokens;
  await emit({
    type: 'read-estimate',
    ...survey.figures,
    documents: documents.length,
    limitBytes,
    durationMs: survey.first === undefined ? null : Math.round((await computedTokens(generator, survey, signal)) * sampleMs),
  });

  async function tell(): Promise<void> {
    const now = clock.monotonic();
    if (now - toldAt < progressMs) return;
    toldAt = now;
    const rate = done.computedTokens / Math.max(1, now - started);
    const remainingMs = rate === 0 ? null : Math.round((survey.fittingTokens - done.tokens) / rate);
    const { fittingPassages } = survey.figures;
    await emit({ type: 'read-progress', read: done.read, fittingPassages, tokensPerSecond: rate === 0 ? null : 1_000 * rate, remainingMs });
  }

  if (options.estimate !== true && survey.figures.fittingPassages > 1) {
    const candidates = unread(parts.store, generator, documents, signal);
    const worker = async (): Promise<void> => {
      for (let next = await candidates.next(); next.done !== true; next = await candidates.next()) {
        if (done.bytes + next.value.found.bytes + entryBytes > roomBytes) return;
        await read(next.value);
        await tell();
      }
    };
    await runTogether(
      signal,
      Array.from({ length: passagesInWork }, () => worker),
    );
  }
  const { passages, keptPassages } = survey.figures;
  const left = passages - keptPassages - done.read;
  const { read: count, tokens, bytes } = done;
  return { type: 'read-end', passages, read: count, kept: keptPassages, left, tokens, bytes, elapsedMs: clock.monotonic() - started };
}

/** Tokens to compute: the rules before each passage are the same, and computed once. */
async function computedTokens(generator: Generator, survey: Awaited<ReturnType<typeof look>>, signal: AbortSignal): Promise<number> {
  const [rules] = await generator.prefixes!.find(survey.first === undefined ? [] : [{ ...survey.first.prompt, prefixParts: 1 }], signal);
  return survey.fittingTokens - Math.max(0, survey.figures.fittingPassages - 1) * (rules?.tokens ?? 0);
}

/** Most that is kept. What is written beyond it would push out what was read before. */
function limitOf(generator: Generator): number {
  const limits = generator.prefixes?.limits;
  if (limits === undefined) {
    throw new MillraceError(
      'E_PREFIX_NOT_KEPT',
      `Nothing that ${generator.model.title} reads is kept: it is switched off, or the model does not allow it.`,
    );
  }
  return limits.diskBytes > 0 ? limits.diskBytes : limits.memoryBytes;
}

/** What of the limit is taken by what this model has read already; what others left there goes first, with time. */
async function keptBytes(generator: Generator): Promise<number> {
  const prefixes = generator.prefixes!;
  const counts = await prefixes.counts();
  return (prefixes.limits.diskBytes > 0 ? counts?.diskBytes : counts?.memoryBytes) ?? 0;
}

async function look(store: StoreReader, generator: Generator, documents: readonly NamedDocument[], roomBytes: number, signal: AbortSignal) {
  const figures = {
    passages: 0,
    keptPassages: 0,
    tooLongPassages: 0,
    unreadPassages: 0,
    unreadTokens: 0,
    unreadBytes: 0,
    fittingPassages: 0,
  };
  let fittingTokens = 0;
  let first: Candidate | undefined;
  for await (const candidate of candidatesOf(store, generator, documents, signal)) {
    figures.passages += 1;
    if (candidate.state === 'kept') figures.keptPassages += 1;
    else if (candidate.state === 'too-long') figures.tooLongPassages += 1;
    else {
      first ??= candidate;
      figures.unreadPassages += 1;
      figures.unreadTokens += candidate.found.tokens;
      figures.unreadBytes += candidate.found.bytes + entryBytes;
      if (figures.unreadBytes > roomBytes) continue;
      figures.fittingPassages += 1;
      fittingTokens += candidate.found.tokens;
    }
  }
  return { figures, fittingTokens, first: figures.fittingPassages > 0 ? first : undefined };
}

async function* unread(
  store: StoreReader,
  generator: Generator,
  documents: readonly NamedDocument[],
  signal: AbortSignal,
): AsyncGenerator<Candidate, undefined> {
  for await (const candidate of candidatesOf(store, generator, documents, signal)) if (candidate.state === 'unread') yield candidate;
}

async function* candidatesOf(
  store: StoreReader,
  generator: Generator,
  documents: readonly NamedDocument[],
  signal: AbortSignal,
): AsyncGenerator<Candidate> {
  for (const { document, source } of documents) {
    const ids = await store.listChunks(document);
    for (let start = 0; start < ids.length; start += batchChunks) {
      signal.throwIfAborted();
      const chunks = await store.readChunks(ids.slice(start, start + batchChunks));
      const prompts = chunks.map((chunk) => passagePrompt('', passageOf(chunk), promptFamilyOf(generator.model.id)));
      const states = await generator.prefixes!.find(prompts, signal);
      for (const [index, chunk] of chunks.entries()) {
        const found = states[index]!;
        const state = isKept(generator, found) ? 'kept' : found.promptTokens > generator.model.maxSequenceTokens ? 'too-long' : 'unread';
        yield { document, source, passage: chunk.number, prompt: prompts[index]!, found, state };
      }
    }
  }
}

interface NamedDocument {
  readonly document: DocumentId;
  readonly source: string;
}

/** The documents of the named sources, each once, in order of key. A name is a key, a URI or a folder above them. */
async function documentsOf(
  store: StoreReader,
  collection: string,
  names: ReadAheadCall['sources'],
  signal: AbortSignal,
): Promise<readonly NamedDocument[]> {
  const found = new Map<DocumentId, NamedDocument>();
  const missing = new Set(names);
  for (let afterKey: string | undefined; ;) {
    signal.throwIfAborted();
    const sources = await store.listSources(collection, afterKey === undefined ? {} : { afterKey });
    for (const { key, uri, document } of sources) {
      const matching = names.filter((name) => name.some((one) => isWithin(key, one) || isWithin(uri, one)));
      for (const name of matching) missing.delete(name);
      if (document === null || (names.length > 0 && matching.length === 0) || found.has(document)) continue;
      found.set(document, { document, source: uri });
    }
    afterKey = sources.at(-1)?.key;
    if (afterKey === undefined) break;
  }
  const [absent] = missing;
  if (absent !== undefined) {
    const [name] = absent;
    throw new MillraceError('E_SOURCE_MISSING', `The collection "${collection}" holds no source "${name}".`, {
      remedy: 'Run "millrace documents list" to see what there is.',
    });
  }
  return [...found.values()];
}

/** A name is of the source itself, or of a folder above it. */
function isWithin(source: string, name: string): boolean {
  const folder = name.replace(/[/\\]$/u, '');
  return source === name || source.startsWith(`${folder}/`) || source.startsWith(`${folder}\\`);
}
