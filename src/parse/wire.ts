import type { ParsedBlock, ParsedDocument, ParsedPortion, ReadDocument } from '../spec/parser.ts';
import { blockKinds, spanNumbers } from '../spec/parsed-numbers.ts';
import { eventLoopTurn } from '../util/event-loop-turn.ts';
import type { SlicedText } from '../spec/sliced-text.ts';
import { piecedText } from '../util/pieced-text.ts';
import type { DocumentHeader, PortionHeader, ResponseHeader } from './answer-header.ts';

/**
 * The messages between pool and child. A frame is two 32-bit little-endian lengths, that many bytes of JSON, that many raw bytes.
 * Large things travel raw, so that neither side spends time on them: the file; the text as UTF-16, blocks and boxes as numbers.
 * What comes from a child is checked like any input (`answer-header.ts`): it has read hostile files. What comes from the pool is not, so
 * that a child does without the library for it and starts sooner.
 */

export interface RequestHeader {
  readonly name: string;
  readonly contentType?: string;
  readonly membersFrom?: number;
  readonly ocr?: string;
}

/** What a child writes first, when it has loaded all formats and has read nothing yet. */
export const readyHeader = { outcome: 'ready' } as const;

/** Numbers a block: kind, level or 0, start, end, start and end of the header row or 0. */
const blockNumbers = 6;

/** A frame up to this size is one piece: a write costs more than a copy. Bytes. */
const onePieceBytes = 64 * 1024;

/** One frame, in pieces that are written one after another. `moreBytes` of its payload follow them. */
export function encodeFrame(
  header: RequestHeader | ResponseHeader | PortionHeader | typeof readyHeader,
  payload: readonly Uint8Array[],
  moreBytes = 0,
): Uint8Array[] {
  const json = Buffer.from(JSON.stringify(header), 'utf8');
  const lengths = Buffer.alloc(8);
  const payloadBytes = payload.reduce((sum, part) => sum + part.length, 0);
  lengths.writeUInt32LE(json.length, 0);
  lengths.writeUInt32LE(payloadBytes + moreBytes, 4);
  const pieces = [lengths, json, ...payload];
  return payloadBytes <= onePieceBytes ? [Buffer.concat(pieces)] : pieces;
}

export function encodeDocument(document: ParsedDocument): { readonly header: DocumentHeader; readonly payload: Uint8Array[] } {
  const { text, blocks, pages, members, spans, ...rest } = document;
  const unitBytes = unitBytesOf(text);
  return {
    header: {
      ...rest,
      textUnits: text.length,
      unitBytes,
      blockCount: blocks.length,
      ...(spans === undefined ? {} : { spanCount: spans.length / spanNumbers }),
      pages: pages.map(({ boxes, ...page }) => ({ ...page, ...(boxes === undefined ? {} : { boxes: boxes.length }) })),
      ...(members === undefined ? {} : { members: members.map((member) => ({ ...member, bytes: member.bytes.length })) }),
    },
    payload: [
      encodeText(text, unitBytes),
      ...[encodeBlocks(blocks), ...(spans === undefined ? [] : [spans]), ...pages.flatMap((page) => page.boxes ?? [])].map(bytesOf),
      ...(members ?? []).map(({ bytes }) => bytes),
    ],
  };
}

/** One byte a unit where all are below 256, else two. */
function unitBytesOf(text: string): 1 | 2 {
  // eslint-disable-next-line no-control-regex -- every code unit that one byte can hold
  return /^[\0-\u00FF]*$/.test(text) ? 1 : 2;
}

function encodeText(text: string, unitBytes: 1 | 2): Uint8Array {
  return Buffer.from(text, unitBytes === 1 ? 'latin1' : 'utf16le');
}

function encodeBlocks(blocks: readonly ParsedBlock[]): Uint32Array {
  const numbers = new Uint32Array(blocks.length * blockNumbers);
  for (const [index, block] of blocks.entries()) {
    const values = [
      blockKinds.indexOf(block.kind),
      block.level ?? 0,
      block.start,
      block.end,
      block.header?.start ?? 0,
      block.header?.end ?? 0,
    ];
    numbers.set(values, index * blockNumbers);
  }
  return numbers;
}

export function encodePortion({ text, blocks, spans, start, firstBlock }: ParsedPortion): {
  readonly header: PortionHeader;
  readonly payload: Uint8Array[];
} {
  const unitBytes = unitBytesOf(text);
  const counts = { textUnits: text.length, unitBytes, blockCount: blocks.length, spanCount: spans.length / spanNumbers };
  return {
    header: { outcome: 'portion', start, firstBlock, ...counts },
    payload: [encodeText(text, unitBytes), bytesOf(encodeBlocks(blocks)), bytesOf(spans)],
  };
}

