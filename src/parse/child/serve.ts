import { Socket } from 'node:net';
import { toMillraceError } from '../../errors.ts';
import type { FormatParser, ParsedDocument, ParsedPortion } from '../../spec/parser.ts';
import { systemClock } from '../../util/clock.ts';
import { contentParts, longUnits } from '../content-parts.ts';
import { parseInParts } from '../parse-document.ts';
import { createFrameReader, encodeDocument, encodeFrame, encodePortion, type Frame, readyHeader, type RequestHeader } from '../wire.ts';
import { createPortions, readyForChunks, withLanguage } from './ready-for-chunks.ts';

/** Answers wait so long, or up to so many bytes, for the next ones: each write wakes the parent. */
const togetherMs = 2;
const togetherBytes = 64 * 1024;

/** The descriptor for answers: standard output stays free for whatever a library prints. */
const answerDescriptor = 3;

/** Bytes of documents after which resident memory is looked at again. */
const residentEveryBytes = 32 * 1024;

/**
 * The child's whole life: reads requests from standard input, answers them one at a time in order, ends when the input ends, that
 * is, when the parent closes it or dies.
 */
export async function serveParsers(parsers: readonly FormatParser[]): Promise<void> {
  const output = new Socket({ fd: answerDescriptor, readable: false, writable: true });
  const reader = createFrameReader({ headerBytes: 65_536, payloadBytes: () => 0xffffffff });
  const residentBytes = createResidentBytes();
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  let since = systemClock.monotonic();

  async function flush(): Promise<void> {
    const waiting = pieces;
    pieces = [];
    bytes = 0;
    since = systemClock.monotonic();
    if (waiting.length === 0) return;
    output.cork();
    const written = waiting.map((piece) => write(output, piece));
    output.uncork();
    await Promise.all(written);
  }

  // Whatever ends it from here on may be a document's doing.
  for (const piece of encodeFrame(readyHeader, [])) await write(output, piece);
  for await (const chunk of process.stdin) {
    for (const frame of reader.push(chunk as Buffer)) {
      for await (const part of answers(frame, parsers, residentBytes)) {
        for (const piece of part) {
          pieces.push(piece);
          bytes += piece.length;
        }
        // The parent has room for one part at a time.
        if (bytes >= togetherBytes) await flush();
      }
      if (bytes >= togetherBytes || systemClock.monotonic() - since >= togetherMs) await flush();
    }
    await flush();
  }
}

/** Asking the system takes as long as a small document: after small ones it is asked now and then. */
function createResidentBytes(): (documentBytes: number) => number {
  let known = 0;
  let read = Number.POSITIVE_INFINITY;
  return (documentBytes) => {
    read += documentBytes;
    if (read >= residentEveryBytes) {
      known = process.memoryUsage.rss();
      read = 0;
    }
    return known;
  };
}

/** The frames of an answer: portions of a long document, then what ends it. */
async function* answers(
  frame: Frame,
  parsers: readonly FormatParser[],
  residentBytes: (documentBytes: number) => number,
): AsyncGenerator<Uint8Array[]> {
  const { length } = frame.payload;
  try {
    const portions = createPortions();
    let beginning: string | undefined;
    let document: ParsedDocument | undefined;
    const parts = parseInParts({ ...(frame.header as RequestHeader), bytes: frame.payload }, parsers);
    while (document === undefined) {
      const next = await parts.next();
      if (next.done === true) document = next.value;
      else {
        beginning ??= next.value.text;
        for (const part of contentParts(next.value, portions.textUnits)) yield encodePortionFrame(portions.next(part));
      }
    }
    if (document.text.length > longUnits) {
      beginning = document.text;
      for (const part of contentParts(document, 0)) yield encodePortionFrame(portions.next(part));
      document = { ...document, text: '', blocks: [] };
    }
    const encoded = encodeDocument(beginning === undefined ? readyForChunks(document) : withLanguage(document, beginning));
    const header = beginning === undefined ? encoded.header : { ...encoded.header, portionUnits: portions.textUnits };
    yield encodeFrame({ outcome: 'parsed', residentBytes: residentBytes(length), document: header }, encoded.payload);
  } catch (error) {
    yield encodeFrame({ outcome: 'failed', residentBytes: residentBytes(length), error: toMillraceError(error).toJSON() }, []);
  }
}

function encodePortionFrame(portion: ParsedPortion): Uint8Array[] {
  const { header, payload } = encodePortion(portion);
  return encodeFrame(header, payload);
}

function write(output: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
