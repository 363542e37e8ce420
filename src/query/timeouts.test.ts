import { afterEach, describe, expect, it } from 'vitest';
import { collect, type MillBench, type MillBenchOptions, openMillBench } from '../../test/support/mill-bench.ts';
import type { HandedSource } from '../spec/mill.ts';
import type { RunEvent } from '../spec/runs.ts';

const sources: readonly HandedSource[] = [{ id: 'ferry', text: 'The ferry carries 48 passengers. Dogs travel free of charge.' }];
const question = 'How many passengers does the ferry carry?';
const expired = { code: 'E_DEADLINE_EXCEEDED' };

let timersBefore = 0;
let bench: MillBench;
afterEach(() => bench.close());
/** A prompt takes seconds, a piece of the answer 100 ms. */
async function open(options: MillBenchOptions = {}): Promise<MillBench> {
  const generator = { prefillTokensPerSecond: 20, decodeTokensPerSecond: 10, ...options.generator };
  bench = await openMillBench({ sources, ...options, generator });
  return bench;
}

/** How a question with these limits ends, when, and what is at work then. */
async function outcomeOf(timeouts: object, options: MillBenchOptions = {}, changes: object = {}) {
  const { mill, drive, clock, settle, load } = await open(options);
  await drive(
    mill
      .ask(`${question} Before`)
      .result()
      .catch(() => undefined),
  );
  timersBefore = clock.pendingTimers;
  const began = clock.monotonic();
  const outcome = await drive(
    mill
      .ask(question, { timeouts, ...changes })
      .result()
      .then(
        ({ answer }) => ({ answer, message: '' }),
        ({ code, message }: { code: string; message: string }) => ({ code, message }),
      ),
  );
  const tookMs = clock.monotonic() - began;
  await settle();
  return { ...outcome, tookMs, load: load() };
}

describe('split timeouts', () => {
  it('leave an answer alone that is in time', async () => {
    const limits = { totalMs: 60_000, firstTokenMs: 30_000, betweenTokensMs: 150 };
    expect(await outcomeOf(limits)).toMatchObject({ answer: expect.stringContaining('48 passengers') });
    expect(bench.clock.pendingTimers).toBe(timersBefore);
  });

  it('end the whole call', async () => {
    const outcome = await outcomeOf({ totalMs: 1_500 });
    expect(outcome).toMatchObject({ ...expired, tookMs: 1_500, load: {} });
  });

  it.each([true, false])('end a call whose first piece does not come, from its beginning on (cache: %s)', async (cache) => {
    const outcome = await outcomeOf({ firstTokenMs: 500 }, {}, { cache });
    expect(outcome).toMatchObject({
      ...expired,
      message: 'The first piece of the answer did not come within 500 ms.',
      tookMs: 500,
      load: {},
    });
  });

  it('end a call that waits for its place, too', async () => {
    const { mill, drive, settle, load } = await open({ generator: { sequences: 1, decodeTokensPerSecond: 1 } });
    const first = mill.ask(`${question} First`).result();
    await settle();
    const second = mill.ask(question, { timeouts: { firstTokenMs: 700 } }).result();
    second.catch(() => undefined);
    await drive(first);
    await expect(second).rejects.toMatchObject(expired);
    await settle();
    expect(load()).toEqual({});
  });

  it('end a call whose answer stands still', async () => {
    let calls = 0;
    const fault = () => ((calls += 1) > 1 ? ({ type: 'slow', factor: 30 } as const) : undefined);
    const outcome = await outcomeOf({ betweenTokensMs: 2_000 }, { generator: { fault } });
    expect(outcome).toMatchObject({ ...expired, message: 'The next piece of the answer did not come within 2000 ms.', load: {} });
  });

  it('do not take a slow reader for a slow model', async () => {
    const { mill, drive, clock } = await open();
    const read = async (): Promise<string> => {
      let text = '';
      for await (const event of mill.ask(question, { timeouts: { betweenTokensMs: 150, firstTokenMs: 60_000 } })) {
        if (event.type === 'answer-delta') text += event.text;
        if (event.type === 'answer-failed') throw new Error(event.error.message);
        await clock.sleep(1_000);
      }
      return text;
    };
    expect(await drive(read())).toContain('48 passengers');
  });

  it('hold for each question of a batch: one past them expires alone', async () => {
    let calls = 0;
    const fault = () => ((calls += 1) === 2 ? ({ type: 'slow', factor: 100 } as const) : undefined);
    const { mill, drive } = await open({ generator: { fault } });
    const questions = Array.from({ length: 4 }, (_, index) => `${question} Trip ${index}`);
    const { events, ended } = collect<RunEvent>(
      mill.askMany(questions, { ordered: true, concurrency: 2, timeouts: { firstTokenMs: 20_000 } }),
    );
    await drive(ended);
    const items = events.flatMap((event) => (event.type === 'item-settled' ? [event.item] : []));
    expect(items.map(({ status }) => status).toSorted()).toEqual(['done', 'done', 'done', 'expired']);
    expect(events.at(-1)).toMatchObject({ type: 'run-end', done: 3, expired: 1 });
  });

  it('hold for each cell of a table: one past them expires alone, and no other work is left', async () => {
    let calls = 0;
    const fault = () => ((calls += 1) === 2 ? ({ type: 'slow', factor: 100 } as const) : undefined);
    const { mill, drive, settle, load } = await open({ generator: { fault } });
    const questions = Array.from({ length: 4 }, (_, index) => `${question} Trip ${index}`);
    const { events, ended } = collect<RunEvent>(
      mill.table(questions, { ordered: true, mode: 'text', concurrency: 2, timeouts: { firstTokenMs: 20_000 } }),
    );
    await drive(ended);
    const cells = events.flatMap((event) => (event.type === 'cell-settled' ? [event.cell] : []));
    expect(cells.map(({ status }) => status).toSorted()).toEqual(['done', 'done', 'done', 'expired']);
    expect(cells.find(({ status }) => status === 'expired')?.error).toMatchObject(expired);
    await settle();
    expect(load()).toEqual({});
  });

  it('hold for searches and embeddings', async () => {
    const { mill, drive } = await open({ embedder: { tokensPerSecond: 1 } });
    await expect(drive(mill.search(question, { timeouts: { totalMs: 100 } }))).rejects.toMatchObject(expired);
    await expect(drive(mill.embedMany(['a long text of words'], { timeouts: { totalMs: 100 } }))).rejects.toMatchObject(expired);
    await expect(mill.search(question, { timeouts: { firstTokenMs: 5 } as never })).rejects.toMatchObject({ code: 'E_INPUT_INVALID' });
  });

  it('hold for ingestion, which keeps what it committed', async () => {
    const { mill, clock, drive } = await open({ embedder: { tokensPerSecond: 1 } });
    const ingesting = mill.ingest([{ id: 'slow', text: 'A long text of words.' }], { timeouts: { totalMs: 1_500 } });
    await expect(drive(ingesting.result())).rejects.toMatchObject(expired);
    expect((await mill.documents.list()).sources.map(({ key }) => key)).toContain('slow');
    await expect(drive(mill.documents.update({ timeoutMs: 1_500 }).result())).rejects.toMatchObject(expired);
    const timers = clock.pendingTimers;
    await drive(mill.ingest([], { embed: false, timeoutMs: 60_000 }).result());
    expect(clock.pendingTimers).toBe(timers);
  });
});

