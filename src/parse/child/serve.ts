import { Socket } from 'node:net';
import { toMillraceError } from '../../errors.ts';
import type { FormatParser } from '../../spec/parser.ts';
import { systemClock } from '../../util/clock.ts';
import { parseDocument } from '../parse-document.ts';
import { readyForChunks } from './ready-for-chunks.ts';
import type { ResponseHeader } from '../answer-header.ts';
import { createFrameReader, encodeDocument, encodeFrame, type Frame, type RequestHeader } from '../wire.ts';

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

  for await (const chunk of process.stdin) {
    for (const frame of reader.push(chunk as Buffer)) {
      for (const piece of await answer(frame, parsers, residentBytes)) {
        pieces.push(piece);
        bytes += piece.length;
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

async function answer(
  frame: Frame,
  parsers: readonly FormatParser[],
  residentBytes: (documentBytes: number) => number,
): Promise<Uint8Array[]> {
  let header: ResponseHeader;
  let payload: Uint8Array[] = [];
  try {
    const request = { ...(frame.header as RequestHeader), bytes: frame.payload };
    const encoded = encodeDocument(readyForChunks(await parseDocument(request, parsers)));
    header = { outcome: 'parsed', residentBytes: residentBytes(frame.payload.length), document: encoded.header };
    payload = encoded.payload;
  } catch (error) {
    header = { outcome: 'failed', residentBytes: residentBytes(frame.payload.length), error: toMillraceError(error).toJSON() };
  }
  return encodeFrame(header, payload);
}

function write(output: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
