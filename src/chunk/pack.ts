import type { ChunkOptions, ChunkSpan, TextSpan } from '../spec/chunk.ts';
import type { ReadDocument } from '../spec/parser.ts';
import { type Section, sectionsOf } from './sections.ts';
import { splitOversized } from './split-oversized.ts';

/** A section of at most this share of the target is merged with small neighbours. */
const tinyShare = 0.25;

/** A chunk filled to this share of its goal ends where a block ends. */
const goodShare = 0.75;

/** A span with its tokens, as the packer works on it. */
export interface CountedSpan extends TextSpan {
  readonly tokens: number;
}

/**
 * Packs spans into chunks. `tokenCounts[i]` are the tokens of `spans[i]` for the embedder. A chunk never runs past a heading,
 * except where a heading has no text of its own or where small sections of the same parent fit one chunk. Long sections are cut
 * evenly, at ends of blocks where one is near; table rows stay whole. A span above `maxTokens` is cut further, conservatively:
 * `splitOversized` with new counts before this call packs tighter.
 *
 * Every character of the text that is not white space is in a chunk; chunks are in order; no chunk is above `maxTokens`.
 */
export function packChunks(
  document: Pick<ReadDocument, 'text' | 'blocks'>,
  spans: readonly TextSpan[],
  tokenCounts: Uint32Array,
  options: ChunkOptions,
): ChunkSpan[] {
  return [...packSlices(document, spans, tokenCounts, options)].flat();
}

/** Chunks, and spans, of one step; a few milliseconds of work. */
const sliceChunks = 500;
const sliceSpans = 20_000;

/** The same in slices, so that the caller can give others a turn in a long document. Empty ones come before the first chunk. */
export function* packSlices(
  document: Pick<ReadDocument, 'text' | 'blocks'>,
  spans: readonly TextSpan[],
  tokenCounts: Uint32Array,
  options: ChunkOptions,
): Generator<ChunkSpan[]> {
  const limits = { ...options, targetTokens: Math.min(options.targetTokens, options.maxTokens) };
  const counted: CountedSpan[] = [];
  for (let first = 0; first < spans.length; first += sliceSpans) {
    if (first > 0) yield [];
    const end = first + sliceSpans;
    const parts = splitOversized(document.text, spans.slice(first, end), tokenCounts.subarray(first, end), limits.maxTokens);
    for (const { span, tokens } of parts) counted.push({ ...span, tokens });
  }
  const sections = yield* sectionsOf(document, counted, sliceSpans);
  let chunks: ChunkSpan[] = [];
  for (const group of mergeTiny(sections, limits)) {
    let repeatable = group.last + 1;
    for (const { first, last } of cuts(counted, group, document, limits.targetTokens, limits.maxTokens)) {
      chunks.push(toChunk(document, counted, sections, { first, last }, repeatable, limits));
      repeatable = first + 1;
      if (chunks.length < sliceChunks) continue;
      yield chunks;
      chunks = [];
    }
  }
  yield chunks;
}

interface Group {
  /** Spans [first, last]. */
  readonly first: number;
  readonly last: number;
}

function mergeTiny(sections: readonly Section[], { targetTokens }: ChunkOptions): Group[] {
  const tiny = targetTokens * tinyShare;
  const groups: Group[] = [];
  let index = 0;
  while (index < sections.length) {
    const lead = sections[index];
    if (lead === undefined) break;
    let { last, tokens } = lead;
    let hasBody = lead.hasBody;
    let allTiny = tokens <= tiny;
    for (index += 1; index < sections.length; index += 1) {
      const next = sections[index];
      if (next === undefined || next.level < lead.level) break;
      const fits = tokens + next.tokens <= targetTokens;
      if (hasBody && !(fits && allTiny && next.tokens <= tiny)) break;
      last = next.last;
      tokens += next.tokens;
      hasBody ||= next.hasBody;
      allTiny &&= next.tokens <= tiny;
    }
    groups.push({ first: lead.first, last });
  }
  return groups;
}

