import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { MillraceError } from '../errors.ts';
import type { DocumentParser, ReadDocument, ParseRequest } from '../spec/parser.ts';
import { createManualClock } from '../testing/manual-clock.ts';
import { systemClock } from '../util/clock.ts';
import { createDeferred } from '../util/deferred.ts';
import { entryPath } from '../util/entry.ts';
import { isRunning } from '../util/is-running.ts';
import { createDocumentParser, type DocumentParserOptions } from './pool.ts';

const faultyChild = fileURLToPath(new URL('./fixtures/faulty-child.ts', import.meta.url));
const megabyte = 1024 * 1024;
const open: Required<DocumentParser>[] = [];
const never = new AbortController().signal;

function createParser(options: Partial<DocumentParserOptions> = {}): Required<DocumentParser> {
  const parser = createDocumentParser({ clock: systemClock, concurrency: 1, childEntry: faultyChild, ...options });
  open.push(parser);
  return parser;
}

function text(content: string, name = 'note.txt'): ParseRequest {
  return { bytes: Buffer.from(content), name };
}

/** What the faulty child tells about itself. */
async function child(parser: DocumentParser): Promise<{ id: string; pid: number; environment: string[]; directory: string }> {
  const document = await parser.parse(text('fine'), never);
  return JSON.parse(document.text.slice()) as Awaited<ReturnType<typeof child>>;
}

function idsOf(outcomes: readonly PromiseSettledResult<ReadDocument>[]): readonly string[] {
  return outcomes.map((outcome) => (outcome.status === 'fulfilled' ? (JSON.parse(outcome.value.text.slice()) as { id: string }).id : ''));
}

/** Also where nobody looks after what became of it. */
function isAlive(pid: number): boolean {
  if (!isRunning(pid)) return false;
  const status = `/proc/${pid}/status`;
  return !existsSync(status) || !/^State:\s+[ZX]/m.test(readFileSync(status, 'utf8'));
}

async function failure(promise: Promise<unknown>): Promise<MillraceError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof MillraceError) return error;
  throw new Error(`Expected a MillraceError, got ${String(error)}`);
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((parser) => parser.close()));
});

