import { type MillraceError, toMillraceError } from '../errors.ts';
import type { Estimate } from '../spec/estimates.ts';
import type { IngestOptions, IngestSource } from '../spec/mill.ts';
import { parseCost } from '../spec/parser.ts';
import { evenly } from '../util/evenly.ts';
import { discover, type ReachedSource } from './discover.ts';
import type { IngestParts } from './ingest-run.ts';
import { looksUnchanged, readKnown } from './known-source.ts';
import { lookAtSource, sourceKey } from './look-at-source.ts';
import { makeDocument } from './make-document.ts';

/** Files that are read and parsed. */
const sampledFiles = 6;
/** Paths that are kept to choose them from; of more, every second one, then every fourth, … */
const keptPaths = 4_096;
/** So many sources are looked at one by one; of those beyond, every sixteenth stands for all. */
const lookedAtAll = 1_000;
const beyondEvery = 16;
/** Files above are left out of the sample: it is to be short. */
const largestSampled = 4 * 1024 * 1024;
/** Chunks that are embedded. */
const sampledChunks = 16;
/** Parsers work side by side, and beside the embedder. */
const mostOverlap = 2;
const spread = 0.3;
/** In the record: text and text index, a row and two indexes for each chunk. */
const textBytes = 2.2;
const chunkBytes = 400;

interface Found {
  readonly source: ReachedSource;
  readonly size: number;
}

/**
 * Finds every source, looks at a share of them, reads and embeds some of those that are new or changed, and tells what all would take.
 * Nothing is written, but the embedder is loaded. With fewer than `leastItems` to read nothing is sampled or loaded.
 *
 * @throws MillraceError E_SOURCE_MISSING where nothing is there to read
 */
export async function estimateIngest(
  sources: Iterable<IngestSource> | AsyncIterable<IngestSource>,
  options: Pick<IngestOptions, 'collection' | 'embed' | 'reread'>,
  parts: IngestParts,
  call: { readonly signal: AbortSignal; readonly leastItems: number },
): Promise<Estimate> {
  const { signal } = call;
  const { clock, store } = parts;
  const collection = options.collection ?? 'default';
  const seen = { items: 0, unchanged: 0, bytes: 0 };
  /** Of those that stand for all beyond `lookedAtAll`. */
  const beyond = { looked: 0, unchanged: 0, bytes: 0 };
  let kept: Found[] = [];
  let every = 1;
  let looks = 0;
  let missing: MillraceError | undefined;
  for await (const source of discover(sources, { workingDirectory: parts.workingDirectory })) {
    signal.throwIfAborted();
    if (source.kind === 'unreachable') missing ??= source.error;
    if (source.kind === 'unreachable' || source.kind === 'vanished') continue;
    seen.items += 1;
    const isBeyond = seen.items > lookedAtAll;
    if (isBeyond && (seen.items - lookedAtAll) % beyondEvery !== 1) continue;
    if (isBeyond) beyond.looked += 1;
    const tally = isBeyond ? beyond : seen;
    const looked = await lookAtSource(source, {}, store).catch(() => undefined);
    if (looked === undefined) continue;
    const known = options.reread === true ? undefined : await readKnown(store, collection, sourceKey(source));
    if (known !== undefined && source.kind === 'file' && looksUnchanged(known, looked.source)) {
      tally.unchanged += 1;
      continue;
    }
    tally.bytes += looked.size;
    looks += 1;
    if (looks % every === 0) kept.push({ source, size: looked.size });
    if (kept.length < keptPaths) continue;
    kept = kept.filter((_, index) => index % 2 === 0);
    every *= 2;
  }
  if (seen.items === 0 && missing !== undefined) throw missing;
  const each = beyond.looked === 0 ? 0 : (seen.items - lookedAtAll) / beyond.looked;
  const unchanged = seen.unchanged + Math.round(beyond.unchanged * each);
  const counts = { items: seen.items, unchanged, ...(each > 1 ? { unchangedIsAbout: true as const } : {}) };
  const bytes = seen.bytes + beyond.bytes * each;
  if (seen.items === unchanged || seen.items - unchanged < call.leastItems) {
    return { ...counts, sampled: 0, newTokens: 0, reusedTokens: 0, leastMs: 0, mostMs: 0, diskBytes: 0 };
  }

  const embedder = await parts.embedder();
  const sample = { files: 0, bytes: 0, text: 0, chunks: 0, tokens: 0, readMs: 0, embedMs: 0, embeddedTokens: 0 };
  const small = kept.filter(({ size }) => size <= largestSampled);
  for (const { source } of evenly(small, sampledFiles)) {
    await readOne(source).catch((thrown: unknown) => {
      signal.throwIfAborted();
      const error = toMillraceError(thrown);
      // A file that cannot be read costs little; anything else is told.
      if (!/^E_(?:SOURCE|DOCUMENT|PARSE)_/.test(error.code)) throw error;
    });
  }

  async function readOne(source: ReachedSource): Promise<void> {
    const started = clock.monotonic();
    const looked = await lookAtSource(source, {}, store);
    const { bytes, sha256 } = await looked.read(signal);
    const { name, contentType } = looked;
    const input = { bytes, name, ...(contentType === undefined ? {} : { contentType }) };
    const cost = parseCost(bytes.length);
    await parts.scheduler.ready('parse', cost, signal);
    const parsed = await parts.scheduler.submit({ lane: 'parse', class: 'background', input, cost, signal, deliver: 'final' }).result();
    const identity = { bytesSha256: sha256, parseOptionsHash: parts.parser.optionsHash };
    const document = await makeDocument(parsed, identity, parts.chunker, embedder, signal);
    sample.readMs += clock.monotonic() - started;
    sample.files += 1;
    sample.bytes += bytes.length;
    sample.text += document.text.length;
    sample.chunks += document.chunks.length;
    sample.tokens += document.chunks.reduce((sum, { tokens }) => sum + tokens, 0);
    if (options.embed === false) return;
    for (const chunk of evenly(document.chunks, Math.ceil(sampledChunks / sampledFiles))) {
      const begun = clock.monotonic();
      const texts = [document.text.slice(chunk.start, chunk.end)];
      const embedCost = { tokens: chunk.tokens, items: 1 };
      await parts.scheduler
        .submit({ lane: 'embed', class: 'background', input: { texts, kind: 'passage' }, cost: embedCost, signal, deliver: 'final' })
        .result();
      sample.embedMs += clock.monotonic() - begun;
      sample.embeddedTokens += chunk.tokens;
    }
  }

  const scale = sample.bytes === 0 ? 0 : bytes / sample.bytes;
  const tokens = sample.tokens * scale;
  const reading = sample.readMs * scale;
  const embedding = sample.embeddedTokens === 0 ? 0 : (tokens * sample.embedMs) / sample.embeddedTokens;
  const vectorBytes = options.embed === false ? 0 : embedder.model.dimensions * 2 * 2;
  return {
    ...counts,
    sampled: sample.files,
    newTokens: options.embed === false ? 0 : Math.round(tokens),
    reusedTokens: 0,
    leastMs: Math.max(reading / mostOverlap, embedding / mostOverlap) * (1 - spread),
    mostMs: (reading + embedding) * (1 + spread),
    diskBytes: Math.round(scale * (sample.text * textBytes + sample.chunks * (chunkBytes + vectorBytes))),
  };
}
