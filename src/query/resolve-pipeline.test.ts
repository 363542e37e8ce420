import { describe, expect, it } from 'vitest';
import { pipeline } from '../spec/pipeline.ts';
import { pipelineOf, resolvePipeline } from './resolve-pipeline.ts';

describe('resolvePipeline', () => {
  it('fills in the defaults, those of the open directory over those of the product', () => {
    expect(resolvePipeline({})).toMatchObject({
      retrieve: { collection: 'default', mode: 'hybrid', limit: 6, depth: 100, weights: { text: 1, vector: 1 } },
      context: { mode: 'each', tokens: undefined, order: 'rank', passages: 3, atOnce: undefined },
      verify: { by: 'rules' },
      generate: { by: 'model', maxTokens: 200, temperature: 0, seed: 0 },
    });
    const given = resolvePipeline({ generate: { maxTokens: 9 } }, { maxTokens: 5, contextTokens: 99, collection: 'laws' });
    expect([given.generate.maxTokens, given.context.tokens, given.retrieve.collection]).toEqual([9, 99, 'laws']);
  });

  it('has one hash for equal pipelines, however they are written and named', () => {
    const plain = resolvePipeline({}).hash;
    expect(resolvePipeline({ name: 'a', generate: { temperature: 0 }, retrieve: { mode: 'hybrid', weights: { text: 1 } } }).hash).toBe(
      plain,
    );
    expect(resolvePipeline({ generate: { seed: 1 } }).hash).not.toBe(plain);
    expect(resolvePipeline({}).name).toBe(plain.slice(0, 8));
    expect(resolvePipeline({ verify: { leastConfidence: 0.5 } }).hash).toBe(plain);
    expect(resolvePipeline({ verify: { leastConfidence: 0.8 } }).hash).not.toBe(plain);
  });

  it.each([{ generate: { prompt: 'verbose' } }, { cite: { by: 'grammar' } }])('refuses %j rather than ignoring it', (value) => {
    const [section = '', fields = {}] = Object.entries(value)[0] ?? [];
    expect(() => resolvePipeline(pipeline.parse(value))).toThrow(
      expect.objectContaining({ code: 'E_PIPELINE_INVALID', message: expect.stringContaining(`${section}.${Object.keys(fields)[0]}`) }),
    );
  });
});

it.each([{ verify: { by: 'rules' } }, { context: { mode: 'each' } }] as const)(
  'a stage that writes the answer takes no %j beside it',
  (value) => {
    const stages = { own: { kind: 'generate', version: '1', run: () => 'x' } } as const;
    const generate = { stage: 'own' };
    expect(() => resolvePipeline({ ...value, generate }, { stages })).toThrow(expect.objectContaining({ code: 'E_PIPELINE_INVALID' }));
    expect(resolvePipeline({ generate }, { stages })).toMatchObject({ verify: { by: 'none' }, context: { mode: 'joined' } });
  },
);

it.each([{ verify: { by: 'none', leastConfidence: 0.8 } }, { verify: { leastConfidence: 0.5 }, generate: { stage: 'own' } }] as const)(
  'a least confidence says nothing of answers without one: %j',
  (value) => {
    const stages = { own: { kind: 'generate', version: '1', run: () => 'x' } } as const;
    expect(() => resolvePipeline(value, { stages })).toThrow(
      expect.objectContaining({ code: 'E_PIPELINE_INVALID', message: expect.stringContaining('verify.leastConfidence') }),
    );
  },
);

describe('pipelineOf', () => {
  it('lets the options of the call stand over the pipeline', () => {
    const resolved = pipelineOf({
      pipeline: { retrieve: { mode: 'text', limit: 3 }, generate: { maxTokens: 7 } },
      mode: 'vector',
      contextTokens: 100,
      quotesOnly: true,
    });
    expect(resolved).toMatchObject({
      retrieve: { mode: 'vector', limit: 3 },
      context: { tokens: 100 },
      generate: { maxTokens: 7, by: 'quotes' },
    });
  });
});
