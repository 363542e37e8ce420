import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  chooseKind,
  isShortStep,
  kindFloor,
  minimumPromptTokens,
  oldestFirstInterval,
  plan,
  sharedStepInterval,
  takePart,
  type ActiveSequence,
} from './plan.ts';

const prompt = (sequence: number, wanted: number, overrides: Partial<ActiveSequence> = {}): ActiveSequence => ({
  sequence,
  class: 'batch',
  arrival: sequence,
  computed: 0,
  wanted,
  boundary: wanted,
  decoding: false,
  ...overrides,
});
const decode = (sequence: number, wanted = 50): ActiveSequence => prompt(sequence, wanted, { computed: wanted - 1, decoding: true });

describe('plan', () => {
  const limits = { batchTokens: 512, promptTokens: 400, step: 1 };

  it('gives every decode one token and the rest of the budget to prompts, in ascending sequence id', () => {
    expect(plan([decode(5), prompt(2, 100), decode(0, 9)], { ...limits, promptTokens: 40 })).toEqual([
      { sequence: 0, start: 8, count: 1, output: true },
      { sequence: 2, start: 0, count: 40, output: false },
      { sequence: 5, start: 49, count: 1, output: true },
    ]);
  });

  it('marks the chunk that completes a prompt as output', () => {
    expect(plan([prompt(1, 30, { computed: 10 })], limits)).toEqual([{ sequence: 1, start: 10, count: 20, output: true }]);
  });

  it('never gives a waiting prompt fewer than the minimum, however slow the machine', () => {
    const [chunk] = plan([prompt(0, 100)], { ...limits, promptTokens: 0 });
    expect(chunk?.count).toBe(minimumPromptTokens);
  });

  it('takes prompts by class before all else', () => {
    const chunks = plan([prompt(0, 100, { arrival: 0 }), prompt(1, 300, { arrival: 9, class: 'interactive' })], {
      ...limits,
      promptTokens: 300,
    });
    expect(chunks).toEqual([{ sequence: 1, start: 0, count: 300, output: true }]);
  });

  it('completes the prompt that has the least left first, those of a length in the order of their age', () => {
    const counts = (active: readonly ActiveSequence[]) => plan(active, limits).map(({ sequence, count }) => [sequence, count]);
    expect(counts([prompt(0, 4_000), prompt(1, 60), prompt(2, 900, { computed: 800 })])).toEqual([
      [0, 240],
      [1, 60],
      [2, 100],
    ]);
    expect(counts([prompt(0, 700, { arrival: 2 }), prompt(1, 700, { arrival: 1 })])).toEqual([[1, 400]]);
  });

  it('takes the oldest prompt first in one step of four', () => {
    const active = [prompt(0, 4_000), prompt(1, 60), prompt(2, 60)];
    const first = Array.from({ length: 2 * oldestFirstInterval }, (_, step) => plan(active, { ...limits, step })[0]!.count);
    expect(first).toEqual([400, 280, 280, 280, 400, 280, 280, 280]);
  });

  it('gives a small rest of the budget only to a prompt that it completes', () => {
    const sequences = (lengths: readonly number[]) =>
      plan(
        lengths.map((length, sequence) => prompt(sequence, length)),
        limits,
      ).map(({ sequence }) => sequence);
    expect(sequences([245, 245])).toEqual([0]);
    expect(sequences([100, 245])).toEqual([0, 1]);
    expect(sequences([250, 150])).toEqual([0, 1]);
  });

  it('keeps to the batch, advances every decode, and always makes progress', () => {
    const sequences = fc
      .array(
        fc.record({
          class: fc.constantFrom('interactive' as const, 'batch' as const, 'background' as const),
          arrival: fc.nat(1000),
          computed: fc.nat(2000),
          more: fc.integer({ min: 1, max: 3000 }),
          prefix: fc.integer({ min: 1, max: 3000 }),
          decoding: fc.boolean(),
        }),
        { maxLength: 24 },
      )
      .map((items) =>
        items.map(
          (item, sequence) =>
            ({
              ...item,
              sequence,
              wanted: item.computed + (item.decoding ? 1 : item.more),
              boundary: item.computed + (item.decoding ? 1 : Math.min(item.more, item.prefix)),
            }) satisfies ActiveSequence & { more: number },
        ),
      );
    fc.assert(
      fc.property(sequences, fc.integer({ min: 32, max: 512 }), fc.nat(600), fc.nat(9), (active, batchTokens, promptTokens, step) => {
        const chunks = plan(active, { batchTokens, promptTokens, step });
        expect(chunks.reduce((sum, chunk) => sum + chunk.count, 0)).toBeLessThanOrEqual(batchTokens);
        expect(chunks.map((chunk) => chunk.sequence)).toEqual([...new Set(chunks.map((chunk) => chunk.sequence))].sort((a, b) => a - b));
        for (const item of active.filter(({ decoding }) => decoding))
          expect(chunks.some((chunk) => chunk.sequence === item.sequence)).toBe(true);
        for (const chunk of chunks) {
          const item = active[chunk.sequence]!;
          expect(chunk.start).toBe(item.computed);
          expect(chunk.count).toBeGreaterThan(0);
          expect(chunk.output).toBe(chunk.start + chunk.count === item.wanted);
          expect(chunk.start + chunk.count).toBeLessThanOrEqual(item.boundary);
        }
        if (active.length > 0) expect(chunks.length).toBeGreaterThan(0);
      }),
    );
  });
});

