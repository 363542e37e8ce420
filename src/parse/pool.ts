import { availableParallelism } from 'node:os';
import { type ErrorCode, isMillraceError, MillraceError, toMillraceError } from '../errors.ts';
import type { DocumentParser, FormatParser, ParseInput, ParseWork, ReadDocument } from '../spec/parser.ts';
import type { Clock } from '../util/clock.ts';
import { entryPath } from '../util/entry.ts';
import { createFormatParsers } from './formats.ts';
import { childHeapBytes, defaultParseLimits, documentDeadlineMs, type ParseLimits } from './limits.ts';
import { detectIsolation, type Isolation, ownProcess } from './isolation.ts';
import { type ChildEnd, type ParserChild, startParserChild } from './parser-child.ts';
import { howEnded, lastWords, wasNeverReady } from './start-error.ts';
import { responseHeader } from './answer-header.ts';
import { type ChildGuard, createChildGuard } from './child-guard.ts';
import { sendStreamed } from './streamed-file.ts';
import { createTakenPortions, type TakenPortions } from './taken-portions.ts';
import { encodeFrame, type Frame } from './wire.ts';

export interface DocumentParserOptions {
  readonly clock: Clock;
  /** Children that may work at the same time. Default: processors − 1, at least 1, at most 4. */
  readonly concurrency?: number;
  readonly limits?: Partial<ParseLimits>;
  /** `process` does without bubblewrap also where it is there, for measuring what it costs. Default `best`: the most that works here. */
  readonly isolation?: 'best' | 'process' | Isolation;
  /** Formats of the program, and the modules that the children load them from. Default: none. */
  readonly formats?: readonly FormatParser[];
  readonly formatModules?: readonly string[];
  /** Language of the OCR that reads pages which are images. Default: none. */
  readonly ocr?: string;
  /** The child's module. Default: the one with all formats. */
  readonly childEntry?: string;
}

/** Besides OCR there are no options yet that change what a document becomes. */
const optionsHash = 'none';

/** Processes that may be killed one after another before they are ready: by chance, not by what they load. */
const mostStarts = 3;

/** The format of plain texts. */
const plainText = 'plain-text';

/** One child and what the pool knows of it. */
interface Slot {
  readonly child: ParserChild;
  /** How much it has read, as a share of what one child may read: at 1 it is replaced. */
  used: number;
  cancelIdle: (() => void) | undefined;
}

type Outcome = PromiseSettledResult<ReadDocument>;

/** A child ended before it was ready to read. `isByChance`: the next one may get ready. */
interface FailedStart {
  readonly reason: MillraceError;
  readonly isByChance: boolean;
}

interface ReadTogether {
  readonly outcomes: readonly Outcome[];
  readonly suspects: number;
  readonly failedStart?: FailedStart;
}

interface TimedWork extends ParseWork {
  readonly deadlineMs: number;
}

/** Takes files bit by bit, and gives long documents in portions. */
export interface ParserPool extends Required<DocumentParser> {
  parse(input: ParseInput, signal: AbortSignal): Promise<ReadDocument>;
}

/**
 * A pool of parser children. It decides nothing about order: a call beyond `concurrency` is refused with `E_OVERLOADED`, a failed
 * one is not repeated. A slot is free again only when its child is idle or really gone.
 */
