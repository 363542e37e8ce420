import { afterEach, describe, expect, it } from 'vitest';
import { collect, type MillBench, openMillBench } from '../test/support/mill-bench.ts';
import { createFakeMill } from './testing/fake-mill.ts';
import { describeMillConformance } from './testing/mill-conformance.ts';
import { systemClock } from './util/clock.ts';
import { createDeferred } from './util/deferred.ts';

describeMillConformance({ describe, it }, 'a Mill over fakes', async () => {
  const mill = createFakeMill({ clock: systemClock });
  return { mill, close: () => mill.close() };
});

const sources = [{ id: 'ferry', text: 'The ferry carries 48 passengers.' }];
const question = 'How many passengers does the ferry carry?';
const code = (expected: string) => expect.objectContaining({ code: expected });
const forever = createDeferred<void>().promise;

describe('a Mill in virtual time', () => {
  let bench: MillBench;
  afterEach(() => bench.close());

  it('ends a search and embedMany at their timeoutMs', async () => {
    bench = await openMillBench({ sources, embedder: { fault: () => ({ type: 'stall' }) } });
    const { mill, clock, settle, load } = bench;
    const calls = [mill.search(question, { timeoutMs: 2_000 }), mill.embedMany(['a', 'b'], { timeoutMs: 2_000 })];
    const outcomes = Promise.allSettled(calls);
    await settle();
    await clock.advance(1_999);
    expect(load()).not.toEqual({});
    await clock.advance(1);
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: { code: 'E_DEADLINE_EXCEEDED' } });
    await settle();
    expect(load()).toEqual({});
  });

  it('leaves no timer of a call that has ended', async () => {
    bench = await openMillBench({ sources });
    const { mill, clock, drive } = bench;
    const before = clock.pendingTimers;
    await drive(mill.ask(question, { timeoutMs: 60_000 }).result());
    await drive(mill.search(question, { timeoutMs: 60_000 }));
    expect(clock.pendingTimers).toBe(before);
  });

  it.each([
    [new DOMException('late', 'TimeoutError'), 'E_DEADLINE_EXCEEDED'],
    ['changed my mind', 'E_CANCELLED'],
    [undefined, 'E_CANCELLED'],
  ])('tells what a signal aborted with %s means', async (reason, expected) => {
    bench = await openMillBench({ sources });
    const signal = AbortSignal.abort(reason);
    await expect(bench.mill.search(question, { signal })).rejects.toThrow(code(expected));
    await expect(bench.mill.ask(question, { signal }).result()).rejects.toThrow(code(expected));
  });

  it('embeds 9,000 texts in order, and never holds more of them in the lane than feeders may', async () => {
    let most = 0;
    const sample = () => {
      most = Math.max(most, bench.load()['embed'] ?? 0);
      return undefined;
    };
    bench = await openMillBench({ embedder: { tokensPerSecond: 10_000, fault: sample } });
    const { mill, drive } = bench;
    const texts = Array.from({ length: 9_000 }, (_, index) => `word${index % 97} number${index}`);
    const vectors = await drive(mill.embedMany(texts));
    expect(vectors).toHaveLength(9_000);
    // Three quarters of the 10,000 places of the lane.
    expect(most).toBeGreaterThan(1_000);
    expect(most).toBeLessThanOrEqual(7_500 + 128);
    for (const index of [0, 4_999, 8_999]) {
      const [alone] = await drive(mill.embedMany([texts[index] ?? '']));
      expect(vectors[index]).toEqual(alone);
    }
  });

  it('cancels all texts of embedMany with the first failure, which names the text', async () => {
    bench = await openMillBench({ embedder: { tokensPerSecond: 100 } });
    const { mill, drive, settle, load } = bench;
    const texts = ['short', Array(400).fill('word').join(' '), 'short again'];
    await expect(drive(mill.embedMany(texts))).rejects.toThrow(
      expect.objectContaining({ code: 'E_CONTEXT_EXCEEDED', message: expect.stringMatching(/^Text number 2 has 400 tokens/) }),
    );
    await settle();
    expect(load()).toEqual({});
  });

  it('stops embedMany where its signal is aborted', async () => {
    bench = await openMillBench({ embedder: { tokensPerSecond: 1 } });
    const { mill, settle, load, clock } = bench;
    const controller = new AbortController();
    const vectors = mill.embedMany(
      Array.from({ length: 300 }, (_, index) => `text ${index}`),
      { signal: controller.signal },
    );
    vectors.catch(() => undefined);
    await settle();
    expect(load()['embed']).toBeGreaterThan(0);
    const before = clock.monotonic();
    controller.abort();
    await expect(vectors).rejects.toThrow(code('E_CANCELLED'));
    await settle();
    expect(load()).toEqual({});
    expect(clock.monotonic()).toBe(before);
  });

  it('settles every open call when it closes, whatever each was doing', async () => {
    bench = await openMillBench({ sources, generator: { sequences: 2, decodeTokensPerSecond: 0.01 } });
    const { mill, drive, settle } = bench;
    const asked = Array.from({ length: 5 }, () => collect(mill.ask(question)));
    const ingesting = collect(
      mill.ingest(
        (async function* () {
          yield { id: 'first', text: 'The first text.' };
          await forever;
        })(),
      ),
    );
    await settle();
    await drive(mill.close());
    for (const { events, ended } of asked) {
      await ended;
      expect(events.at(-1)).toMatchObject({ type: 'answer-failed', error: { code: 'E_SHUTTING_DOWN' } });
    }
    await ingesting.ended;
    expect(ingesting.events.at(-1)).toMatchObject({ type: 'ingest-failed', error: { code: 'E_SHUTTING_DOWN' } });
  });

  it('does not wait for a model that loads when it closes', async () => {
    bench = await openMillBench({ sources, mill: { loading: (model) => (model === 'fake-generator' ? forever : Promise.resolve()) } });
    const { mill, drive, settle } = bench;
    const asked = mill.ask(question).result();
    asked.catch(() => undefined);
    await settle();
    await drive(mill.close());
    await expect(asked).rejects.toThrow(code('E_SHUTTING_DOWN'));
  });

  it('is closed by the end of its block', async () => {
    bench = await openMillBench({ sources });
    {
      await using mill = bench.mill;
      expect((await mill.status()).writable).toBe(true);
    }
    await expect(bench.mill.status()).rejects.toThrow(code('E_SHUTTING_DOWN'));
  });
});
