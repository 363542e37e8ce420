import { afterEach, describe, expect, it } from 'vitest';
import { collect, type MillBench, type MillBenchOptions, openMillBench } from '../../test/support/mill-bench.ts';
import { indexingSetting } from '../spec/indexing.ts';
import type { HandedSource } from '../spec/mill.ts';

const sources: readonly HandedSource[] = [
  { id: 'ferry', text: 'The ferry carries 48 passengers. Dogs travel free of charge.' },
  { id: 'workshop', text: 'The workshop opens at 7:30 on weekdays.' },
];
const question = 'How many passengers does the ferry carry?';

let bench: MillBench;
afterEach(() => bench.close());
async function open(options: MillBenchOptions = {}): Promise<MillBench> {
  bench = await openMillBench({ sources, generator: { decodeTokensPerSecond: 10 }, ...options });
  return bench;
}
const caches = async () => (await bench.mill.status()).caches;

it('hits that are kept tell how far an ingestion is now, not how far it was', async () => {
  const { mill, drive } = await open();
  const state = { state: 'running', found: 9, allFound: true, settled: 2, chunks: 2, embeddedChunks: 2 };
  const notices = async () => (await drive(mill.search('ferry passengers'))).notices.filter((notice) => /index/iu.test(notice));
  const note = (value: unknown) => mill.store.writeSetting(indexingSetting('default'), value);
  await note(state);
  expect(await notices()).toEqual([expect.stringContaining('2 of 9 sources are read')]);
  await note({ ...state, settled: 9 });
  expect(await notices()).toEqual([]);
  await note({ ...state, state: 'interrupted', settled: 8, final: true });
  expect(await notices()).toEqual([expect.stringContaining('was interrupted: 8 of 9')]);
  expect((await caches()).retrieval).toMatchObject({ misses: 1 });
});

describe('equal questions at one time', () => {
  it('are computed once, a thousand of them, and each gets all its events and its own answer', async () => {
    const { mill, drive, generator } = await open();
    const asked = Array.from({ length: 1_000 }, () => collect(mill.ask(question)));
    await drive(Promise.all(asked.map(({ ended }) => ended)));
    expect(generator.statistics().calls).toBe(1);
    const answers = asked.map(({ events }) => {
      const last = events.at(-1);
      if (last?.type !== 'answer-end') throw new Error(`ended with ${last?.type}`);
      expect(events.map((event) => (event.type === 'answer-delta' ? event.text : '')).join('')).toBe(
        'The ferry carries 48 passengers [1].',
      );
      expect(events[0]?.type).toBe('sources');
      expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
      return last.answer;
    });
    expect(new Set(answers.map(({ answer }) => answer)).size).toBe(1);
    expect(new Set(answers.map(({ citations }) => citations)).size).toBe(1_000);
    expect(answers.filter(({ usage }) => usage.outputTokens > 0)).toHaveLength(1);
    expect((await caches()).answers).toMatchObject({ misses: 1, shared: 999, items: 0 });
  });

  it('are computed once in a batch too, and each settles', async () => {
    const { mill, drive, generator } = await open();
    const run = mill.askMany(
      Array.from({ length: 1_000 }, () => question),
      { concurrency: 1_000 },
    );
    expect(await drive(run.result())).toMatchObject({ items: 1_000, done: 1_000 });
    expect(generator.statistics().calls).toBe(1);
  });

  it('go on when one of them is cancelled, the first as well as another', async () => {
    const { mill, clock, settle, drive, generator, load } = await open();
    const callers = Array.from({ length: 4 }, () => new AbortController());
    const asked = callers.map(({ signal }) => collect(mill.ask(question, { signal })));
    await settle();
    await clock.advance(400);
    callers[0]?.abort();
    callers[2]?.abort();
    await drive(Promise.all(asked.map(({ ended }) => ended)));
    expect(asked.map(({ events }) => events.at(-1)?.type)).toEqual(['answer-failed', 'answer-end', 'answer-failed', 'answer-end']);
    expect(generator.statistics().calls).toBe(1);
    expect(load()).toEqual({});
  });

  it('stop the engine when the last one leaves', async () => {
    const { mill, clock, settle, generator, load } = await open();
    const callers = Array.from({ length: 2 }, () => new AbortController());
    const asked = callers.map(({ signal }) => mill.ask(question, { signal }).result());
    await settle();
    await clock.advance(300);
    expect(load()).toEqual({ generate: 1 });
    for (const caller of callers) caller.abort();
    await expect(asked[0]).rejects.toMatchObject({ code: 'E_CANCELLED' });
    await expect(asked[1]).rejects.toMatchObject({ code: 'E_CANCELLED' });
    await clock.runUntilIdle();
    await settle();
    expect(load()).toEqual({});
    expect(generator.statistics().outputTokens).toBeLessThan(5);
  });

  it('each end at their own deadline', async () => {
    const { mill, drive } = await open();
    const [short, long] = [mill.ask(question, { timeoutMs: 200 }).result(), mill.ask(question, { timeoutMs: 60_000 }).result()];
    short.catch(() => undefined);
    expect((await drive(long)).answer).toContain('48');
    await expect(short).rejects.toMatchObject({ code: 'E_DEADLINE_EXCEEDED' });
  });

  it('fail together, each with the error', async () => {
    const { mill, drive } = await open();
    const asked = Array.from({ length: 3 }, () => drive(mill.ask(question, { maxTokens: 8_000 }).result()));
    for (const outcome of await Promise.allSettled(asked)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'E_CONTEXT_EXCEEDED' } });
    }
  });

  it('are all computed with `cache: false`, and for another urgency, tenant or pipeline', async () => {
    const { mill, drive, generator } = await open();
    await drive(Promise.all(Array.from({ length: 3 }, () => mill.ask(question, { cache: false }).result())));
    expect(generator.statistics().calls).toBe(3);
    const different = [{}, { class: 'batch' as const }, { tenant: 'a' }, { tenant: 'b' }, { maxTokens: 30 }];
    await drive(Promise.all(different.map((options) => mill.ask(question, options).result())));
    expect(generator.statistics().calls).toBe(8);
    expect((await caches()).answers).toMatchObject({ misses: 5, shared: 0 });
  });
});

