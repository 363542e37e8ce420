import { createPacker, type PackedSource } from '../chunk/pack.ts';
import { refineSpans } from '../chunk/split-oversized.ts';
import type { ChunkOptions, TextSpan } from '../spec/chunk.ts';
import type { Embedder } from '../spec/engine.ts';
import { spanNumbers } from '../spec/parsed-numbers.ts';
import type { NewChunk } from '../spec/store.ts';
import { sha256 } from '../util/hash.ts';

export interface Chunker {
  readonly options: ChunkOptions;
  readonly hash: string;
}

/** Rounds of recounting spans that were too long; what is still too long then is cut by bytes. */
const refineRounds = 3;

/** Spans of one slice; a few milliseconds of work. */
const sliceSpans = 1_000;

/** Makes the chunks of one document of its spans, a slice at a time. */
export interface ChunkMaker {
  /** The next spans. Resolves with the chunks that are certain by then. */
  add(spans: readonly TextSpan[]): Promise<NewChunk[]>;
  end(): NewChunk[];
  /** The text before it is not read any more. */
  readonly neededFrom: number;
}

/** @param source as far as spans of it were added */
export function createChunkMaker(
  source: PackedSource,
  { options }: Chunker,
  tokenizer: Pick<Embedder['tokenizer'], 'countTokens'>,
  signal: AbortSignal,
): ChunkMaker {
  const packer = createPacker(source, options);
  let made = 0;

  function count(spans: readonly TextSpan[]): Promise<Uint32Array> {
    return tokenizer.countTokens(
      spans.map(({ start, end }) => source.slice(start, end)),
      signal,
    );
  }

  function numbered(chunks: ReturnType<typeof packer.end>): NewChunk[] {
    return chunks.map(({ tableHeader, ...chunk }) => {
      made += 1;
      const hash = sha256(source.slice(chunk.start, chunk.end));
      return { number: made - 1, ...chunk, ...(tableHeader === undefined ? {} : { tableHeader }), sha256: hash };
    });
  }

  return {
    async add(added) {
      if (added.length === 0) return [];
      let spans = added;
      let counts = await count(spans);
      for (let round = 0; round < refineRounds; round += 1) {
        const refined = refineSpans(source, spans, counts, options.maxTokens);
        ({ spans, tokenCounts: counts } = refined);
        if (refined.changed.length === 0) break;
        const recounted = await count(refined.changed.map((index) => refined.spans[index] as TextSpan));
        for (const [position, index] of refined.changed.entries()) counts[index] = recounted[position] ?? 0;
      }
      return numbered(packer.push(spans, counts));
    },
    end: () => numbered(packer.end()),
    get neededFrom() {
      return packer.neededFrom;
    },
  };
}

/** Spans as they come from a parser process, a slice at a time. */
export function* spanSlices(spans: Uint32Array): Generator<TextSpan[], void> {
  for (let first = 0; first < spans.length; first += sliceSpans * spanNumbers) {
    const slice: TextSpan[] = [];
    for (let at = first; at < Math.min(first + sliceSpans * spanNumbers, spans.length); at += spanNumbers) {
      slice.push({ start: spans[at] ?? 0, end: spans[at + 1] ?? 0, block: (spans[at + 2] ?? 0) - 1 });
    }
    yield slice;
  }
}
