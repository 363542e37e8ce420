import { readdirSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Generator, LoadGeneratorOptions, LocalDevice } from '../../src/spec/engine.ts';
import { ask, callOptions, createTestDevice, filler, finalOf, type FinalPart, loadTestGenerator } from './engine-fixture.ts';
import { withoutModels } from './models.ts';

/** Prefixes that outlive the KV cache and the process, with a real model: same answers, whatever they come from. */
describe.skipIf(withoutModels)('stored prefixes', { timeout: 120_000 }, () => {
  let folder: string;
  const devices = new Set<LocalDevice>();
  const limits = { memoryBytes: 64e6, diskBytes: 256e6 };
  const passages = [filler(3, 60), filler(4, 60)];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-prefixes-'));
  });
  afterAll(async () => {
    for (const device of devices) await device.close();
    await rm(folder, { recursive: true });
  });

  const weighed = ['The', 'A', 'In', 'word', '1'];
  /** Mean difference of the log-probabilities of words as the first of the answer. */
  function difference(one: FinalPart, other: FinalPart): number {
    expect([one.weights, other.weights].map((weights) => weights?.length)).toEqual([weighed.length, weighed.length]);
    return weighed.reduce((sum, _, place) => sum + Math.abs(other.weights![place]! - one.weights![place]!), 0) / weighed.length;
  }

  /**
   * As they are for a prompt computed in one piece, in several or from stored cells, up to the order in which its sums are made, which may move
   * a single word by .3. The tokens of an answer need not be: two may be as good as equally likely.
   */
  function expectSame(one: FinalPart, other: FinalPart): void {
    expect(difference(one, other)).toBeLessThan(0.25);
  }

  const kept = () => ({ prefixes: { folder, ...limits } });

  async function fresh(options: Partial<LoadGeneratorOptions>): Promise<Generator> {
    const device = createTestDevice();
    devices.add(device);
    return loadTestGenerator(device, { sequences: 2, kvTokens: 2048, ...options });
  }

  function question(generator: Generator, passage: string, words: string, maxTokens = 8): Promise<FinalPart> {
    const named = { prefixKey: passage.slice(0, 40), prefixParts: 1, prefixOwners: ['document'] };
    const request = ask([passage, words], { maxTokens, weigh: weighed, ...named });
    return finalOf(generator.generate(request, callOptions()));
  }

  const prefixOf = (passage: string) => ({ prompt: ask([passage, '']).prompt, prefixParts: 1 });
  const entries = (): string[] =>
    readdirSync(folder, { recursive: true })
      .map(String)
      .filter((name) => name.endsWith('.kv'));

  it('come back in another process and another kind of cache, and change no answer', async () => {
    const plain = await fresh({});
    const [first, second] = passages as [string, string];
    const cold = await question(plain, first, 'Which word comes first?');
    expect(plain.prefixes).toBeUndefined();
    // Over another passage it is another answer.
    expect(difference(cold, await question(plain, second, 'Which word comes first?'))).toBeGreaterThan(0.4);

    const reader = await fresh(kept());
    const read = await question(reader, first, '', 0);
    expect(read).toMatchObject({ text: '', tokens: [], usage: { outputTokens: 0, cachedTokens: 0 } });
    expect(entries()).toHaveLength(1);
    const found = await reader.prefixes!.find([prefixOf(first), prefixOf(second)]);
    expect(found.map(({ inMemory, onDisk }) => inMemory && onDisk)).toEqual([true, false]);
    const { tokens: prefixTokens, bytes } = found[0]!;
    expect(prefixTokens).toBeGreaterThan(60);
    expect(await reader.prefixes!.counts()).toMatchObject({ memoryEntries: 1, misses: 0, hits: 0, damaged: 0, problem: null });
    expect((await reader.prefixes!.counts())?.memoryBytes).toBeLessThan(bytes * 1.02);

    for (const kvMode of ['split', 'unified'] as const) {
      const other = await fresh({ ...kept(), kvMode, sequences: kvMode === 'split' ? 3 : 2, kvTokens: 3 * 1024 });
      const again = await question(other, first, 'Which word comes first?');
      expect(again.usage).toMatchObject({ cachedTokens: prefixTokens, restoredTokens: prefixTokens });
      expectSame(again, cold);
      // What is in the KV cache is not restored.
      expect((await question(other, first, 'And last?')).usage).toMatchObject({ cachedTokens: prefixTokens, restoredTokens: 0 });
      expect(await other.prefixes!.counts()).toMatchObject({ hits: 2, misses: 0, restoredTokens: prefixTokens });
    }
  });

  it('come back from memory when their cells were needed', async () => {
    const [first, second] = passages as [string, string];
    const generator = await fresh({ sequences: 1, kvTokens: 512, prefixes: { folder, ...limits, diskBytes: 0 } });
    const answers = [];
    for (const passage of [first, second, first, second]) answers.push(await question(generator, passage, 'Which word comes first?'));
    const [cold, other, back, otherBack] = answers as [FinalPart, FinalPart, FinalPart, FinalPart];
    expect([cold.usage.restoredTokens, other.usage.restoredTokens]).toEqual([0, 0]);
    expect(back.usage.restoredTokens).toBeGreaterThan(60);
    expectSame(back, cold);
    expectSame(otherBack, other);
    expect(() => expectSame(other, cold)).toThrow();
    // The longest beginning counts: nothing named is needed to profit.
    const unnamed = await finalOf(generator.generate(ask([first, 'Which?'], { maxTokens: 1 }), callOptions()));
    expect(unnamed.usage.restoredTokens).toBe(back.usage.restoredTokens);
    await generator.prefixes!.forget(['document']);
    expect(await generator.prefixes!.counts()).toMatchObject({ memoryEntries: 0, memoryBytes: 0 });
    // Not even in the KV cache, which held it a moment ago.
    expect((await question(generator, first, 'Which?', 1)).usage.cachedTokens).toBe(0);
    await question(generator, second, 'Which?', 1);
    expect((await question(generator, first, 'Which?', 1)).usage.restoredTokens).toBe(0);
  });

  it('are dropped and computed again when they are damaged', async () => {
    const [first] = passages as [string];
    const [entry] = entries() as [string];
    await flipBit(join(folder, entry));
    const generator = await fresh(kept());
    expect((await question(generator, first, '', 0)).usage).toMatchObject({ cachedTokens: 0, restoredTokens: 0 });
    expect(await generator.prefixes!.counts()).toMatchObject({ damaged: 1 });
    // A good one is written in its place.
    expect(entries()).toEqual([entry]);
  });
});

async function flipBit(path: string): Promise<void> {
  const file = await open(path, 'r+');
  const at = (await file.stat()).size - 1_000;
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  byte[0]! ^= 4;
  await file.write(byte, 0, 1, at);
  await file.close();
}
