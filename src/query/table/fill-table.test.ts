import { afterEach, describe, expect, it } from 'vitest';
import { collect, type MillBench, type MillBenchOptions, openMillBench } from '../../../test/support/mill-bench.ts';
import { storeOnSmallDisk } from '../../../test/support/small-disk.ts';
import type { GenerateRequest } from '../../spec/engine.ts';
import type { HandedSource } from '../../spec/mill.ts';
import type { RunEvent } from '../../spec/runs.ts';
import type { SettledCell, TableQuestion } from '../../spec/tables.ts';

const sources: readonly HandedSource[] = [
  {
    id: 'ferry',
    text: 'The ferry carries 48 passengers. A ticket costs 12.50 euros. It was built on 14 March 2031.',
    metadata: { kind: 'boat' },
  },
  { id: 'tram', text: 'The tram carries 180 passengers. A ticket costs 2.40 euros.', metadata: { kind: 'rail' } },
];
const passengers = 'How many passengers does it carry?';
const price = 'What does a ticket cost?';

let bench: MillBench;
afterEach(() => bench.close());
async function open(options: MillBenchOptions = {}): Promise<MillBench> {
  bench = await openMillBench({ sources, ...options });
  return bench;
}

const cellsOf = (events: readonly RunEvent[]): SettledCell[] =>
  events.flatMap((event) => (event.type === 'cell-settled' ? [event.cell] : []));
const partsOf = ({ prompt }: GenerateRequest): string[] => prompt.messages.flatMap(({ parts }) => parts);
const asked = (request: GenerateRequest): string => partsOf(request).at(-1)?.split('Question: ')[1] ?? '';
const documentOf = (request: GenerateRequest): string => partsOf(request)[1] ?? '';

async function fill(questions: readonly TableQuestion[], options: Parameters<MillBench['mill']['table']>[1] = {}) {
  const { events, ended } = collect(bench.mill.table(questions, { ordered: true, mode: 'text', ...options }));
  await bench.drive(ended);
  return { events, cells: cellsOf(events), runId: events[0]?.runId ?? '' };
}
async function recorded(id: string): Promise<SettledCell[]> {
  const cells: SettledCell[] = [];
  for await (const cell of bench.mill.runs.cells(id)) cells.push(cell);
  return cells;
}

