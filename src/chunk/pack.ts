import type { ChunkOptions, ChunkSpan, TextSpan } from '../spec/chunk.ts';
import type { ParsedBlock, ReadDocument } from '../spec/parser.ts';
import { createSectionReader, type Section } from './sections.ts';
import { splitOversized } from './split-oversized.ts';

/** A section of at most this share of the target is merged with small neighbours. */
const tinyShare = 0.25;

/** A chunk filled to this share of its goal ends where a block ends. */
const goodShare = 0.75;

/** Of what is longer the end is not looked for, to cut it evenly: the packer holds no more than these many spans, however long a section is. */
export const lookAheadSpans = 2_048;

/**
 * Packs spans into chunks. `tokenCounts[i]` are the tokens of `spans[i]` for the embedder. A chunk never runs past a heading,
 * except where a heading has no text of its own or where small sections of the same parent fit one chunk. Long sections are cut
 * evenly, at ends of blocks where one is near; table rows stay whole. A span above `maxTokens` is cut further, conservatively:
 * `refineSpans` with new counts before this call packs tighter.
 *
 * Every character of the text that is not white space is in a chunk; chunks are in order; no chunk is above `maxTokens`.
 */
export function packChunks(
  document: Pick<ReadDocument, 'text' | 'blocks'>,
  spans: readonly TextSpan[],
  tokenCounts: Uint32Array,
  options: ChunkOptions,
): ChunkSpan[] {
  const packer = createPacker(
    { slice: (start, end) => document.text.slice(start, end), block: (index) => document.blocks[index] },
    options,
  );
  return [...packer.push(spans, tokenCounts), ...packer.end()];
}

/** The text and the blocks of a document, as far as spans of it were pushed and `neededFrom` does not give them up. */
export interface PackedSource {
  slice(start: number, end: number): string;
  block(index: number): ParsedBlock | undefined;
}

/** `packChunks` for a document that comes bit by bit: however it is parted, the chunks are the same. */
export interface Packer {
  /** The next spans with their counts. Returns the chunks that are certain now. */
  push(spans: readonly TextSpan[], tokenCounts: Uint32Array): ChunkSpan[];
  end(): ChunkSpan[];
  /** Where the first chunk that is yet to come may begin; before the first span 0. */
  readonly neededFrom: number;
}

/** A span with all that packing looks at. */
interface PackedSpan extends TextSpan {
  /** 0, 1, … in the document. */
  readonly number: number;
  readonly tokens: number;
  readonly of: ParsedBlock | undefined;
  readonly section: Section;
}

/** Spans that are cut as one: a section, or several that are merged. */
interface Group {
  /** Number of its last span so far. */
  readonly last: number;
  /** Nothing is added to it any more. */
  readonly isClosed: boolean;
}