function bytesOf(numbers: Uint32Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}

/** Of a text that is decoded in one turn, a few milliseconds. UTF-16 units. */
const pieceUnits = 4 * 1024 * 1024;
/** Blocks, and spans, that are checked in one turn of the event loop. */
const turnBlocks = 10_000;
const turnSpans = 200_000;

/** Takes a message apart. Throws `RangeError` where it is shorter than it says. */
function createPayloadReader(payload: Buffer) {
  let position = 0;
  function take(length: number): Buffer {
    if (position + length > payload.length) throw new RangeError('The message of the parser process is too short.');
    position += length;
    return payload.subarray(position - length, position);
  }
  return {
    take,
    takeNumbers(count: number): Uint32Array<ArrayBuffer> {
      const bytes = take(count * 4);
      const numbers = new Uint32Array(count);
      new Uint8Array(numbers.buffer).set(bytes);
      return numbers;
    },
  };
}

/** What has come of a document in portions. */
export interface PortionsSoFar {
  readonly textUnits: number;
  readonly blockCount: number;
  readonly lastBlock: ParsedBlock | undefined;
}

export const noPortions: PortionsSoFar = { textUnits: 0, blockCount: 0, lastBlock: undefined };

/** The inverse of `encodePortion`, and what has come with it. Rejects with `RangeError` where it does not fit what came before. */
export async function decodePortion(
  { textUnits, unitBytes, start, firstBlock, blockCount, spanCount }: PortionHeader,
  payload: Buffer,
  before: PortionsSoFar,
): Promise<{ readonly portion: ParsedPortion; readonly soFar: PortionsSoFar }> {
  const { take, takeNumbers } = createPayloadReader(payload);
  const text = take(textUnits * unitBytes).toString(unitBytes === 1 ? 'latin1' : 'utf16le');
  const end = start + textUnits;
  const goesOn = firstBlock === before.blockCount - 1 && blockCount > 0;
  if (textUnits === 0 || start !== before.textUnits || !text.isWellFormed() || (firstBlock !== before.blockCount && !goesOn)) {
    throw new RangeError('A portion does not follow the one before.');
  }
  const { lastBlock } = before;
  const blocks = await decodeBlocks(takeNumbers(blockCount * blockNumbers), end, goesOn ? (lastBlock?.start ?? 0) : start);
  if (goesOn && (blocks[0]?.start !== lastBlock?.start || blocks[0]?.kind !== lastBlock?.kind)) {
    throw new RangeError('A block does not go on where it ended.');
  }
  const spans = takeNumbers(spanCount * spanNumbers);
  await requireSpans(spans, end, { from: start, firstBlock, blockCount });
  return {
    portion: { start, text, blocks, firstBlock, spans },
    soFar: { textUnits: end, blockCount: firstBlock + blockCount, lastBlock: blocks.at(-1) ?? lastBlock },
  };
}

/** The inverse of `encodeDocument`, in steps; a long text in pieces. Rejects with `RangeError` where lengths or ranges do not fit together. */
export async function decodeDocument(header: DocumentHeader, payload: Buffer): Promise<ReadDocument> {
  const { textUnits, unitBytes, blockCount, spanCount, pages, members, portionUnits = 0, ...rest } = header;
  const { take, takeNumbers } = createPayloadReader(payload);
  const text = await decodeText(take(textUnits * unitBytes), unitBytes);
  const blocks = await decodeBlocks(takeNumbers(blockCount * blockNumbers), textUnits);
  const spans = spanCount === undefined ? undefined : takeNumbers(spanCount * spanNumbers);
  if (spans !== undefined) await requireSpans(spans, textUnits, { from: 0, firstBlock: 0, blockCount });
  let end = 0;
  const decodedPages = pages.map(({ boxes, ...page }) => {
    if (page.start < end || page.end < page.start || page.end > Math.max(textUnits, portionUnits))
      throw new RangeError('Pages overlap or leave the text.');
    end = page.end;
    return { ...page, ...(boxes === undefined ? {} : { boxes: takeNumbers(boxes) }) };
  });
  return {
    ...rest,
    text,
    blocks,
    ...(spans === undefined ? {} : { spans }),
    pages: decodedPages,
    // Copies: a member may outlive the message by far.
    ...(members === undefined ? {} : { members: members.map((member) => ({ ...member, bytes: Uint8Array.from(take(member.bytes)) })) }),
  };
}

