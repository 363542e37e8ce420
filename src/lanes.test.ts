import { beforeEach, describe, expect, it } from 'vitest';
import { MillraceError, toMillraceError } from './errors.ts';
import { embedLane, generateLane, rerankLane } from './lanes.ts';
import { createScheduler } from './scheduler/scheduler.ts';
import type { EmbedKind, Embedder, GeneratePart, Generator, WorkClass } from './spec/engine.ts';
import type { Scheduler, Work } from './spec/work.ts';
import { createFakeEmbedder } from './engines/fake/embedder.ts';
import { createFakeGenerator } from './engines/fake/generator.ts';
import { createFakeReranker } from './engines/fake/reranker.ts';
import { questionRequest } from './testing/engine-conformance.ts';
import { createManualClock, type ManualClock } from './testing/manual-clock.ts';
import { createDeferred, type Deferred } from './util/deferred.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });

let clock: ManualClock;
let scheduler: Scheduler;
beforeEach(() => {
  clock = createManualClock();
  scheduler = createScheduler({ clock });
});

describe('the lane embed', () => {
  interface Call {
    readonly texts: readonly string[];
    readonly kind: EmbedKind;
    readonly class: WorkClass;
    readonly signal: AbortSignal;
    readonly ending: Deferred<Float32Array[]>;
    /** Each vector holds the length of its text. */
    succeed(): void;
  }
  let calls: Call[];
  beforeEach(() => {
    calls = [];
    const embedder: Embedder = {
      ...createFakeEmbedder({ clock }),
      limits: { batchItems: 4, batchTokens: 100 },
      embed(texts, kind, { class: workClass, signal }) {
        const ending = createDeferred<Float32Array[]>();
        const succeed = (): void => ending.resolve(texts.map((text) => Float32Array.of(text.length)));
        calls.push({ texts, kind, class: workClass, signal, ending, succeed });
        // As an engine does: a cancelled call ends soon.
        signal.addEventListener('abort', () => ending.reject(toMillraceError(signal.reason, 'E_CANCELLED')), { once: true });
        if (signal.aborted) ending.reject(toMillraceError(signal.reason, 'E_CANCELLED'));
        return ending.promise;
      },
    };
    scheduler.addLane(embedLane(embedder));
  });

  function submit(texts: readonly string[], work: Partial<Work<'embed'>> & { kind?: EmbedKind } = {}) {
    const { kind = 'passage', ...rest } = work;
    return scheduler.submit({ lane: 'embed', class: 'batch', input: { texts, kind }, cost: { items: texts.length }, ...rest });
  }
  const vectors = (...lengths: number[]): Float32Array[] => lengths.map((length) => Float32Array.of(length));

  it('puts texts of several callers into one call and gives each its own vectors', async () => {
    const results = [submit(['a', 'bb']), submit(['ccc'])].map((handle) => handle.result());
    await clock.settle();
    expect(calls.map(({ texts }) => texts)).toEqual([['a', 'bb', 'ccc']]);
    calls[0]?.succeed();
    expect(await Promise.all(results)).toEqual([vectors(1, 2), vectors(3)]);
  });

  it('lets a question through while a run fills the lane', async () => {
    for (let index = 0; index < 4; index += 1) submit(['a', 'b', 'c', 'd'], { class: 'background' });
    await clock.settle();
    expect(calls.map(({ class: workClass }) => workClass)).toEqual(['background', 'background']);
    const question = submit(['what'], { kind: 'query', class: 'interactive' });
    await clock.settle();
    expect(calls.at(-1)).toMatchObject({ texts: ['what'], class: 'interactive' });
    calls.at(-1)?.succeed();
    expect(await question.result()).toEqual(vectors(4));
    expect(calls).toHaveLength(3);
  });

  it('keeps queries and passages apart, in outcome too', async () => {
    const [passage, query, other] = [submit(['passage']), submit(['what'], { kind: 'query' }), submit(['other'])];
    await clock.settle();
    expect(calls.map(({ kind, texts }) => [kind, texts])).toEqual([['query', ['what']]]);
    calls[0]?.ending.reject(new MillraceError('E_CONTEXT_EXCEEDED', 'Too long.'));
    await clock.settle();
    expect(calls[1]?.texts).toEqual(['passage', 'other']);
    calls[1]?.succeed();
    await expect(query.result()).rejects.toThrow(code('E_CONTEXT_EXCEEDED'));
    expect([await passage.result(), await other.result()]).toEqual([vectors(7), vectors(5)]);
  });

  it('goes on for the others when one text of a call is aborted', async () => {
    const controller = new AbortController();
    const [stopped, first, last] = [submit(['stopped'], { signal: controller.signal }), submit(['a']), submit(['bb'])];
    await clock.settle();
    controller.abort();
    await expect(stopped.result()).rejects.toThrow(code('E_CANCELLED'));
    expect(calls[0]?.signal.aborted).toBe(false);
    calls[0]?.succeed();
    expect([await first.result(), await last.result()]).toEqual([vectors(1), vectors(2)]);
  });

  it('ends a call that nobody wants any more, and frees its slot', async () => {
    const controller = new AbortController();
    const handles = Array.from({ length: 8 }, (_, index) => submit([`text ${index}`], { signal: controller.signal }));
    const next = submit(['next']);
    await clock.settle();
    expect(calls.map(({ texts }) => texts.length)).toEqual([4, 4]);
    controller.abort();
    await clock.settle();
    expect(calls.slice(0, 2).map(({ signal }) => signal.aborted)).toEqual([true, true]);
    for (const handle of handles) await expect(handle.result()).rejects.toThrow(code('E_CANCELLED'));
    expect(calls[2]?.texts).toEqual(['next']);
    calls[2]?.succeed();
    await next.result();
    expect(scheduler.snapshot()[0]).toMatchObject({ running: 0 });
  });

  it('does not start the second half of a mixed call that nobody wants any more', async () => {
    const controller = new AbortController();
    const query = submit(['what'], { kind: 'query' });
    const passages = ['a', 'b'].map((text) => submit([text], { signal: controller.signal }));
    await clock.settle();
    controller.abort();
    calls[0]?.succeed();
    expect(await query.result()).toEqual(vectors(4));
    await clock.settle();
    expect(calls).toHaveLength(1);
    for (const passage of passages) await expect(passage.result()).rejects.toThrow(code('E_CANCELLED'));
    expect(scheduler.snapshot()[0]).toMatchObject({ running: 0 });
  });

  it('never shows the engine a text that was aborted before the batch was formed', async () => {
    const controller = new AbortController();
    submit(['stopped'], { signal: controller.signal });
    const kept = submit(['kept']);
    controller.abort();
    await clock.settle();
    expect(calls.map(({ texts }) => texts)).toEqual([['kept']]);
    calls[0]?.succeed();
    await kept.result();
  });

  it('says so when the engine gives fewer vectors than it got texts', async () => {
    const handles = [submit(['a']), submit(['b'])];
    await clock.settle();
    calls[0]?.ending.resolve(vectors(1));
    for (const handle of handles) await expect(handle.result()).rejects.toThrow(code('E_INTERNAL'));
  });
});

