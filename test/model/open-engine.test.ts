import { describe, expect, it } from 'vitest';
import { openEngine } from '../../src/index.ts';
import { ask, callOptions, finalOf } from './engine-fixture.ts';
import { withoutModels } from './models.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });

describe.skipIf(withoutModels)('openEngine', () => {
  it('opens a generator and an embedder on one device and counts their work', async () => {
    await using engine = await openEngine({
      generator: 'smollm2-135m',
      embedder: 'minilm-l6',
      threads: 1,
      sequences: 3,
      kvTokens: 1536,
      kvMode: 'unified',
    });
    expect(engine.generator!.capacity()).toEqual({ sequences: 3, kvTokens: 1536, maxSequenceTokens: 1536 });
    const final = await finalOf(engine.generator!.generate(ask('What is water?', { maxTokens: 4 }), callOptions()));
    expect(final.usage.outputTokens).toBe(4);
    const [vector] = await engine.embedder!.embed(['water'], 'query', callOptions());
    expect(vector).toHaveLength(engine.embedder!.model.dimensions);
    const statistics = await engine.statistics();
    expect(statistics.prefillTokens).toBe(final.usage.promptTokens);
    expect(statistics.encodedTokens).toBeGreaterThan(0);
    expect(statistics.nativeMs).toBeLessThanOrEqual(statistics.busyMs);
  });

  it('opens only what is named, and ends with close', async () => {
    const engine = await openEngine({ embedder: 'minilm-l6', threads: 1 });
    expect(engine).not.toHaveProperty('generator');
    await engine.close();
    await expect(engine.embedder!.embed(['x'], 'query', callOptions())).rejects.toThrow(code('E_SHUTTING_DOWN'));
  });

  it('refuses no model, an unknown one and one of the wrong kind', async () => {
    await expect(openEngine({})).rejects.toThrow(code('E_INPUT_INVALID'));
    await expect(openEngine({ generator: 'no-such-model' })).rejects.toThrow(code('E_MODEL_UNKNOWN'));
    await expect(openEngine({ generator: 'minilm-l6' })).rejects.toThrow(code('E_MODEL_UNSUITABLE'));
  });
});
