import { afterEach, describe, expect, it } from 'vitest';
import { type MillBench, openMillBench } from '../../test/support/mill-bench.ts';
import type { GenerateRequest } from '../spec/engine.ts';
import { chooseRerank } from './choose-rerank.ts';
import type { QueryParts } from './parts.ts';
import { passagePrompt } from './prompt.ts';
import { orderByLikelihood } from './rerank.ts';
import { resolvePipeline } from './resolve-pipeline.ts';

const auto = { by: 'auto', model: undefined, limit: undefined } as const;
const question = { hits: 6, promptTokens: 330 };

describe('chooseRerank', () => {
  it('takes cheap signals on a machine that is slow or was not seen to read', () => {
    expect(chooseRerank(auto, question)).toEqual({ ...auto, by: 'signals' });
    expect(chooseRerank(auto, { ...question, tokensPerSecond: 40 })).toEqual({ ...auto, by: 'signals' });
    // One hit alone has no order.
    expect(chooseRerank(auto, { ...question, tokensPerSecond: 329 })).toMatchObject({ by: 'signals' });
  });

  it('asks the model about as many hits as the machine reads in the time', () => {
    const chosen = (tokensPerSecond: number, section = {}) => {
      const { by, limit } = chooseRerank({ ...auto, ...section }, { ...question, tokensPerSecond });
      return [by, limit];
    };
    expect(chosen(330)).toEqual(['model', 2]);
    expect(chosen(700)).toEqual(['model', 4]);
    expect(chosen(9_000)).toEqual(['model', 6]);
    expect(chosen(9_000, { limit: 3 })).toEqual(['model', 3]);
    expect(chosen(330, { budgetMs: 4_000 })).toEqual(['model', 4]);
    expect(chosen(330, { budgetMs: 1_000 })).toEqual(['signals', undefined]);
  });

  it.each(['none', 'signals', 'model', 'cross-encoder'] as const)('leaves "%s" as it is', (by) => {
    expect(chooseRerank({ ...auto, by }, { ...question, tokensPerSecond: 9_000 })).toEqual({ ...auto, by });
  });

  it('is no part of a pipeline that does not ask for it, and takes a time only where it does', () => {
    expect(resolvePipeline({}).rerank).toEqual({ ...auto, by: 'none' });
    expect(() => resolvePipeline({ rerank: { by: 'model', budgetMs: 9 } })).toThrow(
      expect.objectContaining({ code: 'E_PIPELINE_INVALID', details: { path: 'rerank.budgetMs' } }),
    );
  });
});