describe('caches', () => {
  it('keep vectors and hits, not answers, until the collection changes', async () => {
    const { mill, drive, generator } = await open();
    const first = await drive(mill.ask(question).result());
    const again = await drive(mill.ask(question, { maxTokens: 30 }).result());
    expect(again.hits).toEqual(first.hits);
    expect(generator.statistics().calls).toBe(2);
    expect(await caches()).toMatchObject({ queryEmbeddings: { misses: 1, hits: 0 }, retrieval: { misses: 1, hits: 1, items: 1 } });
    await drive(mill.ingest([{ id: 'second', text: 'The second ferry carries 52 passengers.' }]).result());
    const later = await drive(mill.ask(question).result());
    expect(later.hits.map(({ source }) => source)).toContain('second');
    expect(await caches()).toMatchObject({ queryEmbeddings: { misses: 1, hits: 1 }, retrieval: { misses: 2 } });
    await drive(mill.documents.remove('second'));
    expect((await drive(mill.ask(question).result())).hits.map(({ source }) => source)).not.toContain('second');
  });

  it('give hits that nobody else can change', async () => {
    const { mill, drive } = await open();
    const first = await drive(mill.search('ferry', { mode: 'text' }));
    first.hits[0]!.text = 'changed';
    first.hits[0]!.headingPath.push('changed');
    const second = await drive(mill.search('ferry', { mode: 'text' }));
    expect(second.hits[0]).toMatchObject({ text: expect.stringContaining('48'), headingPath: [] });
  });

  it('keep answers for those who ask for it, by every option and the revision', async () => {
    const { mill, drive, generator } = await open();
    const first = await drive(mill.ask(question, { cache: true }).result());
    const { events, ended } = collect(mill.ask(question, { cache: true }));
    await drive(ended);
    expect(events.map(({ type }) => type)).toEqual(['sources', 'answer-delta', 'answer-end']);
    const last = events.at(-1);
    expect(last).toMatchObject({ answer: { answer: first.answer, citations: first.citations, usage: { outputTokens: 0 } } });
    expect(generator.statistics().calls).toBe(1);
    await drive(mill.ask(question, { cache: true, seed: 4 }).result());
    await drive(mill.ask(question).result());
    expect(generator.statistics().calls).toBe(3);
    await drive(mill.ingest([{ id: 'new', text: 'A new timetable.' }]).result());
    await drive(mill.ask(question, { cache: true }).result());
    expect(generator.statistics().calls).toBe(4);
  });

  it('hold what they are allowed to', async () => {
    const { mill, drive } = await open({ mill: { caches: { retrieval: { maxItems: 2 }, queryEmbeddings: { maxBytes: 2_500 } } } });
    for (const text of ['ferry one', 'ferry two', 'ferry three', 'ferry four']) await drive(mill.search(text));
    const { retrieval, queryEmbeddings } = await caches();
    expect(retrieval.items).toBe(2);
    expect(queryEmbeddings.bytes).toBeLessThanOrEqual(2_500);
    expect(queryEmbeddings.items).toBeLessThan(4);
  });
});
