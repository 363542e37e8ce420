import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFakeGenerator, type FakeGenerator, type FakeGeneratorOptions } from '../engines/fake/generator.ts';
import { generateLane } from '../lanes.ts';
import { createScheduler } from '../scheduler/scheduler.ts';
import { createManualClock, type ManualClock } from '../testing/manual-clock.ts';
import type { Scheduler } from '../spec/work.ts';
import { generateAnswer, type GenerateAnswerRequest } from './generate.ts';
import { answerPrompt } from './prompt.ts';

let clock: ManualClock;
let scheduler: Scheduler;
let generator: FakeGenerator;

function setUp(options: Partial<FakeGeneratorOptions> = {}): void {
  clock = createManualClock();
  scheduler = createScheduler({ clock });
  generator = createFakeGenerator({ clock, ...options });
  scheduler.addLane(generateLane(generator));
}
beforeEach(() => setUp());
afterEach(() => scheduler.close());

/** Two questions about one passage, and the cells that were taken for them at most. */
async function askTogether(asked: FakeGenerator) {
  const request = { maxTokens: 50, temperature: 0, seed: 0, class: 'batch', signal: new AbortController().signal } as const;
  const prompt = answerPrompt('How many passengers?', ['[1] Handbook:\nThe ferry carries 48 passengers.\n\n']);
  const answers = [1, 2].map(() => generateAnswer(scheduler, asked, { ...request, prompt }, clock.monotonic));
  await clock.settle();
  let mostCells = 0;
  while (clock.pendingTimers > 0) {
    mostCells = Math.max(mostCells, scheduler.snapshot()[0]!.usedKvTokens);
    await clock.advance(1);
  }
  return { answers: await Promise.all(answers), mostCells };
}

async function generate(changes: Partial<GenerateAnswerRequest> = {}, question = 'How many passengers?') {
  const done = generateAnswer(
    scheduler,
    generator,
    {
      prompt: answerPrompt(question, ['[1] Handbook:\nThe ferry carries 48 passengers.\n\n']),
      maxTokens: 50,
      temperature: 0,
      seed: 0,
      class: 'interactive',
      signal: new AbortController().signal,
      onText: () => Promise.resolve(),
      ...changes,
    },
    clock.monotonic,
  );
  done.catch(() => undefined);
  await clock.runUntilIdle();
  return done;
}

describe('generateAnswer', () => {
  it('hands the text on as it comes and ends with the whole', async () => {
    const pieces: string[] = [];
    const { final, firstTokenMs } = await generate({
      onText(text) {
        pieces.push(text);
        return Promise.resolve();
      },
    });
    expect(pieces.join('')).toBe(final.text);
    expect(pieces.length).toBeGreaterThan(1);
    expect(firstTokenMs).toBe(0);
  });

  it('computes the rules once for all questions', async () => {
    setUp({ prefillTokensPerSecond: 1_000 });
    const first = await generate();
    const second = await generate({}, 'Who may travel free?');
    expect(first.final.usage.cachedTokens).toBe(0);
    expect(second.final.usage.cachedTokens).toBeGreaterThan(30);
    expect(second.final.usage.prefillMs).toBeLessThan(first.final.usage.prefillMs / 2);
  });

  it('asks at the same time where the model cannot share a prefix, and each reserves the whole of it', async () => {
    for (const sharesPrefixes of [true, false]) {
      setUp({ prefillTokensPerSecond: 1_000 });
      const fake = generator;
      const { answers, mostCells } = await askTogether({ ...fake, capacity: () => ({ ...fake.capacity(), sharesPrefixes }) });
      expect(answers.map(({ timings }) => timings.queuedMs > 0)).toEqual([false, sharesPrefixes]);
      const { promptTokens } = answers[0]!.final.usage;
      if (sharesPrefixes) expect(mostCells).toBeLessThan(2 * (promptTokens + 50));
      else expect(mostCells).toBe(2 * (promptTokens + 50));
    }
  });

  it('reserves what it needs and gives it back', async () => {
    await generate();
    const { peakKvTokens, usedKvTokens, active } = generator.statistics();
    expect(peakKvTokens).toBeGreaterThan(50);
    expect({ usedKvTokens, active }).toEqual({ usedKvTokens: 0, active: 0 });
    expect(scheduler.snapshot()).toMatchObject([{ running: 0, usedKvTokens: 0 }]);
  });

  it('refuses a prompt that the model cannot hold before anything is submitted, with the figures', async () => {
    setUp({ maxSequenceTokens: 128 });
    await expect(generate({}, 'why '.repeat(200))).rejects.toThrow(
      expect.objectContaining({
        code: 'E_CONTEXT_EXCEEDED',
        details: { promptTokens: expect.any(Number), maxTokens: 50, limitTokens: 128 },
      }),
    );
    expect(generator.statistics().calls).toBe(0);
  });

  it('cancels the work when its text is not wanted any more', async () => {
    setUp({ decodeTokensPerSecond: 1 });
    await expect(generate({ onText: () => Promise.reject(new Error('the reader left')) })).rejects.toThrow('the reader left');
    await clock.settle();
    expect(scheduler.snapshot()).toMatchObject([{ running: 0, usedKvTokens: 0 }]);
    expect(generator.statistics().outputTokens).toBeLessThan(3);
  });

  it('ends at its deadline', async () => {
    setUp({ decodeTokensPerSecond: 0.001 });
    await expect(generate({ deadline: clock.monotonic() + 100 })).rejects.toThrow(expect.objectContaining({ code: 'E_DEADLINE_EXCEEDED' }));
  });
});
