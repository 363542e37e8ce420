import { closeFootnoteMarks } from '../language/footnote-marks.ts';
import type { TextSpan } from '../spec/chunk.ts';
import type { ParsedBlock } from '../spec/parser.ts';
import { isWhiteBetween, splitSpan } from './split-span.ts';

/** A longer span is cut, so that chunks can be filled evenly; about 120 tokens of English. UTF-8 bytes. */
const maxSpanBytes = 480;

/** Lines of code are joined up to this length. UTF-16 units. */
const codeSpanLength = 240;

/** Longest text that is segmented at once; `segmentSlices` gives its caller a turn after one or two. UTF-16 units. */
const sliceLength = 64 * 1024;

/** Dear to make. */
const sentences = new Intl.Segmenter('en', { granularity: 'sentence' });

type Block = Pick<ParsedBlock, 'kind' | 'start' | 'end'>;

/** All spans of a text, in order. For long texts `segmentSlices` does the same in steps. */
export function segment(text: string, blocks: readonly Block[]): TextSpan[] {
  return [...segmentSlices(text, blocks)].flat();
}

/**
 * The spans of a text in slices of some hundred, each a few milliseconds of work: sentences of prose, rows of tables, lines of
 * code. Every character that is not white space is in exactly one span.
 */
export function* segmentSlices(text: string, blocks: readonly Block[]): Generator<TextSpan[]> {
  let spans: TextSpan[] = [];
  let sliceStart = 0;
  for (const { kind, start, end, block } of pieces(text, blocks)) {
    for (const range of ranges(text, kind, start, end)) {
      for (const { start: from, end: to } of splitSpan(text, range.start, range.end, maxSpanBytes))
        spans.push({ start: from, end: to, block });
    }
    if (end - sliceStart < sliceLength) continue;
    yield spans;
    spans = [];
    sliceStart = end;
  }
  yield spans;
}

interface Piece extends Block {
  readonly block: number;
}

/** The blocks, the text between them, and long blocks in parts that end at a line end where there is one. */
function* pieces(text: string, blocks: readonly Block[]): Generator<Piece> {
  let position = 0;
  for (const [block, { kind, start, end }] of blocks.entries()) {
    if (!isWhiteBetween(text, position, start)) yield* parts(text, { kind: 'paragraph', start: position, end: start, block: -1 });
    yield* parts(text, { kind, start, end, block });
    position = end;
  }
  if (!isWhiteBetween(text, position, text.length)) yield* parts(text, { kind: 'paragraph', start: position, end: text.length, block: -1 });
}

function* parts(text: string, piece: Piece): Generator<Piece> {
  let { start } = piece;
  while (piece.end - start > sliceLength) {
    const cut = cutBefore(text, piece.kind, start, start + sliceLength);
    yield { ...piece, start, end: cut };
    start = cut;
  }
  yield { ...piece, start };
}

/** Where a text is best cut behind `start` and not behind `limit`: at the end of a sentence, or of a row or line. */
export function cutBefore(text: string, kind: ParsedBlock['kind'], start: number, limit: number): number {
  return lastCut(text, start, limit, kind === 'table' || kind === 'code' ? ['\n', ' '] : ['. ', '\n', ' ']);
}

/** The end of the last of the first separator that occurs, else `limit`, never inside a surrogate pair. */
function lastCut(text: string, start: number, limit: number, separators: readonly string[]): number {
  for (const separator of separators) {
    const found = text.lastIndexOf(separator, limit - separator.length);
    if (found > start) return found + separator.length;
  }
  return isLowSurrogateAt(text, limit) ? limit - 1 : limit;
}

function isLowSurrogateAt(text: string, position: number): boolean {
  const unit = text.charCodeAt(position);
  return unit >= 0xdc00 && unit <= 0xdfff;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

function ranges(text: string, kind: ParsedBlock['kind'], start: number, end: number): Iterable<Range> {
  if (kind === 'heading') return [{ start, end }];
  if (kind === 'table') return lines(text, start, end, 0);
  if (kind === 'code') return lines(text, start, end, codeSpanLength);
  return sentenceRanges(text, start, end);
}

/** Lines, joined while they are together not longer than `joinLength`. */
function* lines(text: string, start: number, end: number, joinLength: number): Generator<Range> {
  let from = start;
  let position = start;
  while (position < end) {
    const lineEnd = text.indexOf('\n', position);
    const next = lineEnd === -1 || lineEnd >= end ? end : lineEnd + 1;
    if (position > from && next - from > joinLength) {
      yield { start: from, end: position };
      from = position;
    }
    position = next;
  }
  if (from < end) yield { start: from, end };
}

/** What a sentence can end with, by the rules of Unicode (UAX #29). */
const sentenceEnd = /[\p{Sentence_Terminal}.\u2024\ufe52\uff0e\r\u0085\u2028\u2029]/u;

function sentenceRanges(text: string, start: number, end: number): Iterable<Range> {
  // A line end inside a block is only a wrapped line; the segmenter would end a sentence there.
  const prose = text.slice(start, end).replaceAll('\n', ' ');
  return isOneSentence(prose) ? [{ start, end }] : segmentedRanges(closeFootnoteMarks(prose), start);
}

/** Where nothing can end a sentence but what stands at the end of the text. The segmenter would say the same and takes a hundred times as long. */
function isOneSentence(prose: string): boolean {
  let last = prose.length;
  while (last > 0 && prose.charAt(last - 1) === ' ') last -= 1;
  while (last > 0 && closings.includes(prose.charAt(last - 1))) last -= 1;
  while (last > 0 && stops.includes(prose.charAt(last - 1))) last -= 1;
  return !sentenceEnd.test(last === prose.length ? prose : prose.slice(0, last));
}

const closings = ')]"\'';
const stops = '.!?';

function* segmentedRanges(prose: string, start: number): Generator<Range> {
  let from = 0;
  let position = 0;
  for (const { segment: sentence } of sentences.segment(prose)) {
    position += sentence.length;
    if (position < prose.length && endsInAbbreviation(sentence)) continue;
    yield { start: start + from, end: start + position };
    from = position;
  }
  if (from < prose.length) yield { start: start + from, end: start + prose.length };
}

/** Words that end in a full stop in the middle of a sentence, in lower case. */
const abbreviations = new Set(
  (
    'mr mrs ms dr prof st sr jr rev gen col capt lt sgt hon messrs mt ' +
    'e.g i.e cf vs viz al approx ca no nos fig figs eq eqs sec secs ch chs vol vols pp p ed eds art arts para paras app tab ref refs ' +
    'inc ltd co corp dept est univ assn bros jan feb mar apr jun jul aug sep sept oct nov dec ' +
    'z.b bzw usw nr abs bd hrsg vgl d.h u.a s.o m.e ggf evtl ' +
    'u.s u.k ph.d m.d b.c a.d a.m p.m art.'
  ).split(' '),
);

function endsInAbbreviation(sentence: string): boolean {
  const word = /(?:^|[\s(["'“‘])([\p{L}.]{1,8})\.\s*$/u.exec(sentence.slice(-24))?.[1];
  if (word === undefined) return false;
  return abbreviations.has(word.toLowerCase()) || /^\p{Lu}$/u.test(word);
}