describe('the lane generate', () => {
  const submit = (signal = new AbortController().signal) =>
    scheduler.submit({ lane: 'generate', class: 'interactive', input: questionRequest('Why?'), cost: { kvTokens: 10 }, signal });

  function withParts(parts: (signal: AbortSignal) => AsyncIterable<GeneratePart>): Generator {
    return { ...createFakeGenerator({ clock }), generate: (_request, { signal }) => parts(signal) };
  }

  it('takes its budgets from the engine, streams its parts and gives the final one', async () => {
    const generator = createFakeGenerator({ clock });
    const { sequences, kvTokens } = generator.capacity();
    const lane = generateLane(generator);
    expect(lane.limits).toMatchObject({ concurrency: sequences, kvTokens, batchItems: 1 });
    scheduler.addLane(lane);
    const handle = submit();
    const parts = Array.fromAsync(handle);
    await clock.runUntilIdle();
    const texts = (await parts).flatMap((part) => (part.type === 'text' ? [part.text] : []));
    expect(texts.join('')).toBe((await handle.result()).text);
  });

  it('lets twins start when the generator tells that their prefix is computed', async () => {
    const computed = createDeferred<void>();
    let started = 0;
    scheduler.addLane(
      generateLane(
        withParts(async function* () {
          started += 1;
          await computed.promise;
          yield { type: 'prefix-ready', prefixKey: 'contract', tokens: 5 };
          await createDeferred<void>().promise;
        }),
      ),
    );
    const cost = { kvTokens: 10, prefixTokens: 5 };
    for (let twin = 0; twin < 2; twin += 1) {
      scheduler.submit({ lane: 'generate', class: 'batch', input: questionRequest('Why?'), cost, prefixKey: 'contract' });
    }
    await clock.settle();
    expect(started).toBe(1);
    computed.resolve();
    await clock.settle();
    expect(started).toBe(2);
  });

  it('tries work again whose engine died when its prefix was computed and nothing had been said', async () => {
    const generator = createFakeGenerator({ clock });
    let attempts = 0;
    scheduler.addLane(
      generateLane({
        ...generator,
        async *generate(request, options) {
          attempts += 1;
          if (attempts > 1) return yield* generator.generate(request, options);
          yield { type: 'prefix-ready', prefixKey: 'contract', tokens: 5 };
          throw new MillraceError('E_ENGINE_CRASHED', 'The engine has died.');
        },
      }),
    );
    const handle = submit();
    const parts = Array.fromAsync(handle);
    await clock.runUntilIdle();
    expect((await handle.result()).text).not.toBe('');
    expect(new Set((await parts).map(({ type }) => type))).toEqual(new Set(['text']));
    expect(attempts).toBe(2);
  });

  it('says so when a generator ends without a final part', async () => {
    scheduler.addLane(
      generateLane(
        withParts(async function* () {
          yield { type: 'text', text: 'a' };
        }),
      ),
    );
    await expect(submit().result()).rejects.toThrow(/without a final part/);
  });

  it('keeps the slot of a cancelled generation until the generator has ended', async () => {
    const ended = createDeferred<void>();
    scheduler.addLane(
      generateLane(
        withParts(async function* (signal) {
          yield { type: 'text', text: 'a' };
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
          await ended.promise;
        }),
      ),
    );
    const controller = new AbortController();
    const handle = submit(controller.signal);
    await clock.settle();
    controller.abort();
    await expect(handle.result()).rejects.toThrow(code('E_CANCELLED'));
    expect(scheduler.snapshot()[0]).toMatchObject({ running: 1, usedKvTokens: 10 });
    ended.resolve();
    await clock.settle();
    expect(scheduler.snapshot()[0]).toMatchObject({ running: 0, usedKvTokens: 0 });
  });
});

