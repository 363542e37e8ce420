import { afterEach, describe, expect, it } from 'vitest';
import { collect, type MillBench, type MillBenchOptions, openMillBench } from '../../test/support/mill-bench.ts';
import { storeOnSmallDisk } from '../../test/support/small-disk.ts';
import type { HandedSource } from '../spec/mill.ts';
import type { BatchQuestion, RunEvent, SettledQuestion } from '../spec/runs.ts';
import { createDeferred } from '../util/deferred.ts';
import { prepareBatch } from './ask-many.ts';
import type { QueryParts } from './parts.ts';
import { pipelineOf } from './resolve-pipeline.ts';

const sources: readonly HandedSource[] = [
  { id: 'ferry', text: 'The ferry carries 48 passengers. Dogs travel free of charge.' },
  { id: 'workshop', text: 'The workshop opens at 7:30 on weekdays.' },
];
const passengers = 'How many passengers does the ferry carry?';
const opening = 'When does the workshop open?';

let bench: MillBench;
afterEach(() => bench.close());
async function open(options: MillBenchOptions = {}): Promise<MillBench> {
  bench = await openMillBench({ sources, ...options });
  return bench;
}

const settledOf = (events: readonly RunEvent[]): SettledQuestion[] =>
  events.flatMap((event) => (event.type === 'item-settled' ? [event.item] : []));
const questions = (count: number): string[] => Array.from({ length: count }, (_, index) => `${passengers} Trip ${index}`);
async function* slowly(list: readonly BatchQuestion[]): AsyncIterable<BatchQuestion> {
  for (const question of list) yield await Promise.resolve(question);
}
async function itemsOf(id: string): Promise<SettledQuestion[]> {
  const items: SettledQuestion[] = [];
  for await (const item of bench.mill.runs.items(id)) items.push(item);
  return items;
}

