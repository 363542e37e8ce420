import { Socket } from 'node:net';
import { toMillraceError } from '../../errors.ts';
import type { FormatParser } from '../../spec/parser.ts';
import { parseDocument } from '../parse-document.ts';
import { readyForChunks } from './ready-for-chunks.ts';
import { createFrameReader, encodeDocument, encodeFrame, type Frame, requestHeader, type ResponseHeader } from '../wire.ts';

/** The descriptor for answers: standard output stays free for whatever a library prints. */
const answerDescriptor = 3;

/**
 * The child's whole life: reads requests from standard input, answers them one at a time in order, ends when the input ends, that
 * is, when the parent closes it or dies.
 */
export async function serveParsers(parsers: readonly FormatParser[]): Promise<void> {
  const output = new Socket({ fd: answerDescriptor, readable: false, writable: true });
  const reader = createFrameReader({ headerBytes: 65_536, payloadBytes: () => 0xffffffff });
  for await (const chunk of process.stdin) {
    for (const frame of reader.push(chunk as Buffer)) {
      for (const piece of await answer(frame, parsers)) await write(output, piece);
    }
  }
}

async function answer(frame: Frame, parsers: readonly FormatParser[]): Promise<Uint8Array[]> {
  let header: ResponseHeader;
  let payload: Uint8Array[] = [];
  try {
    const { name, contentType, membersFrom, ocr } = requestHeader.parse(frame.header);
    const request = {
      bytes: frame.payload,
      name,
      ...(contentType === undefined ? {} : { contentType }),
      ...(membersFrom === undefined ? {} : { membersFrom }),
      ...(ocr === undefined ? {} : { ocr }),
    };
    const encoded = encodeDocument(readyForChunks(await parseDocument(request, parsers)));
    header = { outcome: 'parsed', residentBytes: process.memoryUsage.rss(), document: encoded.header };
    payload = encoded.payload;
  } catch (error) {
    header = { outcome: 'failed', residentBytes: process.memoryUsage.rss(), error: toMillraceError(error).toJSON() };
  }
  return encodeFrame(header, payload);
}

function write(output: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
