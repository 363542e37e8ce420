import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { MillraceError } from '../errors.ts';
import type { ParsedPortion, ParseInput, PortionTaker, StreamedBytes } from '../spec/parser.ts';
import { createManualClock } from '../testing/manual-clock.ts';
import { systemClock } from '../util/clock.ts';
import { createDeferred } from '../util/deferred.ts';
import { eventLoopTurn } from '../util/event-loop-turn.ts';
import type { ChildGuard } from './child-guard.ts';
import { createDocumentParser, type DocumentParserOptions } from './pool.ts';
import { createTakenPortions } from './taken-portions.ts';
import { encodePortion } from './wire.ts';

const faultyChild = fileURLToPath(new URL('./fixtures/faulty-child.ts', import.meta.url));
const never = new AbortController().signal;
const open: ReturnType<typeof createDocumentParser>[] = [];

function createParser(options: Partial<DocumentParserOptions> = {}) {
  const parser = createDocumentParser({ clock: systemClock, concurrency: 1, ...options });
  open.push(parser);
  return parser;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((parser) => parser.close()));
});

const paragraph = 'The wheel turns slowly in the water. '.repeat(30);
const source = Array.from({ length: 4_600 }, (_, number) => `${number} ${paragraph.trim()}`).join('\n\n');

/** Pieces of the source, of which only the last is there. */
function streamed(content: string, pieceBytes = 256 * 1024): StreamedBytes {
  const bytes = Buffer.from(content, 'utf8');
  return {
    length: bytes.length,
    async *read() {
      const piece = Buffer.alloc(pieceBytes);
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        await Promise.resolve();
        const copied = bytes.copy(piece, 0, at, at + pieceBytes);
        yield piece.subarray(0, copied);
      }
    },
  };
}

function collecting(): PortionTaker & { readonly portions: ParsedPortion[]; readonly most: () => number } {
  const portions: ParsedPortion[] = [];
  let taking = 0;
  let most = 0;
  return {
    portions,
    most: () => most,
    async take(portion) {
      taking += 1;
      most = Math.max(most, taking);
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      portions.push(portion);
      taking -= 1;
    },
  };
}