/** Cuts a group into runs of spans of about equal tokens. */
function* cuts(
  spans: readonly CountedSpan[],
  group: Group,
  { blocks }: Pick<ReadDocument, 'blocks'>,
  targetTokens: number,
  maxTokens: number,
): Generator<Group> {
  let remaining = 0;
  for (let index = group.first; index <= group.last; index += 1) remaining += spans[index]?.tokens ?? 0;
  let first = group.first;
  while (first <= group.last) {
    const goal = remaining <= maxTokens ? maxTokens : remaining / Math.ceil(remaining / targetTokens);
    let tokens = spans[first]?.tokens ?? 0;
    let last = first;
    let afterHeading = isHeading(spans[first], blocks);
    for (let next = first + 1; next <= group.last; next += 1) {
      const span = spans[next];
      if (span === undefined || tokens + span.tokens > maxTokens) break;
      const startsBlock = span.block !== spans[last]?.block;
      const isFull = tokens + span.tokens / 2 > goal || (startsBlock && tokens >= goodShare * goal && tokens + span.tokens > goal);
      if (isFull && !afterHeading) break;
      tokens += span.tokens;
      last = next;
      afterHeading = isHeading(span, blocks);
    }
    // A heading at the end belongs to what follows it.
    while (last > first && last < group.last && isHeading(spans[last], blocks) && !onlyHeadings(spans, first, last, blocks)) {
      tokens -= spans[last]?.tokens ?? 0;
      last -= 1;
    }
    yield { first, last };
    remaining -= tokens;
    first = last + 1;
  }
}

function isHeading(span: TextSpan | undefined, blocks: ReadDocument['blocks']): boolean {
  return span !== undefined && blocks[span.block]?.kind === 'heading';
}

function onlyHeadings(spans: readonly TextSpan[], first: number, last: number, blocks: ReadDocument['blocks']): boolean {
  for (let index = first; index <= last; index += 1) if (!isHeading(spans[index], blocks)) return false;
  return true;
}

function toChunk(
  { blocks }: Pick<ReadDocument, 'blocks'>,
  spans: readonly CountedSpan[],
  sections: readonly Section[],
  { first, last }: Group,
  /** The first span that this chunk may repeat: the one before it must keep a start of its own. */
  repeatable: number,
  { overlapTokens, maxTokens }: ChunkOptions,
): ChunkSpan {
  let tokens = 0;
  for (let index = first; index <= last; index += 1) tokens += spans[index]?.tokens ?? 0;
  const section = sectionAt(sections, first);
  let from = first;
  const previous = spans[first - 1];
  if (
    previous !== undefined &&
    first - 1 >= repeatable &&
    first > section.first &&
    previous.tokens <= Math.min(overlapTokens, maxTokens - tokens)
  ) {
    const kind = blocks[previous.block]?.kind;
    const nextKind = blocks[spans[first]?.block ?? -1]?.kind;
    if (kind !== 'heading' && kind !== 'table' && kind !== 'code' && nextKind !== 'table') {
      from = first - 1;
      tokens += previous.tokens;
    }
  }
  const start = spans[from]?.start ?? 0;
  const block = blocks[spans[from]?.block ?? -1];
  const header = block?.header;
  const startsWithHeading = block?.kind === 'heading' && block.start === start;
  return {
    start,
    end: spans[last]?.end ?? 0,
    headingPath: startsWithHeading || section.heading === undefined ? [...section.path] : [...section.path, section.heading],
    tokens,
    ...(header !== undefined && start >= header.end ? { tableHeader: { ...header } } : {}),
  };
}

/** The section that span `index` belongs to, by binary search. */
function sectionAt(sections: readonly Section[], index: number): Section {
  let low = 0;
  let high = sections.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((sections[middle]?.first ?? 0) <= index) low = middle;
    else high = middle - 1;
  }
  const section = sections[low];
  if (section === undefined) throw new RangeError('A span belongs to no section.');
  return section;
}