async function decodeText(bytes: Buffer, unitBytes: 1 | 2): Promise<SlicedText> {
  const encoding = unitBytes === 1 ? 'latin1' : 'utf16le';
  const pieceBytes = pieceUnits * unitBytes;
  if (bytes.length <= pieceBytes) return bytes.toString(encoding);
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    if (pieces.length > 0) await eventLoopTurn();
    pieces.push(bytes.toString(encoding, at, Math.min(at + pieceBytes, bytes.length)));
  }
  return piecedText(pieces);
}

async function decodeBlocks(numbers: Uint32Array, textUnits: number, from = 0): Promise<ParsedBlock[]> {
  const blocks: ParsedBlock[] = [];
  let previousEnd = from;
  for (let at = 0; at < numbers.length; at += blockNumbers) {
    if ((blocks.length + 1) % turnBlocks === 0) await eventLoopTurn();
    const [kindIndex = 0, level = 0, start = 0, end = 0, headerStart = 0, headerEnd = 0] = numbers.subarray(at, at + blockNumbers);
    const kind = blockKinds[kindIndex];
    const headerFits = headerEnd === 0 || (headerStart >= start && headerEnd >= headerStart && headerEnd <= end);
    if (kind === undefined || start < previousEnd || end < start || end > textUnits || level > 6 || !headerFits) {
      throw new RangeError('Blocks overlap or leave the text.');
    }
    previousEnd = end;
    blocks.push({
      kind,
      start,
      end,
      ...(level === 0 ? {} : { level }),
      ...(headerEnd === 0 ? {} : { header: { start: headerStart, end: headerEnd } }),
    });
  }
  return blocks;
}

/** `firstBlock`, `blockCount`: the blocks that a span may be of. */
async function requireSpans(
  numbers: Uint32Array,
  textUnits: number,
  { from, firstBlock, blockCount }: { readonly from: number; readonly firstBlock: number; readonly blockCount: number },
): Promise<void> {
  let previousEnd = from;
  for (let at = 0; at < numbers.length; at += spanNumbers) {
    if ((at / spanNumbers + 1) % turnSpans === 0) await eventLoopTurn();
    const start = numbers[at] ?? 0;
    const end = numbers[at + 1] ?? 0;
    const block = numbers[at + 2] ?? 0;
    const isOfBlock = block === 0 || (block > firstBlock && block <= firstBlock + blockCount);
    if (start < previousEnd || end <= start || end > textUnits || !isOfBlock) {
      throw new RangeError('Spans overlap or leave the text.');
    }
    previousEnd = end;
  }
}

export interface Frame {
  readonly header: unknown;
  readonly payload: Buffer;
}

export interface FrameReader {
  /** Takes what arrived; gives the frames it completed, one by one. Throws `RangeError` for a frame beyond the limits. */
  push(chunk: Buffer): Iterable<Frame>;
}

/** Assembles frames; holds one, whose buffer is made at once in its final size. `payloadBytes` is asked for each frame. */
export function createFrameReader(limits: { readonly headerBytes: number; readonly payloadBytes: () => number }): FrameReader {
  const lengths = Buffer.alloc(8);
  let target = lengths;
  let filled = 0;
  let stage: 'lengths' | 'header' | 'payload' = 'lengths';
  let header = '';

  function advance(): Frame | undefined {
    filled = 0;
    if (stage === 'lengths') {
      if (lengths.readUInt32LE(0) > limits.headerBytes || lengths.readUInt32LE(4) > limits.payloadBytes()) {
        throw new RangeError(`A message of ${lengths.readUInt32LE(0)} + ${lengths.readUInt32LE(4)} bytes is larger than the limit.`);
      }
      stage = 'header';
      target = Buffer.alloc(lengths.readUInt32LE(0));
      return undefined;
    }
    if (stage === 'header') {
      header = target.toString('utf8');
      stage = 'payload';
      target = Buffer.alloc(lengths.readUInt32LE(4));
      return undefined;
    }
    const frame = { header: JSON.parse(header) as unknown, payload: target };
    stage = 'lengths';
    target = lengths;
    return frame;
  }

  return {
    *push(chunk) {
      let position = 0;
      while (position < chunk.length || (filled === target.length && stage !== 'lengths')) {
        const copied = chunk.copy(target, filled, position);
        filled += copied;
        position += copied;
        if (filled < target.length) break;
        const frame = advance();
        if (frame !== undefined) yield frame;
      }
    },
  };
}