describe('a signal', () => {
  it('that was aborted before begins nothing', async () => {
    const { mill, drive, generator } = await open();
    const signal = AbortSignal.abort();
    const timedOut = AbortSignal.abort(new DOMException('Too late', 'TimeoutError'));
    await expect(drive(mill.ask(question, { signal }).result())).rejects.toMatchObject({ code: 'E_CANCELLED' });
    await expect(drive(mill.askMany([question], { signal }).result())).rejects.toMatchObject({ code: 'E_CANCELLED' });
    await expect(drive(mill.ask(question, { signal: timedOut }).result())).rejects.toMatchObject(expired);
    await expect(drive(mill.parallelRun([{}], [question], { signal: timedOut }).result())).rejects.toMatchObject(expired);
    await expect(drive(mill.search(question, { signal: timedOut }))).rejects.toMatchObject(expired);
    expect(await mill.runs.list()).toEqual([]);
    expect(generator.statistics().calls).toBe(0);
  });

  it('and leaving the loop end the work of every stream within a step', async () => {
    const { mill, drive, settle, load } = await open({ generator: { decodeTokensPerSecond: 1 } });
    const questions = Array.from({ length: 20 }, (_, index) => `${question} Trip ${index}`);
    const streams = [
      () => mill.ask(question),
      () => mill.askMany(questions),
      () => mill.parallelRun([{ name: 'a' }, { name: 'b', generate: { seed: 1 } }], questions),
    ];
    for (const begin of streams) {
      const leave = async (): Promise<void> => {
        for await (const event of begin()) if (event.type === 'answer-delta' || event.type === 'item-settled') return;
      };
      await drive(leave());
      await settle();
      expect(load()).toEqual({});
    }
    for (const run of await mill.runs.list()) expect(run).toMatchObject({ state: 'interrupted', items: { claimed: 0 } });
  });
});
