import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Embedder, LocalDevice } from '../../src/spec/engine.ts';
import { callOptions, createTestDevice, filler, loadTestEmbedder } from './engine-fixture.ts';
import { withoutModels } from './models.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });
const cosine = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, index) => sum + value * b[index]!, 0);

describe.skipIf(withoutModels)('embedding', () => {
  let device: LocalDevice;
  let embedder: Embedder;
  beforeAll(async () => {
    device = createTestDevice();
    embedder = await loadTestEmbedder(device);
  });
  afterAll(() => device.close());

  it('gives unit vectors in the order of the texts, whatever shares their batch', async () => {
    const texts = Array.from({ length: 40 }, (_, index) => filler(index, 1 + ((index * 13) % 70)));
    const together = await embedder.embed(texts, 'passage', callOptions());
    expect(together).toHaveLength(40);
    for (const [index, text] of texts.entries()) {
      const [alone] = await embedder.embed([text], 'passage', callOptions());
      expect(together[index]).toHaveLength(embedder.model.dimensions);
      expect(cosine(together[index]!, alone!)).toBeGreaterThanOrEqual(0.9999);
      expect(cosine(alone!, alone!)).toBeCloseTo(1, 5);
    }
  });

  it('places related texts closer than unrelated ones', async () => {
    const [cat, feline, tax] = await embedder.embed(
      ['A cat sat on the mat.', 'The feline rested on a rug.', 'Tax returns are due in May.'],
      'passage',
      callOptions(),
    );
    expect(cosine(cat!, feline!)).toBeGreaterThan(cosine(cat!, tax!) + 0.2);
  });

  it('takes calls at once, empty ones, strange texts, and gives equal texts equal vectors', async () => {
    expect(await embedder.embed([], 'query', callOptions())).toEqual([]);
    const calls = await Promise.all(
      Array.from({ length: 10 }, (_, index) => embedder.embed([`text ${index}`, '', '\0\ud800', '日本語'], 'query', callOptions())),
    );
    for (const vectors of calls) expect(cosine(vectors[3]!, calls[0]![3]!)).toBeGreaterThanOrEqual(0.9999);
  });

  it('refuses a text that is longer than the model reads', async () => {
    await expect(embedder.embed(['short', filler(1, 2000)], 'passage', callOptions())).rejects.toThrow(code('E_CONTEXT_EXCEEDED'));
    expect(await embedder.embed(['short'], 'passage', callOptions())).toHaveLength(1);
  });

  it('ends a cancelled call', async () => {
    const abort = new AbortController();
    const texts = Array.from({ length: 250 }, (_, index) => filler(index, 60));
    const call = embedder.embed(texts, 'passage', callOptions({ signal: abort.signal, class: 'background' }));
    const overtaking = embedder.embed(['a question'], 'query', callOptions({ class: 'interactive' }));
    expect(await overtaking).toHaveLength(1);
    abort.abort();
    await expect(call).rejects.toThrow(code('E_CANCELLED'));
    await expect(embedder.embed(['x'], 'query', callOptions({ signal: abort.signal }))).rejects.toThrow(code('E_CANCELLED'));
  });

  it('counts tokens of many texts', async () => {
    const texts = Array.from({ length: 1200 }, (_, index) => filler(index, index % 7));
    const counts = await embedder.tokenizer.countTokens(texts);
    expect(counts).toHaveLength(1200);
    expect(counts.slice(0, 7)).toEqual(Uint32Array.of(0, 1, 2, 3, 4, 5, 6));
  });
});
