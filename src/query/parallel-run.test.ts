import { afterEach, describe, expect, it } from 'vitest';
import { collect, type MillBench, type MillBenchOptions, openMillBench } from '../../test/support/mill-bench.ts';
import { createFakeGenerator } from '../engines/fake/generator.ts';
import { createManualClock } from '../testing/manual-clock.ts';
import type { HandedSource } from '../spec/mill.ts';
import type { Pipeline } from '../spec/pipeline.ts';
import type { RunEvent, SettledQuestion } from '../spec/runs.ts';

const sources: readonly HandedSource[] = [
  { id: 'ferry', text: 'The ferry carries 48 passengers. Dogs travel free of charge.' },
  { id: 'workshop', text: 'The workshop opens at 7:30 on weekdays.' },
];
const passengers = 'How many passengers does the ferry carry?';
const opening = 'When does the workshop open?';
const short: Pipeline = { name: 'short', generate: { maxTokens: 20 } };
const long: Pipeline = { name: 'long', generate: { maxTokens: 60 } };
const quotes: Pipeline = { name: 'quotes', generate: { by: 'quotes' } };

let bench: MillBench;
afterEach(() => bench.close());
async function open(options: MillBenchOptions = {}): Promise<MillBench> {
  bench = await openMillBench({ sources, ...options });
  return bench;
}
const settledOf = (events: readonly RunEvent[]): SettledQuestion[] =>
  events.flatMap((event) => (event.type === 'item-settled' ? [event.item] : []));
const placeOf = ({ index, pipeline }: SettledQuestion) => [index, pipeline?.name];
async function itemsOf(id: string): Promise<SettledQuestion[]> {
  const items: SettledQuestion[] = [];
  for await (const item of bench.mill.runs.items(id)) items.push(item);
  return items;
}

