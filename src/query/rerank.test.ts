import { afterEach, describe, expect, it } from 'vitest';
import { type MillBench, openMillBench } from '../../test/support/mill-bench.ts';
import type { Pipeline } from '../spec/pipeline.ts';
import { signalScores } from './signals.ts';

const sources = [
  { id: 'a', text: 'The ferry of the harbour carries goods, and the harbour has a ferry office for ferry tickets.' },
  { id: 'b', text: 'Passengers: the ferry carries 48 passengers on one trip.' },
  { id: 'c', text: 'The workshop opens at 7:30.' },
];
const question = 'How many passengers does the ferry carry?';

let bench: MillBench;
afterEach(() => bench.close());

async function ask(pipeline: Pipeline, answers?: (passage: string) => string) {
  bench = await openMillBench({
    sources,
    ...(answers === undefined ? {} : { generator: { answer: ({ prompt }) => answers(prompt.messages[1]?.parts[0] ?? '') } }),
  });
  return bench.drive(bench.mill.ask(question, { pipeline: { retrieve: { mode: 'text' }, ...pipeline } }).result());
}

describe('rerank', () => {
  it('puts the hits into the order of a cross-encoder, ranked anew, before the sources are told', async () => {
    const { hits, timings, answer } = await ask({ rerank: { by: 'cross-encoder' } });
    expect(hits.map(({ source, rank }) => [source, rank])).toEqual([
      ['b', 1],
      ['a', 2],
    ]);
    expect(timings.rerankMs).toBeDefined();
    expect(answer).toContain('[1]');
  });

  it('scores no more hits than its limit, and leaves the rest behind them', async () => {
    const plain = (await ask({})).hits.map(({ source }) => source);
    await bench.close();
    expect((await ask({ rerank: { by: 'cross-encoder', limit: 1 } })).hits.map(({ source }) => source)).toEqual(plain);
  });

  it('takes cheap signals', async () => {
    expect((await ask({ rerank: { by: 'signals' } })).hits[0]?.source).toBe('b');
  });

  it('asks the model which passage it would refuse, and keeps the order where the engine does not tell', async () => {
    const { answer, hits } = await ask({ rerank: { by: 'model' } }, (passage) =>
      passage.includes('48') ? '48 passengers' : 'not in the documents',
    );
    expect(answer).toMatch(/^48 passengers \[\d\]$/);
    expect(hits.map(({ rank }) => rank)).toEqual([1, 2]);
  });
});

describe('signalScores', () => {
  const hit = (text: string, title: string | null = null) => ({ text, title, headingPath: [] });

  it('counts rare words more, and words that stand together', () => {
    const [all = 0, some = 0, none = 0] = signalScores('ferry passengers', [hit('ferry passengers'), hit('ferry'), hit('mill')], 'en');
    expect(all).toBeGreaterThan(some);
    expect(some).toBeGreaterThan(none);
    const apart = `ferry ${'word '.repeat(60)} passengers`;
    const [near = 0, far = 0] = signalScores('ferry passengers', [hit('ferry passengers'), hit(apart)], 'en');
    expect(near).toBeGreaterThan(far);
  });

  it('counts titles and names', () => {
    const [titled = 0, untitled = 0] = signalScores('rules of Varnholt', [hit('text', 'Varnholt'), hit('text')], 'en');
    expect(titled).toBeGreaterThan(untitled);
  });
});
