import { availableParallelism } from 'node:os';
import { isMillraceError, MillraceError, toMillraceError } from '../errors.ts';
import type { DocumentParser, FormatParser, ParsedDocument, ParseRequest } from '../spec/parser.ts';
import type { Clock } from '../util/clock.ts';
import { entryPath } from '../util/entry.ts';
import { createFormatParsers } from './formats.ts';
import { childHeapBytes, childResidentBytes, defaultParseLimits, documentDeadlineMs, type ParseLimits } from './limits.ts';
import { type ChildEnd, type ParserChild, startParserChild } from './parser-child.ts';
import { decodeDocument, encodeFrame, responseHeader } from './wire.ts';

export interface DocumentParserOptions {
  readonly clock: Clock;
  /** Children that may work at the same time. Default: processors − 1, at least 1, at most 4. */
  readonly concurrency?: number;
  readonly limits?: Partial<ParseLimits>;
  /** Puts a sandbox in front of the child's command. Default: none. */
  readonly sandbox?: (command: readonly string[]) => readonly string[];
  /** Formats of the program, and the modules that the children load them from. Default: none. */
  readonly formats?: readonly FormatParser[];
  readonly formatModules?: readonly string[];
  /** Language of the OCR that reads pages which are images. Default: none. */
  readonly ocr?: string;
  /** The child's module. Default: the one with all formats. */
  readonly childEntry?: string;
}

/** There are no options yet that change what a document becomes. */
const optionsHash = 'none';

/** One child and what the pool knows of it. */
interface Slot {
  readonly child: ParserChild;
  documents: number;
  cancelIdle: (() => void) | undefined;
}

/**
 * A pool of parser children. It decides nothing about order: a call beyond `concurrency` is refused with `E_OVERLOADED`, a failed
 * one is not repeated. A slot is free again only when its child is idle or really gone.
 */