describe('parallelRun', () => {
  it('puts every input through every pipeline, in the order of what was given, each item with its pipeline', async () => {
    const { mill, drive } = await open({ generator: { decodeTokensPerSecond: 20 } });
    const { events, ended } = collect(mill.parallelRun([long, quotes, short], [passengers, { id: 'w', question: opening }]));
    await drive(ended);
    const items = settledOf(events);
    expect(items.map(placeOf)).toEqual([
      [0, 'long'],
      [0, 'quotes'],
      [0, 'short'],
      [1, 'long'],
      [1, 'quotes'],
      [1, 'short'],
    ]);
    expect(items.map(({ status, id, model }) => [status, id, model])).toEqual([
      ...['fake-generator', 'quotes', 'fake-generator'].map((model) => ['done', null, model]),
      ...['fake-generator', 'quotes', 'fake-generator'].map((model) => ['done', 'w', model]),
    ]);
    expect(events.at(-1)).toMatchObject({ type: 'run-end', items: 6, done: 6 });
  });

  it('puts each input through its own pipeline', async () => {
    const { mill, drive } = await open();
    const pairs = [
      { pipeline: quotes, input: passengers },
      { pipeline: short, input: { id: 'w', question: opening } },
      { pipeline: quotes, input: opening },
    ];
    const { events, ended } = collect(mill.parallelRun(pairs));
    await drive(ended);
    expect(settledOf(events).map(({ index, pipeline, id }) => [index, pipeline, id])).toEqual([
      [0, { number: 0, name: 'quotes' }, null],
      [1, { number: 1, name: 'short' }, 'w'],
      [2, { number: 0, name: 'quotes' }, null],
    ]);
  });

  it('does once what pipelines have in common', async () => {
    const { mill, drive, generator } = await open();
    const twin: Pipeline = { ...short, name: 'twin' };
    await drive(mill.parallelRun([short, long, twin, quotes], [passengers, opening]).result());
    expect((await mill.status()).caches).toMatchObject({
      queryEmbeddings: { misses: 2 },
      retrieval: { misses: 2 },
      answers: { shared: 2 },
    });
    // short and twin are one answer; all prompts begin alike.
    expect(generator.statistics()).toMatchObject({ calls: 4 });
  });

  it('lets a pipeline fail alone, with its configuration in the error, and does it again later', async () => {
    let free = 1e8;
    const huge = createFakeGenerator({ clock: createManualClock(), id: 'huge' });
    const { mill, drive } = await open({ mill: { furtherGenerators: [huge], freeMemoryBytes: () => free } });
    const large: Pipeline = { name: 'large', generate: { model: 'huge' } };
    const missing: Pipeline = { name: 'missing', generate: { model: 'nobody' } };
    const tooLong: Pipeline = { name: 'too-long', generate: { maxTokens: 8_000 } };
    const { events, ended } = collect(mill.parallelRun([short, missing, tooLong, large], [passengers]));
    await drive(ended);
    const items = settledOf(events);
    expect(items.map(({ status }) => status)).toEqual(['done', 'failed', 'failed', 'failed']);
    expect(items[1]?.error).toMatchObject({
      code: 'E_MODEL_NOT_INSTALLED',
      message: expect.stringMatching(/^Pipeline "missing": /),
      details: { pipeline: missing },
    });
    expect(items[2]?.error).toMatchObject({ code: 'E_CONTEXT_EXCEEDED', details: { pipeline: tooLong } });
    expect(items[3]?.error).toMatchObject({ code: 'E_MODEL_TOO_LARGE', details: { pipeline: large } });
    free = 1e10;
    expect(await drive(mill.runs.retry(events[0]?.runId ?? '', 'failed').result())).toMatchObject({ items: 4, done: 2, failed: 2 });
  });

  it('begins nothing when a pipeline is not valid, or two have the same name', async () => {
    const { mill, drive } = await open();
    const wrong = [{ retreive: {} } as Pipeline, { rerank: { by: 'cross-encoder' } } as Pipeline];
    await expect(drive(mill.parallelRun([short, wrong[0]!], [passengers]).result())).rejects.toMatchObject({
      code: 'E_PIPELINE_INVALID',
      message: 'The pipeline 2 has an unknown key "retreive".',
      remedy: expect.stringContaining('retrieve'),
    });
    await expect(drive(mill.parallelRun([short, { ...long, name: 'short' }], [passengers]).result())).rejects.toMatchObject({
      code: 'E_PIPELINE_INVALID',
    });
    for (const call of [[[], [passengers]], ['x'], [[{ pipeline: short }]], [[short], [passengers], { ordred: true }]] as const) {
      const stream = (mill.parallelRun as (...given: readonly unknown[]) => ReturnType<typeof mill.parallelRun>)(...call);
      await expect(drive(stream.result())).rejects.toMatchObject({ code: 'E_INPUT_INVALID' });
    }
    expect(await mill.runs.list()).toEqual([]);
  });

  it('is a durable run: interrupted, resumed with what is open, and refused with other inputs', async () => {
    const { mill, drive } = await open({ generator: { decodeTokensPerSecond: 20 } });
    const inputs = Array.from({ length: 8 }, (_, index) => `${passengers} Trip ${index}`);
    const told: SettledQuestion[] = [];
    let runId = '';
    const leave = async (): Promise<void> => {
      for await (const event of mill.parallelRun([short, long], inputs, { concurrency: 3 })) {
        if (event.runId !== null) ({ runId } = event);
        if (event.type === 'item-settled' && told.push(event.item) === 5) return;
      }
    };
    await drive(leave());
    expect(await mill.runs.show(runId)).toMatchObject({ kind: 'parallel-run', state: 'interrupted' });
    const others = inputs.toSpliced(2, 1, 'Another?');
    await expect(drive(mill.runs.resume(runId, { questions: others }).result())).rejects.toMatchObject({
      code: 'E_RUN_CHANGED',
      message: expect.stringContaining('question 3'),
    });
    expect(await drive(mill.runs.resume(runId, { questions: inputs }).result())).toMatchObject({ items: 16, done: 16 });
    const items = await itemsOf(runId);
    expect(items.map(placeOf)).toEqual(
      inputs.flatMap((_, index) => [
        [index, 'short'],
        [index, 'long'],
      ]),
    );
    for (const before of told) expect(items).toContainEqual(before);
  });

  it('asks again what was answered before the collection changed', async () => {
    const { mill, drive } = await open();
    const { events, ended } = collect(mill.parallelRun([short, quotes], [passengers]));
    await drive(ended);
    const runId = events[0]?.runId ?? '';
    await drive(mill.ingest([{ id: 'new', text: 'The ferry now carries 52 passengers.' }]).result());
    const again = collect(mill.runs.retry(runId, 'stale'));
    await drive(again.ended);
    expect(settledOf(again.events)).toHaveLength(2);
  });
});
