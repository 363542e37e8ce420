import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { GeneratePart, Generator, LocalDevice } from '../../src/spec/engine.ts';
import { ask, callOptions, createTestDevice, filler, finalOf, loadTestGenerator } from './engine-fixture.ts';
import { withoutModels } from './models.ts';

// Thousands of tokens, on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000 });

const code = (expected: string) => expect.objectContaining({ code: expected });

describe.skipIf(withoutModels).each(['split', 'unified'] as const)('generating with a %s cache', (kvMode) => {
  let device: LocalDevice;
  let generator: Generator;
  beforeAll(async () => {
    device = createTestDevice();
    generator = await loadTestGenerator(device, { kvMode });
  });
  afterAll(() => device.close());

  const idle = async () => expect(await device.statistics()).toMatchObject({ activeSequences: 0 });

  it('tells how likely its output was, and given words as its first', async () => {
    const asked = ask('What is the capital of France?', { maxTokens: 4, likelihood: true });
    const { text, meanLogProbability } = await finalOf(generator.generate(asked, callOptions()));
    expect(meanLogProbability).toBeLessThan(0);
    expect(meanLogProbability).toBeGreaterThan(-5);
    const { weights } = await finalOf(generator.generate({ ...asked, weigh: [text, 'Xylophone'] }, callOptions()));
    const [said = 0, other = 0] = weights ?? [];
    expect(said).toBeLessThanOrEqual(0);
    expect(said).toBeGreaterThan(other);
  });

  it('tells no likelihood where nobody asks', async () => {
    const final = await finalOf(generator.generate(ask('What is the capital of France?', { maxTokens: 4 }), callOptions()));
    expect(final).not.toHaveProperty('meanLogProbability');
    expect(final).not.toHaveProperty('weights');
  });

  it("goes on past the model's end where its end is ignored", async () => {
    const question = 'Say yes.';
    const itself = await finalOf(generator.generate(ask(question, { maxTokens: 120 }), callOptions()));
    expect(itself.stopReason).toBe('end');
    const forced = await finalOf(generator.generate(ask(question, { maxTokens: 120, ignoreEnd: true }), callOptions()));
    expect(forced).toMatchObject({ stopReason: 'length', usage: { outputTokens: 120 } });
    expect(forced.tokens.slice(0, itself.tokens.length)).toEqual(itself.tokens);
  });

  it('streams the text that the final part holds, with its usage', async () => {
    const parts: GeneratePart[] = [];
    for await (const part of generator.generate(ask('What is the capital of France?', { deliver: 'stream' }), callOptions()))
      parts.push(part);
    const final = parts.at(-1);
    if (final?.type !== 'final') throw new Error('no final part');
    expect(parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('')).toBe(final.text);
    expect(final.text.length).toBeGreaterThan(0);
    const { tokens } = await generator.tokenizer.tokenizePrompt(ask('What is the capital of France?').prompt);
    expect(final.usage).toMatchObject({ promptTokens: tokens.length, cachedTokens: 0, outputTokens: final.tokens.length });
  });

  it('answers many requests at once, more than there are sequences, each with its own answer', async () => {
    const questions = Array.from({ length: 8 }, (_, index) => `Say the number ${index + 10} and nothing else.`);
    const alone: string[] = [];
    for (const question of questions.slice(0, 2))
      alone.push((await finalOf(generator.generate(ask(question, { maxTokens: 6 }), callOptions()))).text);
    const before = await device.statistics();
    const finals = await Promise.all(
      questions.map((question) => finalOf(generator.generate(ask(question, { maxTokens: 6 }), callOptions()))),
    );
    const after = await device.statistics();
    expect(finals).toHaveLength(8);
    for (const final of finals) expect(final.usage.outputTokens).toBeGreaterThan(0);
    expect(finals.slice(0, 2).map((final) => final.text[0])).toEqual(alone.map((text) => text[0]));
    expect((after.sequenceSteps - before.sequenceSteps) / (after.steps - before.steps)).toBeGreaterThan(2);
    await idle();
  });

  it('ends a cancelled request and frees its cells', async () => {
    const abort = new AbortController();
    const run = generator.generate(ask(filler(1, 200), { maxTokens: 500, deliver: 'stream' }), callOptions({ signal: abort.signal }));
    let texts = 0;
    await expect(async () => {
      for await (const part of run) if (part.type === 'text' && ++texts === 3) abort.abort();
    }).rejects.toThrow(code('E_CANCELLED'));
    await idle();
    expect((await device.statistics()).usedKvTokens).toBe(0);
  });

  it('ends a request whose reader leaves, and one that is aborted before it starts', async () => {
    for await (const part of generator.generate(ask('Count to one hundred.', { maxTokens: 500, deliver: 'stream' }), callOptions())) {
      expect(part.type).toBe('text');
      break;
    }
    await idle();
    await expect(finalOf(generator.generate(ask('x'), callOptions({ signal: AbortSignal.abort() })))).rejects.toThrow(code('E_CANCELLED'));
  });

  it('gives the same tokens for the same seed, and others for another', async () => {
    const sampled = async (seed: number) => {
      const sampling = { ...ask('').sampling, temperature: 1.2, repeatPenalty: 1.1, seed };
      return (await finalOf(generator.generate(ask('Tell me a story.', { maxTokens: 24, sampling }), callOptions()))).tokens;
    };
    const first = await sampled(7);
    expect(await sampled(7)).toEqual(first);
    expect(await sampled(8)).not.toEqual(first);
  });

  it('ends before a stop string and delivers no part of it', async () => {
    const whole = await finalOf(generator.generate(ask('Count: one, two, three,', { maxTokens: 24 }), callOptions()));
    const stop = whole.text.slice(9, 14);
    const parts: GeneratePart[] = [];
    for await (const part of generator.generate(
      ask('Count: one, two, three,', { maxTokens: 24, stop: [stop], deliver: 'stream' }),
      callOptions(),
    ))
      parts.push(part);
    const text = whole.text.slice(0, whole.text.indexOf(stop));
    expect(parts.at(-1)).toMatchObject({ type: 'final', stopReason: 'stop-string', text });
    expect(parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('')).toBe(text);
    await idle();
  });

  it('follows a grammar, and refuses one that is not valid', async () => {
    const grammar = 'root ::= "{\\"answer\\": \\"" ("yes" | "no") "\\"}"';
    const { text } = await finalOf(generator.generate(ask('Is water wet?', { grammar, maxTokens: 24 }), callOptions()));
    expect(['yes', 'no']).toContain((JSON.parse(text) as { answer: string }).answer);
    for (const invalid of ['', 'root ::= (', 'other ::= "a"', 'root ::= root "a"', `root ::= ${'('.repeat(500)}"a"${')'.repeat(500)}`]) {
      await expect(finalOf(generator.generate(ask('x', { grammar: invalid }), callOptions()))).rejects.toThrow(code('E_INPUT_INVALID'));
    }
    await idle();
  });

  it('computes a named prefix once, says when it is ready, and answers as without it', async () => {
    const prefix = filler(3, 150);
    const parts = (question: string) => [prefix, `\nQuestion: ${question}`];
    const plain = await finalOf(generator.generate(ask(parts('What is the first word?'), { maxTokens: 8 }), callOptions()));
    const seen: GeneratePart[] = [];
    for await (const part of generator.generate(
      ask(parts('Which word comes last?'), { maxTokens: 8, prefixKey: 'k', prefixParts: 1 }),
      callOptions(),
    ))
      seen.push(part);
    const { partEnds } = await generator.tokenizer.tokenizePrompt(ask(parts('x')).prompt);
    expect(seen[0]).toEqual({ type: 'prefix-ready', prefixKey: 'k', tokens: partEnds[0] });
    const again = await finalOf(
      generator.generate(ask(parts('What is the first word?'), { maxTokens: 8, prefixKey: 'k', prefixParts: 1 }), callOptions()),
    );
    expect(again.usage.cachedTokens).toBe(partEnds[0]);
    expect(again.tokens[0]).toBe(plain.tokens[0]);
    const unnamed = await finalOf(generator.generate(ask(parts('What is the first word?'), { maxTokens: 8 }), callOptions()));
    expect(unnamed.usage.cachedTokens).toBe(partEnds[0]);
  });

  it('never fails a request for cells that cached prefixes hold', async () => {
    for (let number = 0; number < 12; number++) {
      const request = ask([filler(20 + number, 400), 'Why?'], { maxTokens: 2, prefixKey: `p${number}`, prefixParts: 1 });
      expect((await finalOf(generator.generate(request, callOptions()))).usage.promptTokens).toBeGreaterThan(400);
    }
    const long = await finalOf(generator.generate(ask(filler(99, 500), { maxTokens: 4 }), callOptions()));
    expect(long.usage).toMatchObject({ cachedTokens: expect.any(Number), promptTokens: expect.any(Number) });
    expect((await device.statistics()).usedKvTokens).toBeLessThanOrEqual(generator.capacity().kvTokens);
  });

  it('refuses what cannot fit, and an empty or oversized text is no crash', async () => {
    const { maxSequenceTokens } = generator.capacity();
    await expect(finalOf(generator.generate(ask('x', { maxTokens: maxSequenceTokens }), callOptions()))).rejects.toThrow(
      code('E_CONTEXT_EXCEEDED'),
    );
    await expect(finalOf(generator.generate(ask(filler(1, 20_000)), callOptions()))).rejects.toThrow(code('E_CONTEXT_EXCEEDED'));
    expect((await finalOf(generator.generate(ask(''), callOptions()))).usage.outputTokens).toBeGreaterThan(0);
    expect((await finalOf(generator.generate(ask('\0\ud800<|im_end|>'), callOptions()))).usage.outputTokens).toBeGreaterThan(0);
  });

  it('does not let text become a control token', async () => {
    const { tokens } = await generator.tokenizer.tokenizePrompt(ask('a').prompt);
    const hostile = await generator.tokenizer.tokenizePrompt(ask('<|im_end|>').prompt);
    const control = (list: Int32Array) => list.filter((token) => token < 3).length;
    expect(control(hostile.tokens)).toBe(control(tokens));
    expect(await generator.tokenizer.countTokens(['', 'a', '<|im_end|>'])).toEqual(
      Uint32Array.of(0, 1, hostile.tokens.length - tokens.length + 1),
    );
  });
});
