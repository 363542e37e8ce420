import { afterEach, describe, expect, it } from 'vitest';
import { collect, type MillBench, openMillBench } from '../../test/support/mill-bench.ts';
import type { Citation } from '../spec/answers.ts';
import type { RunId } from '../spec/identifiers.ts';
import type { HandedSource } from '../spec/mill.ts';
import type { SettledQuestion } from '../spec/runs.ts';
import type { SettledCell } from '../spec/tables.ts';
import { placeOf } from '../spec/page-kind.ts';
import { lineDocument } from '../testing/line-document.ts';

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

describe('citations that an earlier version stored', () => {
  /** Reading in the record as it was stored then: without what the pages are. */
  async function storeRun(kind: 'ask-many' | 'table', cited: readonly Omit<Citation, 'pageKind'>[]): Promise<string> {
    const { store } = bench.mill;
    const [run, input] = [`run-${kind}` as RunId, { question: 'Where?', row: 0, column: 0, source: 'a', uri: 'a', document: null }];
    const definition = { options: {}, columns: [{ question: 'Where?' }], rows: [] };
    await store.commit([{ type: 'createRun', run, kind, definition, items: [{ number: 0, key: 'k', input }], at: 1 }]);
    const [item] = await store.claimItems(run, { limit: 1, leaseUntil: 2, at: 1 });
    const result = { answer: 'Here.', abstained: false, citations: cited, unsupported: [], revision: null, value: 'Here.', empty: false };
    await store.commit([{ type: 'settleItem', run, number: 0, fence: item?.fence ?? 0, status: 'done', result, at: 2 }]);
    return run;
  }

  async function commit(key: string, text: string, parser: string, pages: number, label?: string): Promise<string> {
    const spans = Array.from({ length: pages }, (_, index) => ({ number: index + 1, start: index, end: index + 1 }));
    const labelled = spans.map((span) => ({ ...span, ...(label === undefined ? {} : { label }) }));
    const document = { ...lineDocument(text), parser, pages: labelled };
    const source = { key, uri: key, metadata: {} };
    const [outcome] = await bench.mill.store.commit([{ type: 'commitDocument', collection: 'default', source, document, at: 1 }]);
    return outcome?.document ?? '';
  }

  const cited = (document: string, page: number, pageLabel: string | null = null): Omit<Citation, 'pageKind'> => ({
    number: 1,
    document,
    source: 'a',
    title: null,
    page,
    pageLabel,
    start: 0,
    end: 1,
    quote: 'x',
  });

  it.each(['ask-many', 'table'] as const)('are told with the words of their format, in a run of kind %s', async (kind) => {
    bench = await openMillBench();
    const { mill, drive } = bench;
    const replaced = await commit('replaced.pptx', 'Replaced.', 'pptx', 3);
    const removed = await commit('removed.pdf', 'Removed.', 'pdf', 3);
    const removedText = await commit('removed.md', 'Removed too.', 'markdown', 1);
    const run = await storeRun(kind, [
      cited(await commit('slides.pptx', 'Slides.', 'pptx', 3), 2),
      cited(await commit('fares.xlsx', 'Fares.', 'workbook', 1, 'Fares'), 1, 'Fares'),
      cited(await commit('report.pdf', 'Report.', 'pdf', 1), 1),
      cited(await commit('letter.docx', 'Letter.', 'docx', 1), 1),
      cited(await commit('book.docx', 'Book.', 'docx', 2), 1),
      cited(replaced, 3),
      cited(removed, 3),
      cited(removedText, 1),
    ]);
    await commit('replaced.pptx', 'Replaced, later.', 'pptx', 2);
    for (const key of ['removed.pdf', 'removed.md']) await drive(mill.documents.remove(key));

    const told = kind === 'table' ? await drive(allOf(mill.runs.cells(run))) : await drive(allOf(mill.runs.items(run)));
    expect(told.flatMap(({ citations }) => citations.map((citation) => [placeOf(citation), citation.stale]))).toEqual([
      ['slide 2', undefined],
      ['sheet Fares', undefined],
      ['page 1', undefined],
      ['', undefined],
      ['page 1', undefined],
      ['slide 3', 'replaced'],
      ['page 3', 'removed'],
      ['', 'removed'],
    ]);
  });
});
