import { afterEach, describe, expect, it } from 'vitest';
import { type MillBench, type MillBenchOptions, openMillBench } from '../../test/support/mill-bench.ts';
import type { Answer } from '../spec/answers.ts';
import type { HandedSource } from '../spec/mill.ts';
import type { Pipeline } from '../spec/pipeline.ts';
import type { Stages } from '../spec/stages.ts';

const sources: readonly HandedSource[] = [
  { id: 'ferry', text: 'The ferry carries 48 passengers. Dogs travel free of charge.' },
  { id: 'old', text: 'The old ferry carries 30 passengers.' },
  { id: 'workshop', text: 'The workshop opens at 7:30 on weekdays.' },
];
const question = 'How many passengers does the ferry carry?';

const stages = {
  workshopOnly: { kind: 'rewrite', version: '1', run: () => 'workshop opens' },
  twice: {
    kind: 'retrieve',
    version: '1',
    async run({ limit }, { search }) {
      const [old, shop] = await Promise.all([search('old ferry', { mode: 'text' }), search('workshop', { mode: 'text' })]);
      return [...shop, ...old, ...shop].slice(0, limit);
    },
  },
  reversed: { kind: 'rerank', version: '1', run: ({ hits }) => hits.toReversed().map((hit) => ({ ...hit, text: 'changed' })) },
  shouting: { kind: 'generate', version: '1', run: ({ passages }) => `The ferry carries 48 passengers. [${passages.length > 0 ? 1 : 0}]` },
  broken: {
    kind: 'rerank',
    version: '1',
    run() {
      throw new Error('no such luck');
    },
  },
  inventing: { kind: 'rerank', version: '1', run: () => [{ chunk: 4_711 }] },
  stuck: { kind: 'rewrite', version: '1', run: () => new Promise<string>(() => undefined) },
} satisfies Stages;

let bench: MillBench;
afterEach(() => bench.close());
async function open(options: MillBenchOptions = {}): Promise<MillBench> {
  bench = await openMillBench({ sources, ...options, mill: { stages, ...options.mill } });
  return bench;
}
async function answer(pipeline: Pipeline): Promise<Answer> {
  const { mill, drive } = await open();
  return drive(mill.ask(question, { pipeline }).result());
}
const found = ({ hits }: Answer) => hits.map(({ source, rank }) => [source, rank]);

describe('a stage of the program', () => {
  it('changes what is searched for', async () => {
    expect(found(await answer({ retrieve: { rewrite: 'workshopOnly', mode: 'text' } }))).toEqual([['workshop', 1]]);
  });

  it('finds hits for a search, too', async () => {
    const { mill, drive } = await open();
    const search = async (pipeline: Pipeline) =>
      (await drive(mill.search(question, { pipeline, mode: 'text' }))).hits.map(({ source, rank }) => [source, rank]);
    expect(await search({ retrieve: { rewrite: 'workshopOnly' } })).toEqual([['workshop', 1]]);
    const plain = await search({});
    expect(await search({ rerank: { stage: 'reversed' } })).toEqual(plain.toReversed().map(([source], index) => [source, index + 1]));
    await expect(search({ rerank: { stage: 'unknown' } })).rejects.toMatchObject({ code: 'E_PIPELINE_INVALID' });
  });

  it('finds the hits itself, by searches of the record', async () => {
    const hits = found(await answer({ retrieve: { stage: 'twice', limit: 2 } }));
    expect(hits).toEqual([
      ['workshop', 1],
      ['old', 2],
    ]);
  });

  it('orders hits anew, and cannot change what stands in them', async () => {
    const { mill, drive } = await open();
    const plain = await drive(mill.ask(question, { mode: 'text' }).result());
    const { hits } = await drive(mill.ask(question, { mode: 'text', pipeline: { rerank: { stage: 'reversed' } } }).result());
    expect(hits.length).toBeGreaterThan(1);
    expect(hits.map(({ source, text }) => [source, text])).toEqual(plain.hits.map(({ source, text }) => [source, text]).toReversed());
  });

  it('writes the answer, which is checked and cited like any other, without a model', async () => {
    const answered = await answer({ retrieve: { mode: 'text' }, generate: { stage: 'shouting' } });
    expect(answered).toMatchObject({ model: 'shouting', abstained: false, citations: [{ source: 'ferry' }] });
    expect(bench.generator.statistics().calls).toBe(0);
  });

  it('fails the question with its own reason', async () => {
    await expect(answer({ rerank: { stage: 'broken' } })).rejects.toMatchObject({
      code: 'E_STAGE_FAILED',
      message: 'The stage "broken" failed: no such luck.',
      cause: expect.objectContaining({ message: 'no such luck' }),
    });
    await bench.close();
    await expect(answer({ rerank: { stage: 'inventing' } })).rejects.toMatchObject({
      code: 'E_STAGE_FAILED',
      message: expect.stringContaining('4711'),
    });
  });

  it('that never answers ends with its caller', async () => {
    const { mill, drive, settle } = await open();
    const controller = new AbortController();
    const asked = mill.ask(question, { pipeline: { retrieve: { rewrite: 'stuck' } }, signal: controller.signal }).result();
    await settle();
    controller.abort();
    await expect(drive(asked)).rejects.toMatchObject({ code: 'E_CANCELLED' });
  });

  it('has to be registered, for what it is named for', async () => {
    await expect(answer({ retrieve: { rewrite: 'workshopOnli' } })).rejects.toMatchObject({
      code: 'E_PIPELINE_INVALID',
      remedy: 'Did you mean workshopOnly?',
    });
    await bench.close();
    await expect(answer({ rerank: { stage: 'shouting' } })).rejects.toMatchObject({
      code: 'E_PIPELINE_INVALID',
      message: expect.stringContaining('of kind "generate"'),
    });
  });

  it('is known to an estimate of many questions', async () => {
    const { mill, drive } = await open();
    const pipeline: Pipeline = { retrieve: { rewrite: 'workshopOnly' } };
    await expect(drive(mill.estimate.askMany([question], { pipeline }))).resolves.toMatchObject({ items: 1 });
  });

  it('of another version makes another run', async () => {
    const { mill, drive } = await open();
    const pipeline: Pipeline = { generate: { stage: 'shouting' } };
    const stream = mill.askMany([question, `${question} Again?`], { pipeline, maxTimeMs: 1 });
    await drive(stream.result());
    const [run] = await mill.runs.list();
    const later = await openMillBench({ mill: { store: mill.store, stages: { shouting: { ...stages.shouting, version: '2' } } } });
    await expect(later.drive(later.mill.runs.retry(run!.id, 'failed').result())).rejects.toMatchObject({ code: 'E_RUN_CHANGED' });
  });
});