describe('table', () => {
  it('answers every question for every document, with a quote from the record for each value', async () => {
    await open();
    const { events, cells, runId } = await fill([{ id: 'seats', question: passengers }, price]);
    expect(cells.map(({ source, id, row, column, status }) => [source, id, row, column, status])).toEqual([
      ['ferry', 'seats', 0, 0, 'done'],
      ['ferry', null, 0, 1, 'done'],
      ['tram', 'seats', 1, 0, 'done'],
      ['tram', null, 1, 1, 'done'],
    ]);
    expect(cells.map(({ citations }) => citations[0]?.quote)).toEqual([
      'The ferry carries 48 passengers.',
      'A ticket costs 12.50 euros.',
      'The tram carries 180 passengers.',
      'A ticket costs 2.40 euros.',
    ]);
    for (const { citations, support, source } of cells) {
      expect(support).toBe(1);
      const text = sources.find(({ id }) => id === source)?.text ?? '';
      expect(text.slice(citations[0]?.start, citations[0]?.end)).toBe(citations[0]?.quote);
    }
    expect(events.at(-1)).toMatchObject({ type: 'run-end', state: 'done', items: 4, done: 4 });
    expect(await recorded(runId)).toEqual(cells);
    expect(await bench.mill.runs.show(runId)).toMatchObject({ kind: 'table', state: 'done' });
  });

  it('reads values of every type inside its grammar', async () => {
    const said: Record<string, string> = {
      much: '12.50 euros',
      when: '2031-03-14',
      boat: 'yes',
      words: '["ferry", " ticket ", "ferry"]',
      seats: '48',
      all: '{"seats":48}',
    };
    const requests: GenerateRequest[] = [];
    const answer = (request: GenerateRequest): string => {
      requests.push(request);
      return Object.entries(said).find(([word]) => asked(request).includes(word))?.[1] ?? '';
    };
    await open({ generator: { answer } });
    const schema = { type: 'object', properties: { seats: { type: 'integer' } } };
    const { cells } = await fill(
      [
        { question: 'How much?', type: 'number' },
        { question: 'Built when?', type: 'date' },
        { question: 'Does a boat ticket cost euros?', type: 'yes/no' },
        { question: 'Which words?', type: 'list' },
        { question: 'How many seats?', type: 'number', unit: 'seats' },
        { question: 'Tell all.', type: 'json', schema },
      ],
      { documents: ['ferry'] },
    );
    expect(cells.map(({ value }) => value)).toEqual([
      { number: 12.5, unit: 'euros' },
      '2031-03-14',
      true,
      ['ferry', 'ticket'],
      { number: 48, unit: 'seats' },
      { seats: 48 },
    ]);
    expect(cells.map(({ citations }) => citations[0]?.quote)).toEqual([
      'A ticket costs 12.50 euros.',
      'It was built on 14 March 2031.',
      'A ticket costs 12.50 euros.',
      'The ferry carries 48 passengers.',
      'The ferry carries 48 passengers.',
      'The ferry carries 48 passengers.',
    ]);
    expect(requests.every(({ grammar }) => grammar?.startsWith('root ::= ') === true)).toBe(true);
  });

  it('leaves a cell empty where the document does not say, and marks what stands nowhere', async () => {
    await open({ generator: { answer: (request) => (asked(request).includes('colour') ? 'Not in the documents.' : 'ninety anchors') } });
    const { cells, events } = await fill(['What colour has it?', 'What hangs on it?'], { documents: ['ferry'] });
    expect(cells[0]).toMatchObject({ status: 'done', empty: true, value: null, citations: [], support: null });
    expect(cells[1]).toMatchObject({ status: 'done', empty: false, value: 'ninety anchors', citations: [], support: 0 });
    expect(events.at(-1)).toMatchObject({ done: 2, abstained: 1 });
  });

  it('computes the tokens of a document once for all of its questions', async () => {
    await open({ generator: { prefillTokensPerSecond: 200, decodeTokensPerSecond: 50 } });
    const { cells } = await fill([passengers, price, 'Who drives it?', 'Where does it stop?', 'How long is it?'], { concurrency: 8 });
    const shared = cells.filter(({ usage }) => (usage?.cachedTokens ?? 0) > 0).length;
    expect(shared).toBe(cells.length - sources.length);
    const prompts = cells.reduce((sum, { usage }) => sum + (usage?.promptTokens ?? 0) - (usage?.cachedTokens ?? 0), 0);
    expect(bench.generator.statistics().prefillTokens).toBe(prompts);
  });

  it('reads passages of a document that is too long, and of no other document', async () => {
    const long = `${'The wheel turns and turns again. '.repeat(300)}\n\nThe mill grinds 900 sacks a year.\n\n${'Water falls. '.repeat(300)}`;
    const seen: string[] = [];
    const answer = (request: GenerateRequest): string => {
      seen.push(documentOf(request));
      return '900 sacks';
    };
    await open({ sources: [...sources, { id: 'mill', text: long }], generator: { answer } });
    const { cells } = await fill([{ question: 'How many sacks does the mill grind?', type: 'number' }], { documents: ['mill', 'ferry'] });
    expect(cells.map(({ source, read }) => [source, read])).toEqual([
      ['ferry', 'whole'],
      ['mill', 'passages'],
    ]);
    const [quote] = cells[1]?.citations ?? [];
    expect(quote?.quote).toBe('The mill grinds 900 sacks a year.');
    expect(long.slice(quote?.start, quote?.end)).toBe(quote?.quote);
    expect(seen.some((text) => text.includes('grinds 900 sacks'))).toBe(true);
    expect(seen.filter((text) => text.includes('ferry'))).toHaveLength(1);
  });

  it('lets a document that failed, and a name that fits nothing, fail their own rows with the reason', async () => {
    await open({ sources: [...sources, { id: 'broken', bytes: Buffer.from('%PDF-1.7 cut'), contentType: 'application/pdf' }] });
    const { cells, events } = await fill([passengers], { documents: ['broken', 'tram', 'nowhere.pdf'] });
    expect(cells.map(({ source, status, error }) => [source, status, error?.code ?? null])).toEqual([
      ['broken', 'failed', expect.stringContaining('E_DOCUMENT_')],
      ['tram', 'done', null],
      ['nowhere.pdf', 'failed', 'E_SOURCE_MISSING'],
    ]);
    expect(events.at(-1)).toMatchObject({ done: 1, failed: 2 });
    await expect(bench.drive(bench.mill.table([passengers], { documents: ['nowhere.pdf'] }).result())).rejects.toMatchObject({
      code: 'E_SOURCE_MISSING',
    });
  });

  it('lets a question that cannot be asked fail its own column with the reason', async () => {
    await open();
    const { cells } = await fill(
      [
        passengers,
        '  ',
        { id: 'a', question: price },
        { id: 'a', question: price },
        { question: price, type: 'json', schema: { pattern: 'x' } },
        { question: price, type: 'price' as never },
        { question: '', unreadable: { code: 'E_INPUT_INVALID', message: 'Line 9 is cut.', remedy: '', retryable: false } },
      ],
      { documents: ['tram'] },
    );
    expect(cells.map(({ status, error }) => [status, error?.message ?? null])).toEqual([
      ['done', null],
      ['failed', 'Question 2 is empty.'],
      ['done', null],
      ['failed', expect.stringContaining('repeats the id "a"')],
      ['failed', expect.stringContaining('"pattern"')],
      ['failed', expect.stringContaining('Question 6 is not valid')],
      ['failed', 'Line 9 is cut.'],
    ]);
  });

  it('fails a cell whose value has not the form that was asked for', async () => {
    await open({ generator: { answer: (request) => (asked(request).includes('list') ? '["cut' : '2031-02-30') } });
    const { cells } = await fill(
      [
        { question: 'A list?', type: 'list' },
        { question: 'A day?', type: 'date' },
      ],
      { documents: ['tram'] },
    );
    expect(cells.map(({ error }) => error?.code)).toEqual(['E_ANSWER_INVALID', 'E_ANSWER_INVALID']);
  });

  it('takes no value from an answer that was cut, and neither yes nor no from another word', async () => {
    const said: Record<string, string> = { weight: '12,345 kg', boat: 'Not in the documents.', wheel: 'perhaps', hangs: 'ninety anchors' };
    await open({ generator: { answer: (request) => Object.entries(said).find(([word]) => asked(request).includes(word))?.[1] ?? '' } });
    const { cells } = await fill(
      [
        { question: 'What weight?', type: 'number' },
        { question: 'A boat?', type: 'yes/no' },
        { question: 'A wheel?', type: 'yes/no' },
        { question: 'What hangs on it?', type: 'text' },
      ],
      { documents: ['ferry'], maxTokens: 1 },
    );
    expect(cells.map(({ error, value }) => [error?.code ?? null, value])).toEqual([
      ['E_ANSWER_INVALID', null],
      ['E_ANSWER_INVALID', null],
      ['E_ANSWER_INVALID', null],
      [null, 'ninety'],
    ]);
    expect(cells.slice(0, 3).map(({ error }) => error?.message.includes('cut before its end'))).toEqual([true, true, false]);
  });

  it('waits for room beside other work instead of failing its cells', async () => {
    const { mill, drive, settle } = await open();
    await drive(mill.ask(passengers).result());
    const permit = await mill.scheduler.admit({ class: 'interactive', costs: { generate: { bytes: 256 * 1024 * 1024 } } });
    const { events, ended } = collect(mill.table([passengers], { mode: 'text' }));
    await settle();
    expect(cellsOf(events)).toEqual([]);
    permit.release();
    await drive(ended);
    expect(cellsOf(events).map(({ status }) => status)).toEqual(['done', 'done']);
  });

  it('finds a relative name that was missing once it is ingested, and nothing that the filter leaves out', async () => {
    const kind = { kind: 'late' };
    await open({ sources: [{ ...sources[0]!, metadata: kind }], mill: { workingDirectory: '/base' } });
    const { runId, cells } = await fill([passengers], { documents: ['ferry', 'late.txt', 'other.txt'], filter: kind });
    expect(cells.map(({ status }) => status)).toEqual(['done', 'failed', 'failed']);
    const { text } = sources[1]!;
    await bench.drive(
      bench.mill
        .ingest([
          { id: '/base/late.txt', text: text as string, metadata: kind },
          { id: '/base/other.txt', text: `${text as string} No more.` },
        ])
        .result(),
    );
    const { events, ended } = collect(bench.mill.runs.retry(runId, 'failed', { ordered: true }));
    await bench.drive(ended);
    expect(cellsOf(events).map(({ source, status, error }) => [source, status, error?.code ?? null])).toEqual([
      ['/base/late.txt', 'done', null],
      ['other.txt', 'failed', 'E_SOURCE_MISSING'],
    ]);
  });

  it('takes rows by pattern, by metadata, and all of them', async () => {
    await open();
    const rows = async (options: Parameters<MillBench['mill']['table']>[1]) =>
      (await fill([passengers], options)).cells.map(({ source }) => source);
    expect(await rows({})).toEqual(['ferry', 'tram']);
    expect(await rows({ documents: ['t*'] })).toEqual(['tram']);
    expect(await rows({ filter: { kind: 'boat' } })).toEqual(['ferry']);
    expect(await rows({ documents: ['*'], filter: { kind: { in: ['rail', 'air'] } } })).toEqual(['tram']);
  });

  it('goes on where it stopped: what is settled is not computed again', async () => {
    await open({ generator: { decodeTokensPerSecond: 5 } });
    const questions = [passengers, price, 'Who drives the ferry or tram?', 'Which ticket costs euros?'];
    const first = collect(bench.mill.table(questions, { concurrency: 2, mode: 'text', maxTimeMs: 4_000 }));
    await bench.drive(first.ended);
    const runId = first.events[0]?.runId ?? '';
    const before = await recorded(runId);
    expect(first.events.at(-1)).toMatchObject({ type: 'run-end', state: 'interrupted' });
    expect(before.length).toBeGreaterThan(0);
    expect(before.length).toBeLessThan(8);

    await expect(bench.drive(bench.mill.runs.resume(runId, { questions: [passengers, 'Another?'] }).result())).rejects.toMatchObject({
      code: 'E_RUN_CHANGED',
      message: expect.stringContaining('question 2'),
    });
    const calls = bench.generator.statistics().calls;
    const again = collect(bench.mill.runs.resume(runId, { questions }));
    await bench.drive(again.ended);
    expect(again.events[0]).toMatchObject({ type: 'run-start', resumed: true, settled: before.length });
    expect(cellsOf(again.events)).toHaveLength(8 - before.length);
    expect(bench.generator.statistics().calls - calls).toBe(8 - before.length);
    const all = await recorded(runId);
    expect(all.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    for (const cell of before) expect(all[cell.index]).toEqual(cell);
    expect(again.events.at(-1)).toMatchObject({ state: 'done', items: 8, done: 8 });
  });

  it('does again what failed, what is empty, and what another version of its document has made stale', async () => {
    let broken = true;
    const answer = (request: GenerateRequest): string => {
      if (broken && documentOf(request).includes('tram')) throw new Error('The device is gone.');
      return asked(request).includes('colour')
        ? 'Not in the documents.'
        : (/carries \d+ passengers/u.exec(documentOf(request))?.[0] ?? 'Not in the documents.');
    };
    await open({ generator: { answer } });
    const { runId, cells } = await fill([passengers, 'What colour has it?']);
    expect(cells.map(({ status, empty }) => [status, empty])).toEqual([
      ['done', false],
      ['done', true],
      ['failed', false],
      ['failed', false],
    ]);
    broken = false;
    const redo = async (which: 'failed' | 'stale' | 'empty') => {
      const { events, ended } = collect(bench.mill.runs.retry(runId, which, { ordered: true }));
      await bench.drive(ended);
      return cellsOf(events).map(({ index, value }) => [index, value]);
    };
    expect(await redo('failed')).toEqual([
      [2, 'carries 180 passengers'],
      [3, null],
    ]);
    expect(await redo('failed')).toEqual([]);
    expect(await redo('stale')).toEqual([]);
    await bench.drive(
      bench.mill
        .ingest([
          { id: 'ferry', text: 'The ferry carries 52 passengers.' },
          { id: 'new', text: 'New.' },
        ])
        .result(),
    );
    expect(await redo('stale')).toEqual([
      [0, 'carries 52 passengers'],
      [1, null],
    ]);
    expect(await redo('stale')).toEqual([]);
    expect(await redo('empty')).toEqual([
      [1, null],
      [3, null],
    ]);
  });

  it('says so when a document was replaced while the table was interrupted', async () => {
    await open({ generator: { decodeTokensPerSecond: 1 } });
    const first = collect(bench.mill.table([passengers, price], { concurrency: 1, mode: 'text', maxTimeMs: 100 }));
    await bench.drive(first.ended);
    const runId = first.events[0]?.runId ?? '';
    await bench.drive(bench.mill.ingest([{ id: 'ferry', text: 'The ferry is gone.' }]).result());
    const again = collect(bench.mill.runs.resume(runId, { ordered: true }));
    await bench.drive(again.ended);
    expect(cellsOf(again.events).map(({ source, error }) => [source, error?.code ?? null])).toEqual([
      ['ferry', 'E_SOURCE_CHANGED'],
      ['ferry', 'E_SOURCE_CHANGED'],
      ['tram', null],
      ['tram', null],
    ]);
  });

  it('stops when the disk fills, keeps what was settled, and goes on when there is room again', async () => {
    const store = storeOnSmallDisk(3);
    await open({ mill: { store } });
    const first = collect(bench.mill.table([passengers, price, 'Who?', 'When?'], { concurrency: 2, mode: 'text' }));
    await bench.drive(first.ended);
    expect(first.events.at(-1)).toMatchObject({ type: 'run-failed', error: { code: 'E_DISK_FULL' } });
    const runId = first.events[0]?.runId ?? '';
    const before = await recorded(runId);
    expect(before).toHaveLength(3);
    store.makeRoom();
    expect(await bench.drive(bench.mill.runs.resume(runId).result())).toMatchObject({ state: 'done', items: 8, done: 8 });
    expect((await recorded(runId)).slice(0, 3)).toEqual(before);
  });

  it('tells what is wrong with a call', async () => {
    const { mill, drive } = await open();
    await expect(drive(mill.table([passengers], { concurrency: 0 }).result())).rejects.toMatchObject({ code: 'E_INPUT_INVALID' });
    await expect(drive(mill.table([]).result())).rejects.toMatchObject({ code: 'E_INPUT_INVALID' });
    await expect(drive(mill.table('What?' as never).result())).rejects.toMatchObject({ code: 'E_INPUT_INVALID' });
    const asking = collect(mill.askMany([passengers]));
    await drive(asking.ended);
    const runId = asking.events[0]?.runId ?? '';
    await expect(
      drive(
        (async () => {
          for await (const _ of mill.runs.cells(runId));
        })(),
      ),
    ).rejects.toMatchObject({ code: 'E_RUN_STATE' });
  });
});