export function createDocumentParser(options: DocumentParserOptions): ParserPool {
  const { clock } = options;
  const limits: ParseLimits = { ...defaultParseLimits, ...options.limits };
  const concurrency = options.concurrency ?? Math.min(Math.max(availableParallelism() - 1, 1), 4);
  const entry = options.childEntry ?? entryPath('parse-child');
  const idle: Slot[] = [];
  const living = new Set<ParserChild>();
  let busy = 0;
  let closed = false;
  let detecting: Promise<Isolation> | undefined;

  /** Found out once, when it is first needed. */
  function isolation(): Promise<Isolation> {
    const { isolation: wanted = 'best', formatModules = [] } = options;
    detecting ??=
      wanted === 'best' ? detectIsolation([entry, ...formatModules]) : Promise.resolve(wanted === 'process' ? ownProcess : wanted);
    // What could not be found out now is asked again.
    detecting.catch(() => (detecting = undefined));
    return detecting;
  }

  function start(bytes: number, sandbox: Isolation['sandbox']): Slot {
    const heapBytes = childHeapBytes(limits, bytes);
    const child = startParserChild({
      entry,
      formatModules: options.formatModules ?? [],
      heapBytes,
      isForLargeFiles: heapBytes > limits.heap.baseBytes,
      ...(sandbox === undefined ? {} : { sandbox }),
    });
    if (living.size === 0) process.once('exit', killAll);
    living.add(child);
    void child.ended.then(() => {
      living.delete(child);
      if (living.size === 0) process.off('exit', killAll);
      const index = idle.findIndex((slot) => slot.child === child);
      if (index !== -1) retireIdle(index);
    });
    return { child, used: 0, cancelIdle: undefined };
  }

  /** One that hangs would not notice that nobody waits for it. */
  function killAll(): void {
    for (const child of living) child.kill();
  }

  function retireIdle(index: number): void {
    const [slot] = idle.splice(index, 1);
    slot?.cancelIdle?.();
    slot?.child.kill();
  }

  /** An idle child whose heap fits the file, else a new one; a smaller idle one is given up so that no more than `concurrency` live. */
  async function acquire(bytes: number): Promise<Slot> {
    const { sandbox } = await isolation();
    if (closed) throw new MillraceError('E_SHUTTING_DOWN', 'The parser is closed.');
    const heapBytes = childHeapBytes(limits, bytes);
    const index = idle.findLastIndex(({ child }) => child.heapBytes === heapBytes && !child.isGone);
    const [found] = index === -1 ? [] : idle.splice(index, 1);
    if (found === undefined) {
      if (idle.length + busy > concurrency) retireIdle(0);
      return start(bytes, sandbox);
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

  /** Reads the texts that are there; where pages are images, reads all of the file again by OCR, which takes its time. */
  async function run(works: readonly ParseWork[]): Promise<Outcome[]> {
    const outcomes = await runAll(works.map((work) => ({ ...work, deadlineMs: documentDeadlineMs(limits, work.request.bytes.length) })));
    if (options.ocr === undefined) return outcomes;
    for (const [index, { request, signal }] of works.entries()) {
      const outcome = outcomes[index];
      const scannedPages = scannedPagesOf(outcome);
      if (scannedPages === undefined) continue;
      const deadlineMs = documentDeadlineMs(limits, request.bytes.length);
      const withOcr = deadlineMs + Math.min(limits.ocrMsPerPage * scannedPages, limits.ocrMaxMs);
      const [read] = await runAll([{ request: { ...request, ocr: options.ocr }, signal, deadlineMs: withOcr }]);
      outcomes[index] = withOcrOutcome(outcome, read, options.ocr, signal);
    }
    return outcomes;
  }

  /**
   * Of several files that a child had before it when it ended, any one may be the reason: answers wait for each other in the child. Each of
   * them is read again, alone. Where no child gets ready, none of them is the reason: all end with it.
   */
  async function runAll(works: readonly TimedWork[]): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    let suspects = 0;
    let failedStarts = 0;
    let unavailable: MillraceError | undefined;
    for (let next = works[0]; next !== undefined; next = works[outcomes.length]) {
      if (closed) outcomes.push({ status: 'rejected', reason: shutDown(next) });
      else if (next.signal.aborted) outcomes.push({ status: 'rejected', reason: cancelled(next) });
      else if (unavailable !== undefined) outcomes.push({ status: 'rejected', reason: unavailable });
      else {
        const read = await runInOneChild(suspects > 0 ? [next] : works.slice(outcomes.length));
        const { failedStart } = read;
        if (failedStart !== undefined) {
          failedStarts += 1;
          if (!failedStart.isByChance || failedStarts === mostStarts) unavailable = failedStart.reason;
          continue;
        }
        failedStarts = 0;
        outcomes.push(...read.outcomes);
        if (suspects === 0) {
          ({ suspects } = read);
          continue;
        }
      }
      suspects = Math.max(0, suspects - 1);
    }
    return outcomes;
  }

  /** The outcomes of as many files, from the first on, as one child reads. It ended over one of the next `suspects`. */
  async function runInOneChild(works: readonly TimedWork[]): Promise<ReadTogether> {
    const slot = await acquire(Math.max(...works.map(({ request }) => request.bytes.length)));
    const { child } = slot;
    const sent = sentTogether(works, Math.max(1, Math.round((1 - slot.used) * limits.documentsPerChild)));
    const outcomes: Outcome[] = [];
    let keep = false;
    try {
      const guards = sent.map(({ request, deadlineMs, signal }) => createChildGuard({ child, clock, limits, request, deadlineMs, signal }));
      const portions = sent.map(({ request }, index) =>
        createTakenPortions(request, guards[index] as ChildGuard, maxAnswerBytes(request.bytes.length)),
      );
      const answers = sent.map(({ request: { bytes, taker: _taker, ...header } }, index) => {
        const reading = {
          maxAnswerBytes: Math.min(maxAnswerBytes(bytes.length), 0xffffffff),
          takePortion: (portions[index] as TakenPortions).take,
        };
        return bytes instanceof Uint8Array
          ? child.exchange(encodeFrame(header, [bytes]), reading)
          : child.exchange(encodeFrame(header, [], bytes.length), reading);
      });
      for (const [index, work] of sent.entries()) {
        if (work.signal.aborted && index > 0) {
          // It is in the pipe already.
          keep = false;
          break;
        }
        const guard = guards[index] as ChildGuard;
        guard.start();
        const sending = sendStreamed(child, work, guard);
        const answer = await readAnswer(slot, work.request, answers[index], portions[index] as TakenPortions, guard).finally(guard.stop);
        const failure = await sending.end();
        if (answer.failedStart !== undefined) return { outcomes, suspects: 0, failedStart: answer.failedStart };
        // What was answered is of a file that was another meanwhile.
        const isOfFile = answer.hasEnded || failure === undefined;
        keep = answer.keep && isOfFile;
        if (answer.hasEnded && !work.signal.aborted && sent.length > 1) return { outcomes, suspects: sent.length - index };
        outcomes.push(isOfFile ? answer.outcome : { status: 'rejected', reason: failure });
        if (!keep) break;
      }
      return { outcomes, suspects: 0 };
    } finally {
      // It may have ended behind its answer.
      if (keep && !closed && !child.isGone) release(slot);
      else {
        child.kill();
        await child.ended;
      }
    }
  }

  /** `keep`: the child may read more. `hasEnded`: it gave no answer. */
  async function readAnswer(
    slot: Slot,
    { name }: ParseInput,
    answer: Promise<Frame | undefined> | undefined,
    portions: TakenPortions,
    guard: ChildGuard,
  ): Promise<{ readonly outcome: Outcome; readonly keep: boolean; readonly hasEnded: boolean; readonly failedStart?: FailedStart }> {
    let keep = false;
    let hasEnded = true;
    try {
      const frame = await answer;
      if (frame === undefined) slot.child.kill();
      const end = frame === undefined ? await slot.child.ended : undefined;
      const limit = guard.reason();
      if (end?.wasReady === false && (limit === undefined || limit.code === 'E_PARSE_CRASHED')) {
        const reason = wasNeverReady(end, options.formatModules ?? [], limit);
        return { outcome: { status: 'rejected', reason }, keep, hasEnded, failedStart: { reason, isByChance: end.signal !== null } };
      }
      if (limit !== undefined) throw limit;
      if (end !== undefined) throw crashed(name, end);
      if (frame === undefined) throw new RangeError('The process has not ended.');
      hasEnded = false;
      const response = responseHeader.parse(frame.header);
      const isPlain = response.outcome === 'parsed' && response.document.parser === plainText;
      slot.used += 1 / (isPlain ? limits.plainTextsPerChild : limits.documentsPerChild);
      // Shares do not add up exactly.
      const isFresh = slot.used < 1 - 1e-6 && response.residentBytes <= limits.retainedBytes;
      if (response.outcome === 'parsed') {
        const value = await portions.whole(response.document, frame.payload);
        return { outcome: { status: 'fulfilled', value }, keep: isFresh, hasEnded };
      }
      const { error } = response;
      // A damaged file may have left the parser's own state damaged.
      keep = isFresh && error.code !== 'E_DOCUMENT_DAMAGED' && error.code !== 'E_INTERNAL';
      const { details, ...plain } = error;
      throw MillraceError.fromJSON(details === undefined ? plain : { ...plain, details });
    } catch (error) {
      const reason = toMillraceError(error, 'E_PARSE_CRASHED', `${name}: the parser process gave no valid answer`);
      return { outcome: { status: 'rejected', reason }, keep, hasEnded };
    }
  }

  /** What is not even given to a child. */
  function refusal({ request, signal }: ParseWork): MillraceError | undefined {
    if (closed) return shutDown({ request });
    if (signal.aborted) return cancelled({ request, signal });
    const { length } = request.bytes;
    if (length > limits.maxDocumentBytes) {
      const message = `${request.name} has ${length} bytes; the limit for one document is ${limits.maxDocumentBytes}.`;
      return new MillraceError('E_SOURCE_TOO_LARGE', message, { details: { bytes: length, maxDocumentBytes: limits.maxDocumentBytes } });
    }
    if (busy < concurrency) return undefined;
    return new MillraceError('E_OVERLOADED', `All ${concurrency} parser processes are busy.`, { retryAfterMs: 100 });
  }

  async function parseEach(works: readonly ParseWork[]): Promise<Outcome[]> {
    const refusals = works.map(refusal);
    const accepted = works.filter((_, index) => refusals[index] === undefined);
    if (accepted.length > 0) busy += 1;
    try {
      const outcomes = (await run(accepted))[Symbol.iterator]();
      return refusals.map((reason) => (reason === undefined ? (outcomes.next().value as Outcome) : { status: 'rejected', reason }));
    } finally {
      if (accepted.length > 0) busy -= 1;
    }
  }

  return {
    optionsHash,
    formats: createFormatParsers(options.formats).map(({ name, version, isContainer = false }) => ({ name, version, isContainer })),
    ocr: options.ocr ?? null,
    concurrency,
    isolation,
    async parse(request, signal) {
      const [outcome] = await parseEach([{ request, signal }]);
      if (outcome?.status === 'fulfilled') return outcome.value;
      throw outcome?.reason;
    },
    parseEach,
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

/** Of what a file becomes, as it comes from a child: in one message, or in portions. */
function maxAnswerBytes(bytes: number): number {
  return 256 * 1024 * 1024 + 64 * bytes;
}

/** The first of them, at most so many. What is read bit by bit goes alone: others would wait behind it in the pipe. */
function sentTogether(works: readonly TimedWork[], most: number): readonly TimedWork[] {
  const streamed = works.findIndex(({ request }) => !(request.bytes instanceof Uint8Array));
  return works.slice(0, Math.min(most, streamed === -1 ? works.length : Math.max(1, streamed)));
}

/** They say nothing of a file. */
const notOfFile: ReadonlySet<ErrorCode> = new Set(['E_OVERLOADED', 'E_PARSER_UNAVAILABLE', 'E_SHUTTING_DOWN']);

/** The text that was there is kept where OCR failed. */
function withOcrOutcome(text: Outcome | undefined, read: Outcome | undefined, ocr: string, signal: AbortSignal): Outcome {
  if (read?.status === 'fulfilled') return { status: 'fulfilled', value: { ...read.value, ocr } };
  const reason: unknown = read?.reason;
  const wasTried = !isMillraceError(reason) || !notOfFile.has(reason.code);
  if (text?.status !== 'fulfilled' || signal.aborted || !wasTried) return { status: 'rejected', reason };
  const { scannedPages = 0, warnings, ...rest } = text.value;
  const warning = `${scannedPages} pages that are images could not be read by OCR: ${toMillraceError(reason).message}`;
  return { status: 'fulfilled', value: { ...rest, ocr, warnings: [...warnings, warning] } };
}

/** Pages that are images, where the text of the others was read or there is none. */
function scannedPagesOf(outcome: Outcome | undefined): number | undefined {
  const pages: unknown =
    outcome?.status === 'fulfilled'
      ? outcome.value.scannedPages
      : isMillraceError(outcome?.reason)
        ? outcome.reason.details?.['scannedPages']
        : undefined;
  return typeof pages === 'number' ? pages : undefined;
}

function shutDown({ request }: Pick<ParseWork, 'request'>): MillraceError {
  return new MillraceError('E_SHUTTING_DOWN', `${request.name} was not parsed: the parser is closed.`);
}

function cancelled({ request, signal }: ParseWork): MillraceError {
  return toMillraceError(signal.reason, 'E_CANCELLED', `Parsing ${request.name}`);
}

function crashed(name: string, end: ChildEnd): MillraceError {
  if (/heap out of memory|Array buffer allocation failed/i.test(end.errorOutput)) {
    const message = `The parser process ran out of memory on ${name}.`;
    return new MillraceError('E_PARSE_CRASHED', message, { details: { limit: 'memory' } });
  }
  const message = `The parser process ended with ${howEnded(end)} while it read ${name}.${lastWords(end)}`;
  return new MillraceError('E_PARSE_CRASHED', message, { details: { code: end.code, signal: end.signal } });
}