export function createDocumentParser(options: DocumentParserOptions): DocumentParser {
  const { clock } = options;
  const limits: ParseLimits = { ...defaultParseLimits, ...options.limits };
  const concurrency = options.concurrency ?? Math.min(Math.max(availableParallelism() - 1, 1), 4);
  const entry = options.childEntry ?? entryPath('parse-child');
  const idle: Slot[] = [];
  const living = new Set<ParserChild>();
  let busy = 0;
  let closed = false;

  function start(bytes: number): Slot {
    const child = startParserChild({
      entry,
      formatModules: options.formatModules ?? [],
      heapBytes: childHeapBytes(limits, bytes),
      ...(options.sandbox === undefined ? {} : { sandbox: options.sandbox }),
    });
    living.add(child);
    void child.ended.then(() => {
      living.delete(child);
      const index = idle.findIndex((slot) => slot.child === child);
      if (index !== -1) retireIdle(index);
    });
    return { child, documents: 0, cancelIdle: undefined };
  }

  function retireIdle(index: number): void {
    const [slot] = idle.splice(index, 1);
    slot?.cancelIdle?.();
    slot?.child.kill();
  }

  /** An idle child whose heap fits the file, else a new one; a smaller idle one is given up so that no more than `concurrency` live. */
  function acquire(bytes: number): Slot {
    const heapBytes = childHeapBytes(limits, bytes);
    const index = idle.findLastIndex((slot) => slot.child.heapBytes === heapBytes);
    const [found] = index === -1 ? [] : idle.splice(index, 1);
    if (found === undefined) {
      if (idle.length + busy > concurrency) retireIdle(0);
      return start(bytes);
    }
    found.cancelIdle?.();
    found.child.setBusy(true);
    return found;
  }

  function release(slot: Slot): void {
    slot.child.setBusy(false);
    slot.cancelIdle = clock.after(limits.idleMs, () => retireIdle(idle.indexOf(slot)), { keepAlive: false });
    idle.push(slot);
  }

  /** Reads the text that is there; where pages are images, reads all again by OCR, which takes its time. */
  async function run(request: ParseRequest, signal: AbortSignal): Promise<ParsedDocument> {
    const deadlineMs = documentDeadlineMs(limits, request.bytes.length);
    if (options.ocr === undefined) return runOnce(request, deadlineMs, signal);
    let scannedPages: unknown;
    let read: ParsedDocument | undefined;
    try {
      read = await runOnce(request, deadlineMs, signal);
      ({ scannedPages } = read);
    } catch (error) {
      scannedPages = isMillraceError(error) ? error.details?.['scannedPages'] : undefined;
      if (typeof scannedPages !== 'number') throw error;
    }
    if (read !== undefined && typeof scannedPages !== 'number') return read;
    const withOcr = Math.min(deadlineMs + limits.ocrMsPerPage * Number(scannedPages), limits.deadline.maxMs);
    return runOnce({ ...request, ocr: options.ocr }, withOcr, signal);
  }

  async function runOnce(request: ParseRequest, deadlineMs: number, signal: AbortSignal): Promise<ParsedDocument> {
    const slot = acquire(request.bytes.length);
    const { child } = slot;
    const guard = guardChild(child, request, deadlineMs, signal);
    let keep = false;
    try {
      const { bytes: _bytes, ...header } = request;
      const maxAnswerBytes = Math.min(256 * 1024 * 1024 + 64 * request.bytes.length, 0xffffffff);
      const frame = await child.exchange(encodeFrame(header, [request.bytes]), maxAnswerBytes);
      const ended = guard.reason();
      if (ended !== undefined) throw ended;
      if (frame === undefined) {
        child.kill();
        throw crashed(request.name, await child.ended);
      }
      const response = responseHeader.parse(frame.header);
      slot.documents += 1;
      keep = slot.documents < limits.documentsPerChild && response.residentBytes <= limits.retainedBytes;
      if (response.outcome === 'parsed') return decodeDocument(response.document, frame.payload);
      const { error } = response;
      // A damaged file may have left the parser's own state damaged.
      keep &&= error.code !== 'E_DOCUMENT_DAMAGED' && error.code !== 'E_INTERNAL';
      const { details, ...plain } = error;
      throw MillraceError.fromJSON(details === undefined ? plain : { ...plain, details });
    } catch (error) {
      throw toMillraceError(error, 'E_PARSE_CRASHED', `${request.name}: the parser process gave no valid answer`);
    } finally {
      guard.stop();
      if (keep && !closed) release(slot);
      else {
        child.kill();
        await child.ended;
      }
    }
  }

  /** Kills the child at the deadline, beyond its memory, and on cancellation; `reason` says which. */
  function guardChild(
    child: ParserChild,
    { name, bytes }: ParseRequest,
    deadlineMs: number,
    signal: AbortSignal,
  ): { reason(): MillraceError | undefined; stop(): void } {
    let reason: MillraceError | undefined;
    function end(error: MillraceError): void {
      reason ??= error;
      child.kill();
    }
    const maxResident = childResidentBytes(limits, bytes.length);
    const cancelDeadline = clock.after(deadlineMs, () => {
      const message = `The parser process did not finish ${name} within ${deadlineMs / 1000} s and was ended.`;
      end(new MillraceError('E_PARSE_CRASHED', message, { details: { limit: 'deadline', deadlineMs } }));
    });
    let cancelSample = clock.after(limits.sampleMs, sample);
    function sample(): void {
      void child.residentBytes().then((resident) => {
        if (stopped) return;
        if (resident !== undefined && resident > maxResident) end(outOfMemory(name, maxResident));
        else cancelSample = clock.after(limits.sampleMs, sample);
      });
    }
    let stopped = false;
    const onAbort = (): void => end(toMillraceError(signal.reason, 'E_CANCELLED', `Parsing ${name}`));
    signal.addEventListener('abort', onAbort, { once: true });
    return {
      reason: () => reason,
      stop() {
        stopped = true;
        cancelDeadline();
        cancelSample();
        signal.removeEventListener('abort', onAbort);
      },
    };
  }

  return {
    optionsHash,
    // What could not be read without OCR is tried again with it.
    formats: [
      ...createFormatParsers(options.formats).map(({ name, version }) => ({ name, version })),
      ...(options.ocr === undefined ? [] : [{ name: `ocr-${options.ocr}`, version: 1 }]),
    ],
    concurrency,
    async parse(request, signal) {
      if (closed) throw new MillraceError('E_SHUTTING_DOWN', `${request.name} was not parsed: the parser is closed.`);
      if (signal.aborted) throw toMillraceError(signal.reason, 'E_CANCELLED', `Parsing ${request.name}`);
      const { length } = request.bytes;
      if (length > limits.maxDocumentBytes) {
        const message = `${request.name} has ${length} bytes; the limit for one document is ${limits.maxDocumentBytes}.`;
        throw new MillraceError('E_SOURCE_TOO_LARGE', message, { details: { bytes: length, maxDocumentBytes: limits.maxDocumentBytes } });
      }
      if (busy >= concurrency)
        throw new MillraceError('E_OVERLOADED', `All ${concurrency} parser processes are busy.`, { retryAfterMs: 100 });
      busy += 1;
      try {
        return await run(request, signal);
      } finally {
        busy -= 1;
      }
    },
    async close() {
      closed = true;
      const children = [...living];
      while (idle.length > 0) retireIdle(0);
      for (const child of children) {
        child.setBusy(true);
        child.kill();
      }
      await Promise.all(children.map((child) => child.ended));
    },
  };
}

function outOfMemory(name: string, limitBytes: number): MillraceError {
  const message = `The parser process needed more than ${Math.round(limitBytes / (1024 * 1024))} MB of memory for ${name} and was ended.`;
  return new MillraceError('E_PARSE_CRASHED', message, { details: { limit: 'memory', limitBytes } });
}

function crashed(name: string, end: ChildEnd): MillraceError {
  if (/heap out of memory|Array buffer allocation failed/i.test(end.errorOutput)) {
    const message = `The parser process ran out of memory on ${name}.`;
    return new MillraceError('E_PARSE_CRASHED', message, { details: { limit: 'memory' } });
  }
  const how = end.signal !== null ? `signal ${end.signal}` : `exit code ${end.code ?? 'none'}`;
  const lastLine = end.errorOutput.split('\n').findLast((line) => line.trim() !== '');
  const said = lastLine === undefined ? '' : ` Its last words: ${lastLine.trim().slice(0, 200)}`;
  return new MillraceError('E_PARSE_CRASHED', `The parser process ended with ${how} while it read ${name}.${said}`, {
    details: { code: end.code, signal: end.signal },
  });
}
