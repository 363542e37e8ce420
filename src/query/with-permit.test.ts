import { describe, expect, it } from 'vitest';
import type { Pipeline } from '../spec/pipeline.ts';
import { pipelineOf } from './resolve-pipeline.ts';
import { questionCosts, rankedSearchCosts } from './with-permit.ts';

const question = 'How many passengers does the ferry carry?';
const resolved = (pipeline: Pipeline) => pipelineOf({ pipeline }, {});
const ranking = (limit: number, rerankLimit?: number): Pipeline => ({
  retrieve: { mode: 'text', limit },
  rerank: { by: 'model', ...(rerankLimit === undefined ? {} : { limit: rerankLimit }) },
});

describe('what a request asks admission for', () => {
  it('are the prompts of all hits where the model orders those of a search', () => {
    const tokens = (pipeline: Pipeline): number => rankedSearchCosts(question, resolved(pipeline)).generate?.tokens ?? 0;
    expect(tokens(ranking(1))).toBeGreaterThan(300);
    expect(tokens(ranking(8))).toBe(8 * tokens(ranking(1)));
    expect(tokens(ranking(8, 3))).toBe(3 * tokens(ranking(1)));
  });

  it('is nothing of the generator where it orders none', () => {
    expect(rankedSearchCosts(question, resolved({ retrieve: { mode: 'text' }, rerank: { by: 'signals' } }))).toEqual({});
  });

  it('are those prompts and that of the answer for a question', () => {
    const tokens = (pipeline: Pipeline): number => questionCosts(question, resolved(pipeline)).generate?.tokens ?? 0;
    const ranked = rankedSearchCosts(question, resolved(ranking(6))).generate?.tokens ?? 0;
    expect(tokens(ranking(6))).toBe(tokens({ retrieve: { mode: 'text', limit: 6 } }) + ranked);
  });

  it('is of the lane of the model that the pipeline names', () => {
    const named = resolved({ ...ranking(2), generate: { model: 'smollm2-135m' } });
    expect(Object.keys(rankedSearchCosts(question, named))).toEqual(['generate:smollm2-135m']);
  });
});
