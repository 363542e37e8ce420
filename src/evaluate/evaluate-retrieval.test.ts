import { describe, expect, it } from 'vitest';
import { MillraceError } from '../errors.ts';
import { createDeferred } from '../util/deferred.ts';
import { evaluateRetrieval } from './evaluate-retrieval.ts';

const query = (id: string, ...relevant: string[]) => ({ id, text: id, judgements: new Map(relevant.map((document) => [document, 1])) });
const options = { concurrency: 2, signal: new AbortController().signal, now: () => 0 };

describe('evaluateRetrieval', () => {
  it('means the measures over the queries, the first place of a document counting', async () => {
    const rankings: Readonly<Record<string, string[]>> = { a: ['x', 'x', 'd1'], b: ['d2'] };
    const result = await evaluateRetrieval([query('a', 'd1'), query('b', 'd2')], (text) => Promise.resolve(rankings[text] ?? []), options);
    expect(result.measures['mrr@10']).toBe((1 / 2 + 1) / 2);
    expect(result.measures['ndcg@10']).toBeCloseTo((1 / Math.log2(3) + 1) / 2, 10);
    expect(result.queries.map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('leaves a document out that is the query itself, unless it is judged relevant', async () => {
    const rank = () => Promise.resolve(['a', 'd1']);
    const { queries } = await evaluateRetrieval([query('a', 'd1'), query('b', 'd1'), query('a', 'a')], rank, options);
    expect(queries.map(({ measures }) => measures['mrr@10'])).toEqual([1, 1 / 2, 1]);
    const unlike = {
      id: 'a',
      text: 'a',
      judgements: new Map([
        ['a', 0],
        ['d1', 1],
      ]),
    };
    expect((await evaluateRetrieval([unlike], rank, options)).measures['ndcg@10']).toBe(1);
  });

  it('never has more in flight than it may', async () => {
    let inFlight = 0;
    let most = 0;
    const gates = Array.from({ length: 6 }, () => createDeferred<void>());
    const running = evaluateRetrieval(
      gates.map((_, index) => query(String(index), 'd')),
      async (text) => {
        most = Math.max(most, (inFlight += 1));
        await gates[Number(text)]?.promise;
        inFlight -= 1;
        return ['d'];
      },
      options,
    );
    for (const gate of gates) gate.resolve();
    expect((await running).measures.map).toBe(1);
    expect(most).toBe(2);
  });

  it('counts a query that cannot be asked as 0 and says why', async () => {
    const refuse = (text: string) =>
      text === 'b' ? Promise.reject(new MillraceError('E_INPUT_INVALID', 'The query holds no word.')) : Promise.resolve(['d1']);
    const result = await evaluateRetrieval([query('a', 'd1'), query('b', 'd1')], refuse, options);
    expect(result.measures.map).toBe(0.5);
    expect(result.failed).toBe(1);
    expect(result.queries[1]).toMatchObject({ id: 'b', error: { code: 'E_INPUT_INVALID' } });
  });

  it('ends with what every query would meet, and with its signal', async () => {
    const broken = () => Promise.reject(new MillraceError('E_ENGINE_LIBRARY', 'There is no library.'));
    await expect(evaluateRetrieval([query('a', 'd')], broken, options)).rejects.toMatchObject({ code: 'E_ENGINE_LIBRARY' });
    const controller = new AbortController();
    const running = evaluateRetrieval(
      [query('a', 'd'), query('b', 'd')],
      () => {
        controller.abort();
        return Promise.resolve(['d']);
      },
      { ...options, concurrency: 1, signal: controller.signal },
    );
    await expect(running).rejects.toMatchObject({ name: 'AbortError' });
  });
});