export function createPacker(source: PackedSource, options: ChunkOptions): Packer {
  const { maxTokens, overlapTokens } = options;
  const targetTokens = Math.min(options.targetTokens, maxTokens);
  const sectionReader = createSectionReader(source.slice);
  /** Spans that are in no chunk yet, behind the last one that is; those from `from` on. */
  let spans: PackedSpan[] = [];
  let from = 0;
  let pushed = 0;
  /** Sections from that of the first span without a chunk on. */
  let sections: Section[] = [];
  /** The first span of the chunk before, where that is of the same group. */
  let previousFirst: number | undefined;
  /** Tokens from `from` to the end of its group, where that end has been found. */
  let remaining: number | undefined;
  let ended = false;

  function spanAt(number: number): PackedSpan | undefined {
    return spans[number - (spans[0]?.number ?? 0)];
  }

  /** The group of the first section that waits. */
  function firstGroup(lead: Section): Group {
    const tiny = targetTokens * tinyShare;
    let { last, tokens, hasBody } = lead;
    let allTiny = tokens <= tiny;
    for (let index = 1; index < sections.length; index += 1) {
      const next = sections[index] as Section;
      const isWhole = ended || index < sections.length - 1;
      if (next.level < lead.level || next.first - lead.first >= lookAheadSpans) return { last, isClosed: true };
      if (hasBody) {
        const mayJoin = tokens + next.tokens <= targetTokens && allTiny && next.tokens <= tiny;
        if (!mayJoin) return { last, isClosed: true };
        if (!isWhole) return { last, isClosed: false };
      }
      ({ last } = next);
      tokens += next.tokens;
      hasBody ||= next.hasBody;
      allTiny &&= next.tokens <= tiny;
    }
    return { last, isClosed: ended };
  }

  /** The next run of spans [first, last] that is a chunk; `undefined` while more spans could make it another one. */
  function nextCut(first: number, group: Group): { readonly last: number; readonly tokens: number } | undefined {
    const isNear = group.last - first < lookAheadSpans;
    if (isNear && !group.isClosed) return undefined;
    const limit = isNear ? group.last : first + lookAheadSpans - 1;
    if (isNear) remaining ??= sumOf(first, limit);
    const goal =
      remaining === undefined ? targetTokens : remaining <= maxTokens ? maxTokens : remaining / Math.ceil(remaining / targetTokens);
    let tokens = spanAt(first)?.tokens ?? 0;
    let last = first;
    let afterHeading = isHeading(spanAt(first));
    for (let next = first + 1; next <= limit; next += 1) {
      const span = spanAt(next);
      if (span === undefined || tokens + span.tokens > maxTokens) break;
      const startsBlock = span.block !== spanAt(last)?.block;
      const isFull = tokens + span.tokens / 2 > goal || (startsBlock && tokens >= goodShare * goal && tokens + span.tokens > goal);
      if (isFull && !afterHeading) break;
      tokens += span.tokens;
      last = next;
      afterHeading = isHeading(span);
    }
    // A heading at the end belongs to what follows it.
    while (last > first && last < group.last && isHeading(spanAt(last)) && !onlyHeadings(first, last)) {
      tokens -= spanAt(last)?.tokens ?? 0;
      last -= 1;
    }
    return { last, tokens };
  }

  function sumOf(first: number, last: number): number {
    let tokens = 0;
    for (let number = first; number <= last; number += 1) tokens += spanAt(number)?.tokens ?? 0;
    return tokens;
  }

  function onlyHeadings(first: number, last: number): boolean {
    for (let number = first; number <= last; number += 1) if (!isHeading(spanAt(number))) return false;
    return true;
  }

  function toChunk(first: number, last: number, itsTokens: number): ChunkSpan {
    const lead = spanAt(first) as PackedSpan;
    const { section } = lead;
    const before = spanAt(first - 1);
    // The chunk before keeps a start of its own.
    const mayRepeat = previousFirst !== undefined && first - 1 > previousFirst && first > section.first;
    let start = lead;
    let tokens = itsTokens;
    if (before !== undefined && mayRepeat && before.tokens <= Math.min(overlapTokens, maxTokens - tokens)) {
      const kind = before.of?.kind;
      if (kind !== 'heading' && kind !== 'table' && kind !== 'code' && lead.of?.kind !== 'table') {
        start = before;
        tokens += before.tokens;
      }
    }
    const header = start.of?.header;
    const startsWithHeading = start.of?.kind === 'heading' && start.of.start === start.start;
    return {
      start: start.start,
      end: spanAt(last)?.end ?? 0,
      headingPath: startsWithHeading || section.heading === undefined ? [...section.path] : [...section.path, section.heading],
      tokens,
      ...(header !== undefined && start.start >= header.end ? { tableHeader: { ...header } } : {}),
    };
  }

  /** The chunks that are certain. */
  function settle(): ChunkSpan[] {
    const chunks: ChunkSpan[] = [];
    for (let lead = sections[0]; lead !== undefined; lead = sections[0]) {
      const group = firstGroup(lead);
      while (from <= group.last) {
        const cut = nextCut(from, group);
        if (cut === undefined) break;
        chunks.push(toChunk(from, cut.last, cut.tokens));
        if (remaining !== undefined) remaining -= cut.tokens;
        previousFirst = from;
        from = cut.last + 1;
      }
      if (from <= group.last || !group.isClosed) break;
      sections = sections.slice(sections.findLastIndex(({ first }) => first <= group.last) + 1);
      previousFirst = undefined;
      remaining = undefined;
    }
    // One that has its chunk stays, for the overlap.
    spans = spans.slice(Math.max(0, from - 1 - (spans[0]?.number ?? 0)));
    return chunks;
  }

  return {
    push(more, tokenCounts) {
      for (const { span, tokens } of splitOversized(source, more, tokenCounts, maxTokens)) {
        const of = source.block(span.block);
        const section = sectionReader.next({ number: pushed, tokens, block: span.block, of });
        if (section !== sections.at(-1)) sections.push(section);
        spans.push({ ...span, number: pushed, tokens, of, section });
        pushed += 1;
      }
      return settle();
    },
    end() {
      ended = true;
      return settle();
    },
    get neededFrom() {
      return spans[0]?.start ?? 0;
    },
  };
}

function isHeading(span: PackedSpan | undefined): boolean {
  return span?.of?.kind === 'heading';
}
