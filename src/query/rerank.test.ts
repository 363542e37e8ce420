import { afterEach, describe, expect, it } from 'vitest';
import { type MillBench, type MillBenchOptions, openMillBench } from '../../test/support/mill-bench.ts';
import type { Answer } from '../spec/answers.ts';
import type { GenerateRequest } from '../spec/engine.ts';
import type { Pipeline } from '../spec/pipeline.ts';
import { createLanguageDetector } from '../language/detect-language.ts';
import type { QueryParts } from './parts.ts';
import { rerank } from './rerank.ts';
import { signalScores } from './signals.ts';

/** By words alone `a` is the best: it is short and says the rarer words again and again. */
const sources = [
  { id: 'a', text: 'Ferry passengers, ferry passengers, ferry passengers.' },
  {
    id: 'b',
    text: `On one trip the ferry may carry 48 passengers. ${'Its book has another line about the weather of that day. '.repeat(6)}`,
  },
  ...['coal', 'wood', 'stones', 'milk', 'bread'].map((load) => ({ id: load, text: `Trams carry ${load}.` })),
];
const question = 'How many passengers does the ferry carry?';

let bench: MillBench;
afterEach(() => bench.close());

async function ask(pipeline: Pipeline, generator: MillBenchOptions['generator'] = {}) {
  bench = await openMillBench({ sources, generator });
  return bench.drive(bench.mill.ask(question, { pipeline: { retrieve: { mode: 'text', limit: 2 }, ...pipeline } }).result());
}

const found = ({ hits }: Answer) => hits.map(({ source }) => source);

describe('rerank', () => {
  it('has something to mend', async () => {
    expect(found(await ask({}))).toEqual(['a', 'b']);
  });

  it('puts the hits into the order of a cross-encoder, ranked anew, before the sources are told', async () => {
    const { hits, timings, answer } = await ask({ rerank: { by: 'cross-encoder' } });
    expect(hits.map(({ source, rank }) => [source, rank])).toEqual([
      ['b', 1],
      ['a', 2],
    ]);
    expect(timings.rerankMs).toBeDefined();
    expect(answer).toContain('[1]');
  });

  it('reads the beginning of what is longer than the cross-encoder does', async () => {
    bench = await openMillBench({ sources });
    const long = `${question} ${'Please tell me. '.repeat(300)}`;
    const search = bench.mill.search(long, { pipeline: { rerank: { by: 'cross-encoder' } }, mode: 'text', limit: 2 });
    const { hits } = await bench.drive(search);
    expect(hits[0]?.source).toBe('b');
  });

  it('scores no more hits than its limit, and leaves the rest behind them', async () => {
    expect(found(await ask({ rerank: { by: 'cross-encoder', limit: 1 } }))).toEqual(['a', 'b']);
  });

  it('lets cheap signals turn an order that is close, and no other', async () => {
    const { hits } = await ask({});
    const ordered = async (scores: readonly [number, number]) => {
      const close = hits.map((hit, index) => ({ ...hit, score: scores[index] ?? 0 }));
      const parts = { languages: createLanguageDetector() } as QueryParts;
      const section = { by: 'signals', model: undefined, limit: undefined } as const;
      const call = { class: 'interactive', signal: new AbortController().signal } as const;
      return (await rerank(parts, question, close, section, call)).map(({ source }) => source);
    };
    expect(await ordered([1, 0.95])).toEqual(['b', 'a']);
    expect(await ordered([1, 0.2])).toEqual(['a', 'b']);
  });

  const passageOf = ({ prompt }: Pick<GenerateRequest, 'prompt'>): string => prompt.messages[1]?.parts[0] ?? '';
  const reading = (asked: string[]): MillBenchOptions['generator'] => ({
    prefillTokensPerSecond: 100,
    answer(request) {
      if (request.maxTokens > 1) asked.push(passageOf(request).includes('48') ? 'b' : 'a');
      return passageOf(request).includes('48') ? '48 passengers' : 'not in the documents';
    },
  });

  it('asks first the passage that the model would rather answer from than refuse, and counts what that took', async () => {
    const asked: string[] = [];
    const generator = { ...reading(asked), weigh: (request: GenerateRequest) => [passageOf(request).includes('48') ? -9 : -0.1] };
    const { answer, hits, usage, timings } = await ask({ rerank: { by: 'model' } }, generator);
    expect(asked).toEqual(['b']);
    expect(answer).toMatch(/^48 passengers \[2\]$/);
    expect(hits.map(({ rank }) => rank)).toEqual([1, 2]);
    expect(timings.rerankMs).toBeGreaterThan(0);
    // Two passages of one token each, then the answer.
    expect(usage.outputTokens).toBeGreaterThan(2);
    expect(usage.promptTokens).toBe(bench.generator.statistics().prefillTokens + usage.cachedTokens);
  });

  it('orders the hits of a search by the model, too, ranked anew, and reads each for it', async () => {
    const weigh = (request: GenerateRequest) => [passageOf(request).includes('48') ? -9 : -0.1];
    bench = await openMillBench({ sources, generator: { ...reading([]), weigh } });
    const pipeline = { retrieve: { mode: 'text', limit: 2 }, rerank: { by: 'model' } } as const;
    const { hits, timings } = await bench.drive(bench.mill.search(question, { pipeline }));
    expect(hits.map(({ source, rank }) => [source, rank])).toEqual([
      ['b', 1],
      ['a', 2],
    ]);
    expect(timings.rerankMs).toBeGreaterThan(0);
    expect(bench.generator.statistics().calls).toBe(2);
  });

  it('keeps the order where the engine does not tell', async () => {
    const asked: string[] = [];
    expect((await ask({ rerank: { by: 'model' } }, reading(asked))).answer).toMatch(/^48 passengers \[2\]$/);
    expect(asked).toEqual(['a', 'b']);
  });
});

describe('signalScores', () => {
  const hit = (text: string, title: string | null = null) => ({ text, title, headingPath: [] });

  it('counts rare words more, and words that stand together', async () => {
    const [all = 0, some = 0, none = 0] = await signalScores(
      'ferry passengers',
      [hit('ferry passengers'), hit('ferry'), hit('mill')],
      'en',
    );
    expect(all).toBeGreaterThan(some);
    expect(some).toBeGreaterThan(none);
    const apart = `ferry ${'word '.repeat(60)} passengers`;
    const [near = 0, far = 0] = await signalScores('ferry passengers', [hit('ferry passengers'), hit(apart)], 'en');
    expect(near).toBeGreaterThan(far);
  });

  it('counts titles and names', async () => {
    const [titled = 0, untitled = 0] = await signalScores('rules of Varnholt', [hit('text', 'Varnholt'), hit('text')], 'en');
    expect(titled).toBeGreaterThan(untitled);
  });
});
