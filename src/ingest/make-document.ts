import { packSlices } from '../chunk/pack.ts';
import { segmentSlices } from '../chunk/segment.ts';
import { refineSpans } from '../chunk/split-oversized.ts';
import { createLanguageDetector } from '../language/detect-language.ts';
import type { ChunkOptions, TextSpan } from '../spec/chunk.ts';
import type { Embedder } from '../spec/engine.ts';
import type { ReadDocument } from '../spec/parser.ts';
import { spanNumbers } from '../spec/parsed-numbers.ts';
import type { NewChunk, NewDocument } from '../spec/store.ts';
import { eventLoopTurn } from '../util/event-loop-turn.ts';
import { sha256, sha256InSteps } from '../util/hash.ts';
import type { SlicedText } from '../spec/sliced-text.ts';

export interface Chunker {
  readonly options: ChunkOptions;
  readonly hash: string;
}

/** The embedder counts tokens, and is named where it was not made for the language of a document. */
export interface MakingEmbedder {
  readonly tokenizer: Pick<Embedder['tokenizer'], 'countTokens'>;
  readonly model: Pick<Embedder['model'], 'id' | 'languages'>;
}

const { detect } = createLanguageDetector();
/** What is taken where the embedder does not read the language; the catalogue has it. */
const multilingualEmbedder = 'multilingual-e5-small';

/** Rounds of recounting spans that were too long; what is still too long then is cut by bytes. */
const refineRounds = 3;

/** Spans, and chunks, of one turn; documents with fewer are made together in one. */
const turnSpans = 2_000;
const turnChunks = 100;

/** A parsed document with its chunks, as it goes into the record: segment, count, pack. Gives the main thread back between slices. */
export async function makeDocument(
  parsed: ReadDocument,
  identity: { readonly bytesSha256: string; readonly parseOptionsHash: string },
  chunker: Chunker,
  { tokenizer, model }: MakingEmbedder,
  signal: AbortSignal,
): Promise<NewDocument> {
  let spans: TextSpan[] = [];
  const counted: number[] = [];
  for (const slice of spanSlices(parsed)) {
    if (slice.length === 0) continue;
    counted.push(
      ...(await tokenizer.countTokens(
        slice.map(({ start, end }) => parsed.text.slice(start, end)),
        signal,
      )),
    );
    spans.push(...slice);
    if (spans.length >= turnSpans) await eventLoopTurn();
  }
  let counts = Uint32Array.from(counted);
  for (let round = 0; round < refineRounds; round++) {
    const refined = await refineInTurns(parsed.text, spans, counts, chunker.options.maxTokens);
    spans = refined.spans;
    counts = Uint32Array.from(refined.tokenCounts);
    if (refined.changed.length === 0) break;
    const texts = refined.changed.map((index) => parsed.text.slice(spans[index]?.start, spans[index]?.end));
    const recounted = await tokenizer.countTokens(texts, signal);
    for (const [position, index] of refined.changed.entries()) counts[index] = recounted[position] ?? 0;
  }
  const chunks: NewChunk[] = [];
  // To look through all spans of a long document and then to pack them are two turns' work.
  if (spans.length >= turnSpans) await eventLoopTurn();
  for (const slice of packSlices(parsed, spans, counts, chunker.options)) {
    for (const { start, end, headingPath, tableHeader, tokens } of slice) {
      chunks.push({
        number: chunks.length,
        start,
        end,
        headingPath,
        ...(tableHeader === undefined ? {} : { tableHeader }),
        tokens,
        sha256: sha256(parsed.text.slice(start, end)),
      });
    }
    signal.throwIfAborted();
    // Before the first chunk there are slices without one.
    if (slice.length === 0 || slice.length >= turnChunks) await eventLoopTurn();
  }
  const language = languageOf(parsed);
  const foreign = language === undefined ? undefined : foreignWarning(language, model);
  return {
    bytesSha256: identity.bytesSha256,
    parser: parsed.parser,
    parserVersion: parsed.parserVersion,
    parseOptionsHash: identity.parseOptionsHash,
    contentType: parsed.contentType,
    text: parsed.text,
    textSha256: await sha256InSteps(parsed.text),
    pages: parsed.pages,
    blocks: parsed.blocks,
    warnings: foreign === undefined ? parsed.warnings : [...parsed.warnings, foreign],
    chunkerHash: chunker.hash,
    chunks,
    ...(parsed.title === undefined ? {} : { title: parsed.title }),
    ...(parsed.author === undefined ? {} : { author: parsed.author }),
    ...(language === undefined ? {} : { language }),
    ...(parsed.createdAt === undefined ? {} : { createdAt: parsed.createdAt }),
    ...(parsed.modifiedAt === undefined ? {} : { modifiedAt: parsed.modifiedAt }),
  };
}

/** Spans that are looked through in one turn. */
const refineSlice = 20_000;

async function refineInTurns(
  text: SlicedText,
  spans: readonly TextSpan[],
  counts: Uint32Array,
  maxTokens: number,
): Promise<{ readonly spans: TextSpan[]; readonly tokenCounts: ArrayLike<number>; readonly changed: readonly number[] }> {
  if (spans.length <= refineSlice) return refineSpans(text, spans, counts, maxTokens);
  const refined: TextSpan[] = [];
  const tokenCounts: number[] = [];
  const changed: number[] = [];
  for (let first = 0; first < spans.length; first += refineSlice) {
    const end = first + refineSlice;
    const slice = refineSpans(text, spans.slice(first, end), counts.subarray(first, end), maxTokens);
    for (const index of slice.changed) changed.push(refined.length + index);
    for (const span of slice.spans) refined.push(span);
    for (const count of slice.tokenCounts) tokenCounts.push(count);
    await eventLoopTurn();
  }
  return { spans: refined, tokenCounts, changed };
}

/** Spans of one slice; a few milliseconds of work. */
const sliceSpans = 1_000;

/** The spans that came with the document, or those that its text is cut into here. */
function* spanSlices({ text, blocks, spans }: ReadDocument): Generator<TextSpan[], void> {
  if (spans === undefined) {
    yield* segmentSlices(text.slice(), blocks);
    return;
  }
  for (let first = 0; first < spans.length; first += sliceSpans * spanNumbers) {
    const slice: TextSpan[] = [];
    for (let at = first; at < Math.min(first + sliceSpans * spanNumbers, spans.length); at += spanNumbers) {
      slice.push({ start: spans[at] ?? 0, end: spans[at + 1] ?? 0, block: (spans[at + 2] ?? 0) - 1 });
    }
    yield slice;
  }
}

/** What the document says of itself, else what its beginning is written in. */
function languageOf({ language, text }: ReadDocument): string | undefined {
  return language ?? detect(text);
}

function foreignWarning(language: string, { id, languages }: MakingEmbedder['model']): string | undefined {
  const [primary = language] = language.toLowerCase().split(/[-_]/);
  if (languages.includes('*') || languages.includes(primary)) return undefined;
  return (
    `It is in the language "${primary}"; the embedder ${id} was made for ${languages.join(', ')}, so it is found by its words only where ` +
    `the question is in that language too. --embedder ${multilingualEmbedder} for a new collection reads it.`
  );
}