describe('hits that the machine orders as it can', () => {
  /** By words `a` is the best, by what the model would rather answer from `b`, whichever of the two is longer. */
  const filler = (about: string, words: number) =>
    Array.from({ length: words / 10 }, (_, line) => `The ${about} has the line ${line} in its book.`).join(' ');
  const sources = [
    { id: 'a', text: `Ferry passengers, ferry passengers, ferry passengers. ${filler('pier', 150)}` },
    { id: 'b', text: `On one trip the ferry may carry 48 passengers. ${filler('mill', 150)}` },
    ...['coal', 'wood', 'stones', 'milk', 'bread'].map((load) => ({ id: load, text: `Trams carry ${load}. ${filler(load, 150)}` })),
  ];
  const asked = 'How many passengers does the ferry carry?';
  const pipeline = { retrieve: { mode: 'text', limit: 6 }, rerank: { by: 'auto' }, context: { atOnce: 1 } } as const;
  const passageOf = ({ prompt }: GenerateRequest): string => prompt.messages[1]?.parts[0] ?? '';

  let bench: MillBench;
  let weighed: number;
  let answeredFrom: string[];
  afterEach(() => bench.close());

  async function open(prefillTokensPerSecond: number) {
    weighed = 0;
    answeredFrom = [];
    bench = await openMillBench({
      sources,
      generator: {
        prefillTokensPerSecond,
        // One after the other, as a processor reads.
        sequences: 1,
        weigh: (request) => [passageOf(request).includes('48') ? -9 : -0.1],
        answer(request) {
          if (request.maxTokens === 1) weighed += 1;
          else answeredFrom.push(passageOf(request).includes('48') ? 'b' : 'another');
          return passageOf(request).includes('48') ? '48 passengers' : 'not in the documents';
        },
      },
    });
  }
  const ask = (options = {}) => bench.drive(bench.mill.ask(asked, { pipeline, cache: false, ...options }).result());

  it('asks no model for it on a slow machine, and gives the order of the signals', async () => {
    await open(60);
    const first = await ask();
    const second = await ask();
    expect(weighed).toBe(0);
    const bySignals = await ask({ pipeline: { ...pipeline, rerank: { by: 'signals' } } });
    for (const { hits } of [first, second]) expect(hits).toEqual(bySignals.hits);
    expect(weighed).toBe(0);
  });

  it('asks it on a fast one, from the first question on after one that told how fast', async () => {
    await open(20_000);
    await ask();
    expect(weighed).toBe(0);
    answeredFrom = [];
    const { hits, timings } = await ask();
    expect(weighed).toBe(hits.length);
    expect(answeredFrom).toEqual(['b']);
    expect(timings.rerankMs).toBeLessThanOrEqual(2_000);
  });

  it.each([
    [300, 2],
    [600, 5],
    [900, 6],
  ])('takes no more than the time at %i tokens a second, for the %i hits that it allows', async (pace, allowed) => {
    await open(pace);
    await ask();
    const { timings } = await ask({ pipeline: { ...pipeline, rerank: { by: 'auto', budgetMs: 3_000 } } });
    expect(weighed).toBe(allowed);
    expect(timings.rerankMs).toBeGreaterThan(0);
    expect(timings.rerankMs).toBeLessThanOrEqual(3_000);
  });

  it('scores only hits whose prompts fit the tokens, counted, and none where two do not', async () => {
    await open(20_000);
    const { hits } = await ask();
    const prompts = hits.map((hit) => passagePrompt(asked, hit).prompt);
    const [first = 0, second = 0] = await Promise.all(
      prompts.map(async (prompt) => (await bench.generator.tokenizer.tokenizePrompt(prompt)).tokens.length),
    );
    const parts = { scheduler: bench.mill.scheduler, clock: bench.clock } as unknown as QueryParts;
    const order = (budgetTokens: number) => {
      const section = { by: 'model', model: undefined, limit: 6, budgetTokens } as const;
      const call = { class: 'interactive', signal: new AbortController().signal } as const;
      return bench.drive(orderByLikelihood(parts, bench.generator, asked, hits, section, 'plain', call, () => undefined));
    };
    expect(await order(first + second - 1)).toEqual(hits);
    expect(weighed).toBe(0);
    expect((await order(first + second)).slice(2)).toEqual(hits.slice(2));
    expect(weighed).toBe(2);
  });

  it('orders a search by the model only when that has told how fast it reads', async () => {
    await open(20_000);
    const search = () => bench.drive(bench.mill.search(asked, { pipeline, cache: false }));
    await search();
    expect(bench.generator.statistics().calls).toBe(0);
    await ask();
    const { hits } = await search();
    expect(weighed).toBe(hits.length);
    expect(hits[0]?.source).toBe('b');
  });

  it('learns how fast it reads from searches that the model orders, too', async () => {
    await open(20_000);
    const search = (by: 'auto' | 'model') =>
      bench.drive(bench.mill.search(asked, { pipeline: { ...pipeline, rerank: { by } }, cache: false }));
    await search('model');
    weighed = 0;
    const { hits } = await search('auto');
    expect(weighed).toBe(hits.length);
    expect(hits[0]?.source).toBe('b');
  });

  it('takes signals where the answer is written by no model of ours', async () => {
    await open(20_000);
    await ask();
    await ask({ pipeline: { ...pipeline, generate: { by: 'quotes' } } });
    expect(weighed).toBe(0);
  });
});