describe('takePart', () => {
  const others = [decode(0), prompt(1, 300), prompt(2, 300, { class: 'background' })];
  const asked = prompt(3, 300, { class: 'interactive' });
  const answered = { ...decode(4), class: 'interactive' } as const;

  it('keeps steps for a question while its prompt is computed, and every fourth one for all', () => {
    const all = [...others, asked, answered];
    const sizes = Array.from({ length: 2 * sharedStepInterval }, (_, step) => takePart(all, step).length);
    expect(sizes).toEqual([5, 2, 2, 2, 5, 2, 2, 2]);
    expect(takePart(all, 1)).toEqual([asked, answered]);
  });

  it('lets everybody in when no prompt of a question is left', () => {
    for (const active of [others, [...others, answered], [asked]]) expect(takePart(active, 1)).toEqual(active);
  });
});

describe('isShortStep', () => {
  const others = [decode(0), prompt(1, 300)];
  const asked = prompt(3, 300, { class: 'interactive' });
  const answered = { ...decode(4), class: 'interactive' } as const;

  it('is every step while a question is answered, and none without questions', () => {
    expect(isShortStep([...others, answered], [...others, answered])).toBe(true);
    expect(isShortStep([...others, asked, answered], [asked, answered])).toBe(true);
    expect(isShortStep(others, others)).toBe(false);
    expect(isShortStep([], [])).toBe(false);
  });

  it('is the step that the prompt of a question shares with others, and not its own', () => {
    expect(isShortStep([...others, asked], [...others, asked])).toBe(true);
    expect(isShortStep([...others, asked], [asked])).toBe(false);
    expect(isShortStep([asked], [asked])).toBe(false);
  });
});

describe('chooseKind', () => {
  const load = (workClass: ActiveSequence['class'] | undefined, recentMs: number) => ({ class: workClass, recentMs });

  it('takes what there is', () => {
    expect(chooseKind(load(undefined, 0), load(undefined, 0))).toBeUndefined();
    expect(chooseKind(load('background', 99), load(undefined, 0))).toBe('decode');
    expect(chooseKind(load(undefined, 0), load('background', 99))).toBe('encode');
  });

  it('prefers the stronger class', () => {
    expect(chooseKind(load('batch', 100), load('interactive', 500))).toBe('encode');
    expect(chooseKind(load('interactive', 500), load('batch', 100))).toBe('decode');
  });

  it('lets neither kind fall below its floor', () => {
    expect(chooseKind(load('interactive', 100 * (1 - kindFloor) + 1), load('background', 100 * kindFloor - 1))).toBe('encode');
    expect(chooseKind(load('background', 5), load('interactive', 95))).toBe('decode');
  });

  it('shares the time between equals', () => {
    expect(chooseKind(load('batch', 60), load('batch', 40))).toBe('encode');
    expect(chooseKind(load('batch', 40), load('batch', 60))).toBe('decode');
  });
});