describe('createDocumentParser', () => {
  it('parses in a child with an empty environment and keeps it for the next document', async () => {
    const parser = createParser();
    const first = await child(parser);
    expect(first.environment.filter((name) => !['PWD', 'SHLVL', '_', 'OLDPWD'].includes(name))).toEqual([]);
    expect(first.directory).toBe('/');
    expect((await child(parser)).id).toBe(first.id);
  });

  it('reads real formats with the default child', async () => {
    const parser = createDocumentParser({ clock: systemClock, concurrency: 1 });
    open.push(parser);
    const document = await parser.parse(text('# Héading \u{1F600}\n\n| a | b |\n|---|---|\n| 1 | 2 |\n', 'x.md'), never);
    expect(document).toMatchObject({ contentType: 'text/markdown', parser: 'markdown', title: 'Héading \u{1F600}' });
    expect(document.text).toBe('Héading \u{1F600}\n\na | b\n1 | 2');
    expect(document.blocks.map(({ kind }) => kind)).toEqual(['heading', 'table']);
    expect(document.blocks[1]?.header).toEqual({ start: 12, end: 17 });
    expect((await failure(parser.parse(text('', 'empty.txt'), never))).code).toBe('E_DOCUMENT_EMPTY');
  });

  it.each([
    ['crash', /signal SIGSEGV while it read note\.txt/],
    ['exit', /exit code 7 .* a native library gave up/],
    ['uncaught', /exit code 1 .* TypeError: a package is missing$/],
  ])('reports a child that ends by itself (%s) and serves the next document with another', async (how, message) => {
    const parser = createParser();
    const first = await child(parser);
    const error = await failure(parser.parse(text(how), never));
    expect(error.code).toBe('E_PARSE_CRASHED');
    expect(error.retryable).toBe(true);
    expect(error.message).toMatch(message);
    expect((await child(parser)).id).not.toBe(first.id);
  });

  it('kills a child that hangs at the deadline of its document', async () => {
    const clock = createManualClock();
    const parser = createParser({ clock, isolation: 'process', limits: { sampleMs: 1_000_000 } });
    // One that is ready.
    await child(parser);
    const hanging = failure(parser.parse(text('hang'), never));
    await clock.advance(11_999);
    expect(await Promise.race([hanging, Promise.resolve('still hanging')])).toBe('still hanging');
    await clock.advance(1);
    const error = await hanging;
    expect(error).toMatchObject({ code: 'E_PARSE_CRASHED', details: { limit: 'deadline', deadlineMs: 12_000 } });
    expect(error.message).toContain('within 12 s');
    await expect(child(parser)).resolves.toBeDefined();
  });

  it('ends a child whose heap is full', async () => {
    const parser = createParser({ limits: { heap: { baseBytes: 64 * megabyte, perByte: 0, maxBytes: 64 * megabyte } } });
    const error = await failure(parser.parse(text('heap'), never));
    expect(error).toMatchObject({ code: 'E_PARSE_CRASHED', details: { limit: 'memory' } });
  });

  it.runIf(process.platform === 'linux')('ends a child that holds more memory than the limit outside its heap', async () => {
    const heap = { baseBytes: 64 * megabyte, perByte: 0, maxBytes: 64 * megabyte };
    const parser = createParser({ limits: { heap, residentExtraBytes: 128 * megabyte, sampleMs: 10 } });
    const error = await failure(parser.parse(text('buffers'), never));
    expect(error).toMatchObject({ code: 'E_PARSE_CRASHED', details: { limit: 'memory' } });
    expect(error.message).toContain('192 MB');
  });

  it('replaces a child after a damaged document, after its share of documents, and when it holds too much', async () => {
    const damaged = createParser();
    const before = await child(damaged);
    expect((await failure(damaged.parse(text('damaged'), never))).code).toBe('E_DOCUMENT_DAMAGED');
    expect((await child(damaged)).id).not.toBe(before.id);

    const garbled = await child(damaged);
    expect((await failure(damaged.parse(text('garbage'), never))).code).toBe('E_PARSE_CRASHED');
    expect((await child(damaged)).id).not.toBe(garbled.id);

    const few = createParser({ limits: { documentsPerChild: 2 } });
    const ids = [await child(few), await child(few), await child(few)].map(({ id }) => id);
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);

    const full = createParser({ limits: { retainedBytes: megabyte } });
    expect((await child(full)).id).not.toBe((await child(full)).id);
  });

  it('reads pages that are images again by OCR, where that is installed', async () => {
    const without = createParser();
    expect((await without.parse(text('scan part'), never)).text).toBe('some');
    expect((await failure(without.parse(text('scan empty'), never))).code).toBe('E_DOCUMENT_EMPTY');
    const parser = createParser({ ocr: 'deu' });
    expect((await parser.parse(text('scan part'), never)).text).toBe('all, by deu');
    expect((await parser.parse(text('scan empty'), never)).text).toBe('all, by deu');
    expect((await failure(parser.parse(text('damaged'), never))).code).toBe('E_DOCUMENT_DAMAGED');
    expect(parser.ocr).toBe('deu');
    // What was read without it stays where it fails.
    const { text: kept, warnings, scannedPages } = await parser.parse(text('scan fails'), never);
    expect([kept, scannedPages]).toEqual(['some', undefined]);
    expect(warnings).toEqual([expect.stringMatching(/^2 pages that are images could not be read by OCR: The parser process ended/)]);
  });

  it('reads several files with one child, one outcome each', async () => {
    const parser = createParser();
    const outcomes = await parser.parseEach(['fine', 'scan part', 'fine'].map((content) => ({ request: text(content), signal: never })));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
    const [first, second, third] = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value.text : ''));
    expect(second).toBe('some');
    expect(third).toBe(first);
    expect(outcomes[1]).toMatchObject({ value: { spans: Uint32Array.of(0, 4, 0) } });
  });

  it.each(['crash', 'damaged'])('fails only the file of several that ends its child (%s), and reads those behind it', async (how) => {
    const parser = createParser();
    const before = await child(parser);
    const outcomes = await parser.parseEach(['fine', how, 'fine', 'fine'].map((content) => ({ request: text(content), signal: never })));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    const ids = idsOf(outcomes);
    expect(ids[2]).not.toBe(before.id);
    expect(ids[3]).toBe(ids[2]);
    expect(outcomes[1]).toMatchObject({ reason: { code: how === 'damaged' ? 'E_DOCUMENT_DAMAGED' : 'E_PARSE_CRASHED' } });
  });

  it('gives each of several files its own time', async () => {
    const clock = createManualClock();
    const parser = createParser({ clock, limits: { sampleMs: 1_000_000 } });
    let hanging = 0;
    const taker = () => ({
      take() {
        hanging += 1;
        return Promise.resolve();
      },
    });
    const works = ['hang told', 'fine'].map((content) => ({ request: { ...text(content), taker }, signal: never }));
    const reading = parser.parseEach(works);
    // Either of the two may have hung: each is read once more, alone.
    for (const time of [1, 2]) {
      await vi.waitFor(() => expect(hanging).toBe(time), { timeout: 20_000, interval: 10 });
      await clock.advance(12_000);
    }
    const outcomes = await reading;
    expect(outcomes[0]).toMatchObject({ reason: { details: { limit: 'deadline', deadlineMs: 12_000 } } });
    expect(outcomes[1]?.status).toBe('fulfilled');
  });

  it('gives one of several files up when its caller does, and reads the others', async () => {
    const parser = createParser();
    const controller = new AbortController();
    const reading = parser.parseEach([
      { request: text('hang'), signal: controller.signal },
      { request: text('fine'), signal: never },
      { request: text('fine'), signal: AbortSignal.abort() },
    ]);
    controller.abort();
    const outcomes = await reading;
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected']);
    expect(outcomes[0]).toMatchObject({ reason: { code: 'E_CANCELLED' } });
    expect(outcomes[2]).toMatchObject({ reason: { code: 'E_CANCELLED' } });
  });

  it('starts no child any more when it is closed among several files', async () => {
    let started = 0;
    const sandbox = (command: readonly string[]) => {
      started += 1;
      return command;
    };
    const parser = createParser({ isolation: { kind: 'process', message: 'None.', sandbox } });
    const reading = parser.parseEach(['hang', 'fine', 'fine'].map((content) => ({ request: text(content), signal: never })));
    await vi.waitFor(() => expect(started).toBe(1), { timeout: 20_000, interval: 10 });
    await parser.close();
    expect((await reading).map((outcome) => (outcome.status === 'rejected' ? (outcome.reason as MillraceError).code : ''))).toEqual(
      Array.from({ length: 3 }, () => 'E_SHUTTING_DOWN'),
    );
    expect(started).toBe(1);
  });

  it('gives no child more files than its share, however many come together', async () => {
    const parser = createParser({ limits: { documentsPerChild: 2 } });
    const outcomes = await parser.parseEach(Array.from({ length: 5 }, () => ({ request: text('fine'), signal: never })));
    const ids = idsOf(outcomes);
    expect(new Set(ids).size).toBe(3);
    expect(ids[0]).toBe(ids[1]);
    expect(ids[2]).toBe(ids[3]);
  });

  it('refuses an answer whose ranges leave the text', async () => {
    const error = await failure(createParser().parse(text('garbage'), never));
    expect(error.code).toBe('E_PARSE_CRASHED');
    expect(error.message).toContain('no valid answer');
  });

  it('kills the child when the call is cancelled, and frees its place', async () => {
    const parser = createParser();
    const controller = new AbortController();
    const hanging = failure(parser.parse(text('hang'), controller.signal));
    controller.abort();
    expect((await hanging).code).toBe('E_CANCELLED');
    await expect(child(parser)).resolves.toBeDefined();
    expect((await failure(parser.parse(text('fine'), controller.signal))).code).toBe('E_CANCELLED');
  });

  it('holds no queue: a call beyond the concurrency is refused', async () => {
    const parser = createParser();
    const first = parser.parse(text('fine'), never);
    expect((await failure(parser.parse(text('fine'), never))).code).toBe('E_OVERLOADED');
    await expect(first).resolves.toBeDefined();
  });

  it('refuses a file beyond the limit without reading it, and everything once it is closed', async () => {
    const parser = createParser({ limits: { maxDocumentBytes: 10 } });
    expect((await failure(parser.parse(text('more than ten'), never))).message).toContain('13 bytes');
    await parser.close();
    expect((await failure(parser.parse(text('x'), never))).code).toBe('E_SHUTTING_DOWN');
  });

  it('gives no file to a child that ended behind its answer', async () => {
    const parser = createParser({ isolation: 'process' });
    const first = await child(parser);
    const { signal } = new AbortController();
    const answered = createDeferred<void>();
    // Nothing waits for the signal any more when the answer is there.
    vi.spyOn(signal, 'removeEventListener').mockImplementation(() => answered.resolve());
    async function* read() {
      yield Buffer.from('fine');
      await answered.promise;
      process.kill(first.pid, 'SIGKILL');
      await vi.waitFor(() => expect(() => process.kill(first.pid, 0)).toThrow('ESRCH'), { timeout: 20_000, interval: 1 });
    }
    const [outcome] = await parser.parseEach([{ request: { name: 'note.txt', bytes: { length: 4, read } }, signal }]);
    expect(outcome?.status).toBe('fulfilled');
    expect((await child(parser)).id).not.toBe(first.id);
  });

  it.skipIf(process.platform === 'win32')('tells that the system has no room for its child, and says nothing of the file', async () => {
    const program = fileURLToPath(new URL('./fixtures/without-descriptors.ts', import.meta.url));
    const command = ['-c', 'ulimit -n 64; exec "$0" "$@"', process.execPath, '--disable-warning=ExperimentalWarning', program];
    const { stdout } = await promisify(execFile)('/bin/sh', command);
    expect(JSON.parse(stdout)).toEqual(['E_OVERLOADED', 'A text.']);
  });

  describe.skipIf(process.platform === 'win32')('where no child gets ready', () => {
    /** A parser of which some processes are this command instead, told by their number from 1. */
    function startingWith(command: string, isInstead: (start: number) => boolean, options: Partial<DocumentParserOptions> = {}) {
      const starts = { count: 0 };
      const sandbox = (real: readonly string[]) => {
        starts.count += 1;
        return isInstead(starts.count) ? ['/bin/sh', '-c', command] : real;
      };
      return { starts, parser: createParser({ isolation: { kind: 'process', message: 'None.', sandbox }, ...options }) };
    }
    const works = ['fine', 'crash', 'fine'].map((content) => ({ request: text(content), signal: never }));

    it('ends the call with what a module of formats says, and blames no document', async () => {
      const module = `data:text/javascript,${encodeURIComponent('throw new TypeError("There is no letterhead.")')}`;
      const { starts, parser } = startingWith('', () => false, { childEntry: entryPath('parse-child'), formatModules: [module] });
      const outcomes = await parser.parseEach(works);
      const reasons = outcomes.map((outcome) => (outcome.status === 'rejected' ? (outcome.reason as MillraceError) : undefined));
      expect(new Set(reasons).size).toBe(1);
      expect(reasons[0]).toMatchObject({ code: 'E_PARSER_UNAVAILABLE', retryable: false, details: { code: 1, formats: [module] } });
      expect(reasons[0]?.message).toContain(
        `It ended with exit code 1. It loads the formats of ${module}. Its last words: MillraceError: `,
      );
      expect(reasons[0]?.message).toContain('cannot be loaded: There is no letterhead.');
      expect(reasons[0]?.remedy).toContain('lies in one folder of its package');
      expect(starts.count).toBe(1);
    });

    it('starts it again twice where it was killed', async () => {
      const { starts, parser } = startingWith('kill -9 $$', (start) => start <= 2);
      expect((await parser.parseEach(works)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      // The second document ends one and is read again alone, which ends another.
      expect(starts.count).toBe(5);
      const hopeless = startingWith('kill -9 $$', () => true);
      const error = await failure(hopeless.parser.parse(text('fine'), never));
      expect(error).toMatchObject({ code: 'E_PARSER_UNAVAILABLE', details: { signal: 'SIGKILL' } });
      expect(error.message).toBe('No parser process gets ready to read. It ended with signal SIGKILL.');
      expect(hopeless.starts.count).toBe(3);
    });

    it('takes none that hangs as the fault of its document', async () => {
      const clock = createManualClock();
      const { starts, parser } = startingWith('exec sleep 600', () => true, { clock, limits: { sampleMs: 1_000_000 } });
      const reading = failure(parser.parse(text('fine'), never));
      for (const time of [1, 2, 3]) {
        await vi.waitFor(() => expect(starts.count).toBe(time), { timeout: 20_000, interval: 10 });
        await clock.advance(12_000);
      }
      const error = await reading;
      expect(error.code).toBe('E_PARSER_UNAVAILABLE');
      expect(error.message).toBe('No parser process gets ready to read. It was ended after 12 s.');
    });

    it('says that there is no room where that is the reason', async () => {
      const { parser } = startingWith('echo "sh: 1: Cannot fork" >&2; exit 2', () => true);
      expect(await failure(parser.parse(text('fine'), never))).toMatchObject({ code: 'E_OVERLOADED', retryable: true });
    });

    it('keeps no document as read whose OCR could not begin', async () => {
      const { parser } = startingWith('exit 1', (start) => start > 1, { ocr: 'deu', limits: { documentsPerChild: 1 } });
      expect((await failure(parser.parse(text('scan part'), never))).code).toBe('E_PARSER_UNAVAILABLE');
    });
  });

  it('leaves no child behind that hangs when the program exits', async () => {
    const program = fileURLToPath(new URL('./fixtures/leaving.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', program]);
    const { pid } = JSON.parse(stdout) as { pid: number };
    try {
      await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 5_000, interval: 10 });
    } catch (error) {
      process.kill(pid, 'SIGKILL');
      throw error;
    }
  });

  it('ends an idle child after a while', async () => {
    const clock = createManualClock();
    const parser = createParser({ clock, limits: { idleMs: 5_000 } });
    const first = await child(parser);
    await clock.advance(5_000);
    expect((await child(parser)).id).not.toBe(first.id);
  });
});
