import { describe, expect, it } from 'vitest';
import { describeEngineConformance, questionRequest, readParts } from '../../testing/engine-conformance.ts';
import { createManualClock } from '../../testing/manual-clock.ts';
import { answerFromPassages } from './answer.ts';
import { createFakeEmbedder } from './embedder.ts';
import { createFakeGenerator } from './generator.ts';
import type { FakeFault } from './pace.ts';
import { createFakeReranker } from './reranker.ts';

describeEngineConformance({ describe, it }, 'fake engines', () => {
  const clock = createManualClock();
  return Promise.resolve({
    generator: createFakeGenerator({ clock, answer: () => 'It was built in 1874, long before the bridge. [1]' }),
    embedder: createFakeEmbedder({ clock }),
    reranker: createFakeReranker({ clock }),
    close: () => Promise.resolve(),
  });
});

function setUp(fault?: FakeFault) {
  const clock = createManualClock();
  const generator = createFakeGenerator({
    clock,
    prefillTokensPerSecond: 1_000,
    decodeTokensPerSecond: 100,
    jitter: 0.5,
    seed: 3,
    answer: () => 'one two three four',
    ...(fault === undefined ? {} : { fault: () => fault }),
  });
  return { clock, generator };
}

describe('fake generator', () => {
  it('takes the same virtual time for the same requests', async () => {
    const times = [];
    for (let round = 0; round < 2; round += 1) {
      const { clock, generator } = setUp();
      const read = readParts(generator, questionRequest('?'));
      await clock.runUntilIdle();
      await read;
      times.push(clock.monotonic());
    }
    expect(times[0]).toBeGreaterThan(1_030);
    expect(times[1]).toBe(times[0]);
  });

  it('stalls until it is cancelled', async () => {
    const { clock, generator } = setUp({ type: 'stall' });
    const controller = new AbortController();
    const outcome = Promise.allSettled([readParts(generator, questionRequest('?'), controller.signal)]);
    await clock.advance(1e6);
    expect(generator.statistics().active).toBe(1);
    controller.abort();
    expect(await outcome).toMatchObject([{ reason: { code: 'E_CANCELLED' } }]);
    expect(generator.statistics().active).toBe(0);
  });

  it('says whether anything was delivered before it crashed', async () => {
    for (const [afterTokens, delivered] of [
      [0, false],
      [2, true],
    ] as const) {
      const { clock, generator } = setUp({ type: 'crash', afterTokens });
      const outcome = Promise.allSettled([readParts(generator, questionRequest('?'))]);
      await clock.runUntilIdle();
      expect(await outcome).toMatchObject([{ reason: { code: 'E_ENGINE_CRASHED', delivered } }]);
    }
  });

  it('goes on when a cancellation is lost', async () => {
    const { clock, generator } = setUp({ type: 'lost-cancel' });
    const read = readParts(generator, questionRequest('?'), AbortSignal.abort());
    await clock.runUntilIdle();
    expect((await read).at(-1)).toMatchObject({ type: 'final', text: 'one two three four' });
  });

  it('refuses more than it can hold', async () => {
    const { clock } = setUp();
    const generator = createFakeGenerator({ clock, sequences: 1 });
    const parts = generator.generate(questionRequest('?'), { class: 'batch', signal: new AbortController().signal });
    const first = parts[Symbol.asyncIterator]();
    await first.next();
    await expect(readParts(generator, questionRequest('?'))).rejects.toMatchObject({ code: 'E_ENGINE_FAILED' });
    await first.return?.();
    await expect(readParts(generator, questionRequest('?'))).resolves.toHaveLength(6);
  });
});

describe('answerFromPassages', () => {
  const passages = [
    '[1] Hours:\nThe mill opens at nine. It closes at five.\n\n',
    '[2] Prices:\nA ticket costs 4.50 euros. Children enter free.\n\n',
  ];
  function ask(question: string): string {
    const system = 'Rules. If no passage states the answer, reply exactly: Not in the documents.';
    return answerFromPassages({
      prompt: {
        messages: [
          { role: 'system', parts: [system] },
          { role: 'user', parts: [...passages, `Question: ${question}`] },
        ],
      },
    });
  }

  it('quotes the sentence that shares most words and names its passage', () => {
    expect(ask('What does a ticket cost?')).toBe('A ticket costs 4.50 euros. [2]');
    expect(ask('When does it close?')).toBe('It closes at five. [1]');
  });

  it('says so when no passage holds the answer', () => {
    expect(ask('Who founded the brewery?')).toBe('Not in the documents.');
  });
});