describe('a long document', () => {
  it('goes to its parser bit by bit and comes back in portions, one at a time', async () => {
    const parser = createParser();
    const taker = collecting();
    const document = await parser.parse({ bytes: streamed(source), name: 'long.txt', taker: () => taker }, never);
    expect(document).toMatchObject({ text: '', blocks: [], pages: [{ number: 1, start: 0, end: source.length }], language: 'en' });
    expect(document.taken).toBe(taker);
    expect(taker.most()).toBe(1);
    expect(taker.portions.length).toBeGreaterThan(4);
    expect(taker.portions.map(({ text }) => text).join('')).toBe(source);
    for (const { text } of taker.portions) expect(text.length).toBeLessThanOrEqual(1024 * 1024);

    const whole = await parser.parse({ bytes: Buffer.from(source), name: 'long.txt' }, never);
    expect(whole.text.slice(0, whole.text.length) === source).toBe(true);
    expect(whole.taken).toBeUndefined();
    expect(whole.blocks).toEqual(taker.portions.flatMap(({ blocks }) => blocks));
    expect([...(whole.spans ?? [])]).toEqual(taker.portions.flatMap(({ spans }) => [...spans]));
  });

  it('fails with what its taker says, and the next one is read', async () => {
    const parser = createParser();
    const refusing = { take: () => Promise.reject(new RangeError('There is no room.')) };
    const failed = parser.parse({ bytes: Buffer.from(source), name: 'long.txt', taker: () => refusing }, never);
    await expect(failed).rejects.toThrow('There is no room.');
    expect((await parser.parse({ bytes: Buffer.from('short'), name: 'a.txt' }, never)).text).toBe('short');
  });

  it('fails as a file does that is no longer what it was', async () => {
    const parser = createParser();
    const changed = new RangeError('It has changed.');
    const bytes: StreamedBytes = {
      length: 100_000,
      // eslint-disable-next-line @typescript-eslint/require-await -- as a file is read
      async *read() {
        yield Buffer.alloc(50_000, 'a');
        throw changed;
      },
    };
    await expect(parser.parse({ bytes, name: 'a.txt' }, never)).rejects.toMatchObject({ cause: changed });
    const short: StreamedBytes = { ...streamed('too short'), length: 10 };
    await expect(parser.parse({ bytes: short, name: 'a.txt' }, never)).rejects.toMatchObject({
      message: expect.stringContaining('other bytes') as string,
    });
    expect((await parser.parse({ bytes: streamed('as long as said'), name: 'a.txt' }, never)).text).toBe('as long as said');
  });

  it.each([
    ['was read', 'short'],
    ['could not be read', 'damaged'],
  ])('fails where only its last look tells that it has changed, after it %s', async (_how, content) => {
    const clock = createManualClock();
    const parser = createParser({ clock, childEntry: faultyChild });
    const changed = new MillraceError('E_SOURCE_CHANGED', 'It has changed.');
    const bytes: StreamedBytes = {
      length: content.length,
      async *read() {
        yield Buffer.from(content);
        // The child has answered: nothing guards it any more.
        await vi.waitFor(() => expect(clock.pendingTimers).toBe(0), { timeout: 20_000, interval: 10 });
        throw changed;
      },
    };
    await expect(parser.parse({ bytes, name: 'a.txt' }, never)).rejects.toBe(changed);
    expect((await parser.parse({ bytes: Buffer.from('fine'), name: 'a.txt' }, never)).text.length).toBeGreaterThan(0);
  });

  it('is not charged for the time that its taker takes', async () => {
    const clock = createManualClock();
    const parser = createParser({ clock, isolation: 'process', limits: { deadline: { baseMs: 1_000, msPerMegabyte: 0, maxMs: 1_000 } } });
    const begun = createDeferred<void>();
    const goOn = createDeferred<void>();
    const taker = {
      async take() {
        begun.resolve();
        await goOn.promise;
      },
    };
    const parsing = parser.parse({ bytes: Buffer.from(source), name: 'long.txt', taker: () => taker }, never);
    await begun.promise;
    await clock.advance(5_000);
    goOn.resolve();
    expect((await parsing).taken).toBe(taker);
  });

  it.each([
    ['leave the text', 'parts beyond'],
    ['do not follow each other', 'parts apart'],
    ['are fewer than were announced', 'parts missing'],
  ])('is refused where its portions %s', async (_how, content) => {
    const parser = createParser({ childEntry: faultyChild });
    const input: ParseInput = { bytes: Buffer.from(content), name: 'a.txt', taker: collecting };
    await expect(parser.parse(input, never)).rejects.toMatchObject({ code: 'E_PARSE_CRASHED' });
    expect((await parser.parse({ bytes: Buffer.from('fine'), name: 'a.txt' }, never)).text.length).toBeGreaterThan(0);
  });

  it('is refused where its portions are together more than a file of its size becomes', async () => {
    const taker = collecting();
    const ended: MillraceError[] = [];
    const guard: ChildGuard = {
      start: () => undefined,
      pausedFor: (work) => work(),
      end: (error) => void ended.push(error),
      reason: () => ended[0],
      stop: () => undefined,
    };
    const taken = createTakenPortions({ bytes: Buffer.from('x'), name: 'a.txt', taker: () => taker }, guard, 1_000);
    for (let start = 0; start < 2_000; start += 400) {
      const portion = { start, text: 'x'.repeat(400), blocks: [], firstBlock: 0, spans: new Uint32Array() };
      const { header, payload } = encodePortion(portion);
      await taken.take({ header, payload: Buffer.concat(payload) });
    }
    expect(taker.portions.map(({ start }) => start)).toEqual([0, 400]);
    expect(ended).toMatchObject([
      { code: 'E_PARSE_CRASHED', cause: { message: expect.stringContaining('more than 1000 bytes') as string } },
    ]);
  });

  it('has taken the portion in hand before it fails where its child ends', async () => {
    const parser = createParser({ childEntry: faultyChild });
    const goOn = createDeferred<void>();
    const begun = createDeferred<void>();
    const steps: string[] = [];
    const taker = {
      async take() {
        begun.resolve();
        await goOn.promise;
        steps.push('taken');
      },
    };
    const parsing = parser.parse({ bytes: Buffer.from('parts crash'), name: 'a.txt', taker: () => taker }, never).catch(() => {
      steps.push('failed');
    });
    await begun.promise;
    // All that can happen without it happens first.
    await parser.close();
    await eventLoopTurn();
    goOn.resolve();
    await parsing;
    expect(steps).toEqual(['taken', 'failed']);
  });
});
