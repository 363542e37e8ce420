import { packSlices } from '../chunk/pack.ts';
import { segmentSlices } from '../chunk/segment.ts';
import { refineSpans } from '../chunk/split-oversized.ts';
import type { ChunkOptions, TextSpan } from '../spec/chunk.ts';
import type { Tokenizer } from '../spec/engine.ts';
import type { ParsedDocument } from '../spec/parser.ts';
import type { NewChunk, NewDocument } from '../spec/store.ts';
import { eventLoopTurn } from '../util/event-loop-turn.ts';
import { sha256, sha256InSteps } from '../util/hash.ts';

export interface Chunker {
  readonly options: ChunkOptions;
  readonly hash: string;
}

/** Rounds of recounting spans that were too long; what is still too long then is cut by bytes. */
const refineRounds = 3;

/** A parsed document with its chunks, as it goes into the record: segment, count, pack. Gives the main thread back between slices. */
export async function makeDocument(
  parsed: ParsedDocument,
  identity: { readonly bytesSha256: string; readonly parseOptionsHash: string },
  chunker: Chunker,
  tokenizer: Pick<Tokenizer, 'countTokens'>,
  signal: AbortSignal,
): Promise<NewDocument> {
  let spans: TextSpan[] = [];
  const counted: number[] = [];
  for (const slice of segmentSlices(parsed.text, parsed.blocks)) {
    if (slice.length === 0) continue;
    counted.push(
      ...(await tokenizer.countTokens(
        slice.map(({ start, end }) => parsed.text.slice(start, end)),
        signal,
      )),
    );
    spans.push(...slice);
  }
  let counts = Uint32Array.from(counted);
  for (let round = 0; round < refineRounds; round++) {
    const refined = refineSpans(parsed.text, spans, counts, chunker.options.maxTokens);
    spans = refined.spans;
    counts = Uint32Array.from(refined.tokenCounts);
    if (refined.changed.length === 0) break;
    const texts = refined.changed.map((index) => parsed.text.slice(spans[index]?.start, spans[index]?.end));
    const recounted = await tokenizer.countTokens(texts, signal);
    for (const [position, index] of refined.changed.entries()) counts[index] = recounted[position] ?? 0;
  }
  const chunks: NewChunk[] = [];
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
    if (slice.length > 0) await eventLoopTurn();
  }
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
    warnings: parsed.warnings,
    chunkerHash: chunker.hash,
    chunks,
    ...(parsed.title === undefined ? {} : { title: parsed.title }),
    ...(parsed.author === undefined ? {} : { author: parsed.author }),
    ...(parsed.language === undefined ? {} : { language: parsed.language }),
    ...(parsed.createdAt === undefined ? {} : { createdAt: parsed.createdAt }),
    ...(parsed.modifiedAt === undefined ? {} : { modifiedAt: parsed.modifiedAt }),
  };
}
