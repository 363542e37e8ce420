import { describe, expect, it } from 'vitest';
import { definePipeline } from './define-pipeline.ts';

function errorOf(value: unknown): unknown {
  try {
    return definePipeline(value, 'file a.yaml');
  } catch (error) {
    return error;
  }
}

describe('definePipeline', () => {
  it('gives a valid pipeline back as it is', () => {
    const given = { name: 'words', retrieve: { mode: 'text', limit: 3, weights: { text: 2 } }, generate: { by: 'quotes' } };
    expect(definePipeline(given)).toEqual(given);
    expect(definePipeline({})).toEqual({});
  });

  it.each([
    [{ retreive: {} }, 'The file a.yaml has an unknown key "retreive".', /Did you mean retrieve\?/],
    [{ generate: { maxToken: 5 } }, 'The file a.yaml has an unknown key "generate.maxToken".', /Did you mean maxTokens\?/],
    [{ retrieve: { weights: { txt: 1 } } }, 'The file a.yaml has an unknown key "retrieve.weights.txt".', /Did you mean text\?/],
    [{ retrieve: { mode: 'hybird' } }, /at "retrieve.mode"/, /Did you mean hybrid\?/],
    [{ zzzzzz: 1 }, /unknown key "zzzzzz"/, /It may hold name, retrieve, rerank/],
    [{ generate: { temperature: -1 } }, /at "generate.temperature"/, /./],
    ['text', /is not valid: /, /./],
    [null, /is not valid: /, /./],
  ])('names what is wrong in %j and the nearest valid key', (value, message, remedy) => {
    const error = errorOf(value) as Error & { readonly code: string; readonly remedy: string };
    expect(error).toMatchObject({ code: 'E_PIPELINE_INVALID' });
    expect(error.message).toMatch(message);
    expect(error.remedy).toMatch(remedy);
  });
});
