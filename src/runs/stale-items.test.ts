import { afterEach, describe, expect, it } from 'vitest';
import { collect, type MillBench, openMillBench } from '../../test/support/mill-bench.ts';
import type { HandedSource } from '../spec/mill.ts';
import type { SettledQuestion } from '../spec/runs.ts';
import type { SettledCell } from '../spec/tables.ts';

const ferry: HandedSource = { id: 'ferry', text: 'The ferry carries 48 passengers.' };
const tram: HandedSource = { id: 'tram', text: 'The tram runs at night.' };

let bench: MillBench;
afterEach(() => bench.close());

async function allOf<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}
const itemMarks = (items: readonly SettledQuestion[]) =>
  items.map(({ stale, citations }) => [stale, ...citations.map((citation) => citation.stale ?? 'current')]);
const cellMarks = (cells: readonly SettledCell[]) =>
  cells.map(({ source, stale, citations }) => [source, stale, citations[0]?.stale ?? 'current']);

async function runOf(stream: ReturnType<MillBench['mill']['askMany']>): Promise<string> {
  const { events, ended } = collect(stream);
  await bench.drive(ended);
  return events[0]?.runId ?? '';
}

describe('settled items', () => {
  it('are stale once the collection has changed, and their citations say which document was replaced or removed', async () => {
    bench = await openMillBench({ sources: [ferry, tram] });
    const { mill, drive } = bench;
    const run = await runOf(
      mill.askMany(['How many passengers does the ferry carry?', 'When does the tram run?'], { mode: 'text', ordered: true }),
    );
    const items = () => drive(allOf(mill.runs.items(run)));
    expect(itemMarks(await items())).toEqual([
      [false, 'current'],
      [false, 'current'],
    ]);
    expect(await drive(mill.runs.stale(run))).toBe(0);

    await drive(mill.ingest([{ ...ferry, text: 'The ferry carries 52 passengers.' }]).result());
    expect(itemMarks(await items())).toEqual([
      [true, 'replaced'],
      [true, 'current'],
    ]);
    await drive(mill.documents.remove('tram'));
    expect(itemMarks(await items())).toEqual([
      [true, 'replaced'],
      [true, 'removed'],
    ]);
    expect(await drive(mill.runs.stale(run))).toBe(2);

    await drive(mill.runs.retry(run, 'stale').result());
    const [again, gone] = await items();
    expect(again).toMatchObject({ stale: false, answer: expect.stringContaining('52') as string });
    expect(gone).toMatchObject({ stale: false, abstained: true, citations: [] });
  });

  it('of several pipelines are stale by the collection of each', async () => {
    bench = await openMillBench({ sources: [ferry] });
    const { mill, drive } = bench;
    await drive(mill.ingest([tram], { collection: 'other' }).result());
    const pipelines = ['default', 'other'].map((collection) => ({ name: collection, retrieve: { collection, mode: 'text' as const } }));
    const run = await runOf(mill.parallelRun(pipelines, ['How many passengers does the ferry carry?']));
    await drive(mill.ingest([{ id: 'new', text: 'Something new.' }], { collection: 'other' }).result());
    expect((await drive(allOf(mill.runs.items(run)))).map(({ pipeline, stale }) => [pipeline?.name, stale])).toEqual([
      ['default', false],
      ['other', true],
    ]);
  });
});

describe('cells of a table', () => {
  it('are stale when their own document has another text, and not because something else has changed', async () => {
    bench = await openMillBench({ sources: [ferry, tram] });
    const { mill, drive } = bench;
    const run = await runOf(mill.table(['What does it do at night or with passengers?'], { mode: 'text', ordered: true }));
    const cells = () => drive(allOf(mill.runs.cells(run)));
    await drive(mill.ingest([{ id: 'new', text: 'Something new.' }]).result());
    expect(cellMarks(await cells())).toEqual([
      ['ferry', false, 'current'],
      ['tram', false, 'current'],
    ]);
    await drive(mill.ingest([{ ...ferry, text: 'The ferry carries 52 passengers.' }]).result());
    expect(cellMarks(await cells()).map(([source, stale]) => [source, stale])).toEqual([
      ['ferry', true],
      ['tram', false],
    ]);
    await drive(mill.documents.remove('tram'));
    expect((await cells()).map(({ stale }) => stale)).toEqual([true, true]);
    expect(await drive(mill.runs.stale(run))).toBe(2);
  });
});