describe('askMany', () => {
  it('settles every question once, with its id, answer, citations and times', async () => {
    const { mill, drive } = await open({ generator: { decodeTokensPerSecond: 10 } });
    const { events, ended } = collect(mill.askMany([passengers, { question: opening, id: 'w-1' }]));
    await drive(ended);
    const types = events.map(({ type }) => type).filter((type) => type !== 'run-progress');
    expect(types).toEqual(['run-start', 'item-settled', 'item-settled', 'run-end']);
    const items = settledOf(events).toSorted((a, b) => a.index - b.index);
    expect(items.map(({ index, id, question, status, attempts }) => ({ index, id, question, status, attempts }))).toEqual([
      { index: 0, id: null, question: passengers, status: 'done', attempts: 1 },
      { index: 1, id: 'w-1', question: opening, status: 'done', attempts: 1 },
    ]);
    expect(items[0]?.answer).toContain('48');
    expect(items[0]?.citations[0]?.quote).toContain('48 passengers');
    expect(items[0]?.timings?.totalMs).toBeGreaterThan(0);
    expect(events.at(-1)).toMatchObject({ state: 'done', items: 2, done: 2, failed: 0 });
  });

  it('lets a failing question fail alone', async () => {
    const { mill, drive } = await open();
    const unreadable = { code: 'E_INPUT_INVALID', message: 'Line 7 has no question.', remedy: 'Correct it.', retryable: false };
    const list = [passengers, '  ', { question: '', id: 'bad', unreadable }, { no: 'question' } as never, opening];
    const { events, ended } = collect(mill.askMany(list, { ordered: true }));
    await drive(ended);
    expect(settledOf(events).map(({ status, error }) => [status, error?.message ?? null])).toEqual([
      ['done', null],
      ['failed', 'The question is empty.'],
      ['failed', 'Line 7 has no question.'],
      ['failed', expect.stringContaining('Question 4')],
      ['done', null],
    ]);
    expect(events.at(-1)).toMatchObject({ type: 'run-end', done: 2, failed: 3, items: 5 });
  });

  it('works on no more questions at once than asked', async () => {
    let most = 0;
    const { mill, drive, load, clock } = await open({ generator: { decodeTokensPerSecond: 5 } });
    const stream = mill.askMany(slowly(questions(12)), { concurrency: 3 });
    const { ended } = collect(stream);
    let over = false;
    void ended.finally(() => (over = true));
    while (!over) {
      most = Math.max(most, load()['generate'] ?? 0);
      await clock.runUntilIdle();
    }
    await drive(ended);
    expect(most).toBeLessThanOrEqual(3);
    expect((await mill.runs.list())[0]).toMatchObject({ state: 'done', outcomes: { done: 12 } });
  });

  it('tells items in the order of the input when that is wanted', async () => {
    const { mill, drive } = await open({
      generator: { answer: (prompt) => 'word '.repeat((JSON.stringify(prompt).length * 7) % 13) + 'x' },
    });
    const { events, ended } = collect(mill.askMany(questions(30), { ordered: true, concurrency: 8 }));
    await drive(ended);
    expect(settledOf(events).map(({ index }) => index)).toEqual(Array.from({ length: 30 }, (_, index) => index));
  });

  it('keeps the record before it tells: what was told when the loop was left is settled, the rest is open and resumed once', async () => {
    const { mill, drive } = await open({ generator: { decodeTokensPerSecond: 50 } });
    const told: number[] = [];
    let runId = '';
    const leave = async (): Promise<void> => {
      for await (const event of mill.askMany(questions(20), { concurrency: 4 })) {
        if (event.runId !== null) ({ runId } = event);
        if (event.type === 'item-settled') told.push(event.item.index);
        if (told.length === 6) return;
      }
    };
    await drive(leave());
    const between = await mill.runs.show(runId);
    expect(between.state).toBe('interrupted');
    expect(between.items.claimed).toBe(0);
    const before = await itemsOf(runId);
    expect(before.map(({ index }) => index)).toEqual(expect.arrayContaining(told));

    const { events, ended } = collect(mill.runs.resume(runId, { questions: questions(20) }));
    await drive(ended);
    expect(events[0]).toMatchObject({ type: 'run-start', resumed: true, settled: before.length });
    const again = settledOf(events).map(({ index }) => index);
    expect([...before.map(({ index }) => index), ...again].toSorted((a, b) => a - b)).toEqual(questions(20).map((_, index) => index));
    expect(events.at(-1)).toMatchObject({ type: 'run-end', state: 'done', items: 20, done: 20 });
    expect((await itemsOf(runId)).map(({ index }) => index)).toEqual(questions(20).map((_, index) => index));
  });

  it('refuses to go on with other questions than it began with, and keeps what it has', async () => {
    const { mill, drive } = await open();
    const first = collect(mill.askMany([passengers, opening], { maxTimeMs: 1 }));
    await drive(first.ended);
    const runId = first.events[0]!.runId!;
    await expect(drive(mill.runs.resume(runId, { questions: [passengers, 'Another?'] }).result())).rejects.toMatchObject({
      code: 'E_RUN_CHANGED',
    });
    await expect(drive(mill.runs.resume(runId, { questions: [passengers] }).result())).rejects.toMatchObject({ code: 'E_RUN_CHANGED' });
    expect((await mill.runs.show(runId)).state).toBe('interrupted');
    expect(await drive(mill.runs.resume(runId, { questions: [passengers, opening] }).result())).toMatchObject({ done: 2 });
  });

  it('stops cleanly when its time is over', async () => {
    const { mill, drive } = await open({ generator: { decodeTokensPerSecond: 1 } });
    const { events, ended } = collect(mill.askMany(questions(50), { concurrency: 2, maxTimeMs: 40_000 }));
    await drive(ended);
    const end = events.at(-1);
    expect(end).toMatchObject({ type: 'run-end', state: 'interrupted' });
    expect(settledOf(events).length).toBeGreaterThan(0);
    expect(settledOf(events).length).toBeLessThan(50);
    expect((await mill.runs.show(end!.runId!)).items.claimed).toBe(0);
  });

  it('lets a question expire by itself', async () => {
    const { mill, drive } = await open({ generator: { decodeTokensPerSecond: 1 } });
    const { events, ended } = collect(mill.askMany(questions(2), { questionTimeoutMs: 500 }));
    await drive(ended);
    expect(settledOf(events).map(({ status, error }) => [status, error?.code])).toEqual([
      ['expired', 'E_DEADLINE_EXCEEDED'],
      ['expired', 'E_DEADLINE_EXCEEDED'],
    ]);
  });

  it('lays what the directory sets under the pipeline, as one question does, also when it goes on', async () => {
    const asked: number[] = [];
    const limits = (): number[] => [...new Set(asked.splice(0))];
    let broken = true;
    const answer = ({ maxTokens }: { readonly maxTokens: number }): string => {
      asked.push(maxTokens);
      if (broken) throw new Error('The device is gone.');
      return 'The ferry carries 48 passengers. [1]';
    };
    const defaults = { questionDefaults: { maxTokens: 50 } };
    const { mill, drive } = await open({ generator: { answer }, mill: defaults });
    const first = collect(mill.askMany([passengers], { pipeline: { generate: { maxTokens: 500 } } }));
    await drive(first.ended);
    expect(limits()).toEqual([500]);
    const other = await openMillBench({ generator: { answer }, mill: { store: mill.store, questionDefaults: { maxTokens: 70 } } });
    broken = false;
    await other.drive(other.mill.runs.retry(first.events[0]!.runId!, 'failed').result());
    expect(limits()).toEqual([500]);
    await drive(mill.askMany([passengers]).result());
    expect(limits()).toEqual([50]);
  });

  it('asks failed questions again, and those of an older revision', async () => {
    let broken = true;
    const answer = (): string => {
      if (broken) throw new Error('The device is gone.');
      return 'The ferry carries 48 passengers. [1]';
    };
    const { mill, drive } = await open({ generator: { answer } });
    const first = collect(mill.askMany([passengers, opening]));
    await drive(first.ended);
    const runId = first.events[0]!.runId!;
    expect(first.events.at(-1)).toMatchObject({ failed: 2, done: 0 });
    broken = false;
    expect(await drive(mill.runs.retry(runId, 'failed').result())).toMatchObject({ failed: 0, done: 2 });
    expect(await drive(mill.runs.retry(runId, 'stale').result())).toMatchObject({ done: 2 });
    await drive(mill.ingest([{ id: 'new', text: 'The ferry now carries 52 passengers.' }]).result());
    const again = collect(mill.runs.retry(runId, 'stale'));
    await drive(again.ended);
    expect(settledOf(again.events)).toHaveLength(2);
  });

  it('asks again what was not in the documents, and only that', async () => {
    const { mill, drive } = await open();
    const first = collect(mill.askMany([passengers, 'What does a bicycle cost?'], { ordered: true }));
    await drive(first.ended);
    expect(settledOf(first.events).map(({ abstained }) => abstained)).toEqual([false, true]);
    await drive(mill.ingest([{ id: 'bicycles', text: 'A bicycle costs 3 euros.' }]).result());
    const again = collect(mill.runs.retry(first.events[0]!.runId!, 'empty'));
    await drive(again.ended);
    expect(settledOf(again.events).map(({ index, answer }) => [index, answer?.includes('3 euros')])).toEqual([[1, true]]);
    expect(again.events.at(-1)).toMatchObject({ items: 2, done: 2, abstained: 0 });
    await expect(drive(mill.runs.retry(first.events[0]!.runId!, 'all' as never).result())).rejects.toMatchObject({
      code: 'E_INPUT_INVALID',
    });
  });

  it('cancels a run at work: open items are cancelled, settled ones stay', async () => {
    const { mill, drive } = await open({ generator: { decodeTokensPerSecond: 20 } });
    const settled: number[] = [];
    let runId = '';
    const run = async (): Promise<string | undefined> => {
      let last: RunEvent | undefined;
      for await (const event of mill.askMany(questions(30), { concurrency: 2 })) {
        last = event;
        if (event.runId !== null) ({ runId } = event);
        if (event.type === 'item-settled' && settled.push(event.item.index) === 3) await mill.runs.cancel(runId);
      }
      return last?.type;
    };
    expect(await drive(run())).toBe('run-failed');
    const record = await mill.runs.show(runId);
    expect(record.state).toBe('cancelled');
    expect(record.outcomes.done).toBe(settled.length);
    await expect(drive(mill.runs.resume(runId).result())).rejects.toMatchObject({ code: 'E_RUN_STATE' });
    await mill.runs.delete(runId);
    expect(await mill.runs.list()).toEqual([]);
  });

  it('stops when the disk fills, keeps what was settled, and goes on when there is room again', async () => {
    const store = storeOnSmallDisk(3);
    const { mill, drive } = await open({ mill: { store } });
    const first = collect(mill.askMany(questions(8), { concurrency: 2 }));
    await drive(first.ended);
    expect(first.events.at(-1)).toMatchObject({ type: 'run-failed', error: { code: 'E_DISK_FULL' } });
    const runId = first.events[0]!.runId!;
    const before = await itemsOf(runId);
    expect(before).toHaveLength(3);
    store.makeRoom();
    expect(await drive(mill.runs.resume(runId, { questions: questions(8) }).result())).toMatchObject({ state: 'done', done: 8 });
    expect((await itemsOf(runId)).slice(0, 3)).toEqual(before);
  });

  it('is taken up once: a second resume is refused, and it cannot be deleted meanwhile', async () => {
    const { mill, drive } = await open({ generator: { decodeTokensPerSecond: 20 } });
    const first = collect(mill.askMany([passengers, opening], { maxTimeMs: 1 }));
    await drive(first.ended);
    const runId = first.events[0]!.runId!;
    const both = [
      mill.runs.resume(runId, { questions: [passengers, opening] }).result(),
      mill.runs.retry(runId, 'failed').result(),
      mill.runs.delete(runId),
    ];
    expect(await drive(Promise.allSettled(both))).toMatchObject([
      { status: 'fulfilled', value: { state: 'done', done: 2 } },
      { status: 'rejected', reason: { code: 'E_RUN_STATE' } },
      { status: 'rejected', reason: { code: 'E_RUN_STATE' } },
    ]);
    await mill.runs.delete(runId);
  });

  it('stays interrupted when the reader of its questions goes on afterwards', async () => {
    const { mill, drive, settle } = await open({ generator: { decodeTokensPerSecond: 1 } });
    const first = collect(mill.askMany([passengers, opening], { maxTimeMs: 1 }));
    await drive(first.ended);
    const runId = first.events[0]!.runId!;
    const goOn = createDeferred<void>();
    async function* waiting(): AsyncIterable<string> {
      yield* [passengers, opening];
      await goOn.promise;
    }
    expect(await drive(mill.runs.resume(runId, { questions: waiting(), maxTimeMs: 1 }).result())).toMatchObject({ state: 'interrupted' });
    goOn.resolve();
    await settle();
    expect((await mill.runs.show(runId)).state).toBe('interrupted');
  });

  it('changes nothing when it cannot be retried because its questions were not all read', async () => {
    const { mill, drive, settle } = await open();
    const unreadable = { code: 'E_INPUT_INVALID', message: 'No question.', remedy: 'Correct it.', retryable: false };
    async function* endless(): AsyncIterable<BatchQuestion> {
      for (let line = 0; line < 256; line += 1) yield { question: '', unreadable };
      await new Promise(() => undefined);
    }
    const controller = new AbortController();
    const { events, ended } = collect(mill.askMany(endless(), { signal: controller.signal }));
    while (settledOf(events).length < 256) await settle();
    controller.abort();
    await drive(ended);
    const runId = events[0]!.runId!;
    await expect(drive(mill.runs.retry(runId, 'failed').result())).rejects.toMatchObject({ code: 'E_RUN_CHANGED' });
    expect((await mill.runs.show(runId)).outcomes.failed).toBe(256);
  });

  it('shows no former answer of an item that was asked again and then cancelled', async () => {
    const { mill, drive } = await open({ generator: { decodeTokensPerSecond: 20 } });
    const first = collect(mill.askMany([passengers]));
    await drive(first.ended);
    const runId = first.events[0]!.runId!;
    await drive(mill.ingest([{ id: 'new', text: 'The ferry now carries 52 passengers.' }]).result());
    const again = async (): Promise<void> => {
      for await (const event of mill.runs.retry(runId, 'stale')) if (event.type === 'run-start') await mill.runs.cancel(runId);
    };
    await drive(again());
    expect(await itemsOf(runId)).toMatchObject([{ status: 'cancelled', answer: null, citations: [], revision: null }]);
  });

  it('is another one with another cross-encoder', async () => {
    const { mill } = await open();
    const pipeline = pipelineOf({ mode: 'text', quotesOnly: true, pipeline: { rerank: { by: 'cross-encoder' } } });
    const hashWith = async (hash: string): Promise<string> => {
      const parts = { store: mill.store, reranker: () => Promise.resolve({ model: { hash } }) } as unknown as QueryParts;
      return (await prepareBatch(parts, pipeline, new AbortController().signal)).hash;
    };
    expect(await hashWith('a')).toBe(await hashWith('a'));
    expect(await hashWith('a')).not.toBe(await hashWith('b'));
  });

  it('needs no record, and then reads no further ahead than it may hold', async () => {
    const { mill, drive } = await open();
    let read = 0;
    function* counted(): Iterable<string> {
      for (const question of questions(2_000)) {
        read += 1;
        yield question;
      }
    }
    const settled = new Set<number>();
    let mostAhead = 0;
    const asking = async (): Promise<void> => {
      for await (const event of mill.askMany(counted(), { durable: false, concurrency: 50 })) {
        if (event.type !== 'item-settled') continue;
        settled.add(event.item.index);
        mostAhead = Math.max(mostAhead, read - settled.size);
      }
    };
    await drive(asking());
    expect(settled.size).toBe(2_000);
    // What waits, a batch that was appended to it, one that is being read, what is claimed and in work.
    expect(mostAhead).toBeLessThanOrEqual(1_000 + 2 * 256 + 2 * 50);
    expect(await mill.runs.list()).toEqual([]);
  });

  it('tells what is wrong with its options and its questions', async () => {
    const { mill, drive } = await open();
    await expect(drive(mill.askMany([passengers], { concurrency: 0 }).result())).rejects.toMatchObject({ code: 'E_INPUT_INVALID' });
    async function* breaking(): AsyncIterable<string> {
      yield passengers;
      throw new Error('The line was cut.');
    }
    await expect(drive(mill.askMany(breaking()).result())).rejects.toMatchObject({
      code: 'E_INPUT_INVALID',
      message: expect.stringContaining('The line was cut.'),
    });
  });
});