describe('the lane rerank', () => {
  const passages = ['the weir', 'the mill opens at nine', 'prices'];
  const work = (workClass: WorkClass): Work<'rerank'> => ({
    lane: 'rerank',
    class: workClass,
    input: { query: 'when does the mill open at nine', passages },
    cost: { tokens: 30 },
  });

  it('gives each query the scores of its passages, and lets a question in beside a run', async () => {
    const scores = await createFakeReranker({ clock }).score('when does the mill open at nine', passages, {
      class: 'batch',
      signal: new AbortController().signal,
    });
    scheduler.addLane(rerankLane(createFakeReranker({ clock, tokensPerSecond: 1_000 })));
    const run = Array.from({ length: 5 }, () => scheduler.submit(work('batch')));
    await clock.settle();
    const asked = scheduler.submit(work('interactive'));
    await clock.settle();
    expect(scheduler.snapshot()[0]).toMatchObject({ running: 3, waiting: { batch: 3, interactive: 0 } });
    await clock.runUntilIdle();
    expect(await Promise.all([...run, asked].map((handle) => handle.result()))).toEqual(Array.from({ length: 6 }, () => scores));
    expect(asked.timings().queuedMs).toBe(0);
  });

  it('says so when scores are missing', async () => {
    scheduler.addLane(rerankLane({ ...createFakeReranker({ clock }), score: () => Promise.resolve(Float32Array.of(1)) }));
    await expect(scheduler.submit(work('batch')).result()).rejects.toThrow(/1 scores for 3 passages/);
  });
});
