import { afterEach, describe, expect, it } from 'vitest';
import { createIngestBench, type IngestBenchOptions, ofType, typesOf } from '../../test/support/ingest-bench.ts';
import { MillraceError } from '../errors.ts';
import { ingestEvent } from '../spec/events.ts';
import type { DocumentId } from '../spec/identifiers.ts';
import type { HandedSource } from '../spec/mill.ts';

const benches: ReturnType<typeof createIngestBench>[] = [];
function bench(options?: IngestBenchOptions) {
  const created = createIngestBench(options);
  benches.push(created);
  return created;
}

afterEach(async () => {
  await Promise.all(benches.splice(0).map((one) => one.close()));
});

/** Several chunks of twenty tokens. */
const long = Array.from({ length: 12 }, (_, index) => `Sentence number ${index} tells about the mill by the river.`).join(' ');

describe('ingest', () => {
  it('tells each step in order, numbered, with one terminal event', async () => {
    const { run, write, folder, requireWhole, texts } = bench();
    write('a.txt', long);
    const events = await run([folder]);
    for (const event of events) expect(ingestEvent.parse(event)).toEqual(event);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
    const steps = typesOf(events).filter((type) => type !== 'ingest-progress' && type !== 'vectors-committed');
    expect(steps).toEqual(['ingest-start', 'document-found', 'document-committed', 'ingest-end']);
    expect(typesOf(events).indexOf('vectors-committed')).toBeGreaterThan(typesOf(events).indexOf('document-committed'));
    const [committed] = ofType(events, 'document-committed');
    expect(committed?.chunks).toBeGreaterThan(3);
    expect(events.at(-1)).toMatchObject({ found: 1, indexed: 1, skipped: 0, failed: 0, chunks: committed?.chunks, bytes: long.length });
    expect(ofType(events, 'vectors-committed').at(-1)).toMatchObject({ embeddedChunks: committed?.chunks, remainingChunks: 0 });
    expect(await texts()).toEqual({ 'a.txt': long });
    await requireWhole();
  });

  it('ends with a summary that result() gives without reading the events', async () => {
    const { start, write, folder } = bench();
    write('a.txt', long);
    await expect(start([folder]).result()).resolves.toMatchObject({ type: 'ingest-end', indexed: 1 });
  });

  it('ends at once when there is nothing', async () => {
    const { run } = bench();
    expect(typesOf(await run([])).filter((type) => type !== 'ingest-progress')).toEqual(['ingest-start', 'ingest-end']);
  });

  it('skips what is unchanged and replaces what changed', async () => {
    const { run, write, folder, texts, parsed, requireWhole, store } = bench();
    write('a.txt', 'The old text of the first file.');
    write('b.txt', 'The second file.');
    await run([folder]);
    const [before] = await store.listSources('default');
    write('a.txt', 'The new text of the first file.', Date.UTC(2025, 1, 1));
    const events = await run([folder]);
    expect(ofType(events, 'document-skipped').map(({ source }) => source)).toEqual([`${folder}/b.txt`]);
    expect(events.at(-1)).toMatchObject({ indexed: 1, skipped: 1 });
    expect(await texts()).toEqual({ 'a.txt': 'The new text of the first file.', 'b.txt': 'The second file.' });
    expect(parsed.filter((name) => name === 'b.txt')).toHaveLength(1);
    expect(await store.readDocument(before?.document as DocumentId)).toBeUndefined();
    await requireWhole();
  });

  it('parses again when the chunker changed', async () => {
    const first = bench();
    first.write('a.txt', long);
    await first.run([first.folder]);
    const second = bench({ store: first.store, chunkerHash: 'by-another' });
    const events = await second.run([first.folder]);
    expect(events.at(-1)).toMatchObject({ indexed: 1, skipped: 0 });
    await second.requireWhole();
  });

  it('parses again what another version of its parser made, or could not read', async () => {
    const first = bench();
    first.write('a.txt', 'A text.');
    first.write('b.txt', 'bad content');
    await first.run([first.folder]);
    const second = bench({ store: first.store, parserVersion: 2 });
    expect((await second.run([first.folder])).at(-1)).toMatchObject({ indexed: 1, failed: 1 });
    expect((await second.run([first.folder])).at(-1)).toMatchObject({ skipped: 1, failed: 1, bytes: 0 });
    await second.requireWhole();
  });

  it('points a copy at the document that is there; a text is parsed under each name', async () => {
    const { run, write, folder, parsed, store, texts, requireWhole } = bench();
    write('a.pdf', 'The content of a page.');
    write('a.txt', 'The content of a text.');
    await run([folder]);
    write('copies/b.pdf', 'The content of a page.');
    write('copies/b.txt', 'The content of a text.');
    const changed = write('c.pdf', 'Another page.');
    await run([folder]);
    const events = await run([folder]);
    expect(events.at(-1)).toMatchObject({ found: 5, skipped: 5 });
    expect(parsed.toSorted()).toEqual(['a.pdf', 'a.txt', 'b.txt', 'c.pdf']);
    const original = await store.readSource('default', `${folder}/a.pdf`);
    expect((await store.readSource('default', `${folder}/copies/b.pdf`))?.document).toBe(original?.document);
    // A source that had another document loses it.
    write('c.pdf', 'The content of a page.', Date.UTC(2025, 1, 1));
    expect(ofType(await run([changed]), 'document-skipped')).toMatchObject([{ source: changed, reason: 'same-content' }]);
    expect(
      Object.values(await texts())
        .map(String)
        .toSorted(),
    ).toEqual([...Array.from({ length: 3 }, () => 'The content of a page.'), ...Array.from({ length: 2 }, () => 'The content of a text.')]);
    await requireWhole();
  });

  it('takes what two sources name once, and skips it the second time', async () => {
    const { run, write, folder, parsed } = bench();
    const path = write('a.txt', 'A text.');
    expect((await run([folder, path, '*.txt'])).at(-1)).toMatchObject({ found: 3, indexed: 1, skipped: 2 });
    expect(parsed).toEqual(['a.txt']);
  });

  it('takes texts and bytes under the program’s own ids, and the same id again replaces', async () => {
    const { run, texts, store } = bench();
    const sources: HandedSource[] = [
      { id: 'row-1', text: 'First version.', title: 'One', metadata: { year: 2024 } },
      { id: 'row-2', bytes: new TextEncoder().encode('Of bytes.'), contentType: 'text/plain' },
    ];
    await run(sources, { metadata: { year: 2000, team: 'mill' } });
    expect(await texts()).toEqual({ 'row-1': 'First version.', 'row-2': 'Of bytes.' });
    const events = await run([{ id: 'row-1', text: 'Second version.' }]);
    expect(events.at(-1)).toMatchObject({ indexed: 1 });
    expect(await texts()).toEqual({ 'row-1': 'Second version.', 'row-2': 'Of bytes.' });
    expect(await store.readSource('default', 'row-1')).toMatchObject({ title: null, metadata: {} });
    expect(await store.readSource('default', 'row-2')).toMatchObject({ metadata: { year: 2000, team: 'mill' } });
  });

  it('lets the metadata of a source win over that of the call, and records new metadata without parsing', async () => {
    const { run, store, parsed, write } = bench();
    const path = write('a.txt', 'A file.');
    await run([{ id: 'row', text: 'Text.', metadata: { year: 2024 } }, path], { metadata: { year: 2000, team: 'mill' } });
    expect((await store.readSource('default', 'row'))?.metadata).toEqual({ year: 2024, team: 'mill' });
    const before = parsed.length;
    const events = await run([{ id: 'row', text: 'Text.', metadata: { year: 2025 } }, path], { metadata: { team: 'weir' } });
    expect(events.at(-1)).toMatchObject({ skipped: 2, bytes: 5 });
    expect((await store.readSource('default', 'row'))?.metadata).toEqual({ year: 2025, team: 'weir' });
    expect((await store.readSource('default', path))?.metadata).toEqual({ team: 'weir' });
    expect(parsed.length).toBe(before);
  });

  it('keeps the last of one id handed over several times in one call, however long each takes', async () => {
    const { run, texts } = bench({
      async onParse({ bytes }) {
        // The first takes longest.
        for (let turn = 0; turn < 40 - 10 * bytes.length; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      },
    });
    await run([
      { id: 'row', text: 'a' },
      { id: 'row', text: 'bb' },
      { id: 'row', text: 'ccc' },
    ]);
    expect(await texts()).toEqual({ row: 'ccc' });
    // Back to what is on record when the call begins.
    await run([
      { id: 'row', text: 'dddd' },
      { id: 'row', text: 'ccc' },
    ]);
    expect(await texts()).toEqual({ row: 'ccc' });
  });

  it('reads an AsyncIterable as it goes, and closes it when the consumer leaves', async () => {
    const { run, start, texts } = bench({ limits: { foundItems: 5 } });
    let closed = false;
    async function* rows(count: number): AsyncGenerator<HandedSource> {
      try {
        for (let index = 0; index < count; index += 1) {
          await Promise.resolve();
          yield { id: `row-${index}`, text: `Text of row ${index}.` };
        }
      } finally {
        closed = true;
      }
    }
    await run(rows(120));
    expect(Object.keys(await texts())).toHaveLength(120);
    expect(closed).toBe(true);

    closed = false;
    for await (const event of start(rows(Number.POSITIVE_INFINITY))) if (event.type === 'document-found') break;
    expect(closed).toBe(true);
  });

  it('reports one bad source and goes on; the next call tells it again without parsing, until it changes', async () => {
    const { run, write, folder, texts, store, parsed, requireWhole } = bench();
    write('a.txt', 'A good text.');
    const bad = write('b.txt', 'bad content');
    write('c.txt', 'Another good text.');
    const attempts: string[] = [];
    for (const _time of [1, 2]) {
      const events = await run([folder]);
      const [failed] = ofType(events, 'document-failed');
      expect(failed).toMatchObject({ source: bad, error: { code: 'E_DOCUMENT_DAMAGED', message: 'b.txt cannot be read.' } });
      expect(events.at(-1)).toMatchObject({ type: 'ingest-end', found: 3, failed: 1, quarantined: 0 });
      attempts.push(...parsed.splice(0));
    }
    expect(attempts.toSorted()).toEqual(['a.txt', 'b.txt', 'c.txt']);
    expect(await texts()).toEqual({ 'a.txt': 'A good text.', 'b.txt': null, 'c.txt': 'Another good text.' });
    expect((await store.readSource('default', bad))?.error?.code).toBe('E_DOCUMENT_DAMAGED');
    write('b.txt', 'A mended text', Date.UTC(2025, 2, 2));
    await run([folder]);
    expect((await store.readSource('default', bad))?.error).toBeNull();
    await requireWhole();
  });

  it('keeps the last good version of a source that became bad, and skips it when it is good again', async () => {
    const { run, write, folder, texts, store } = bench();
    const path = write('a.txt', 'The good text.');
    await run([folder]);
    write('a.txt', 'bad content', Date.UTC(2025, 1, 1));
    expect((await run([folder])).at(-1)).toMatchObject({ failed: 1 });
    expect(await texts()).toEqual({ 'a.txt': 'The good text.' });
    expect((await store.readSource('default', path))?.error?.code).toBe('E_DOCUMENT_DAMAGED');
    write('a.txt', 'The good text.', Date.UTC(2025, 2, 1));
    expect((await run([folder])).at(-1)).toMatchObject({ skipped: 1, failed: 0 });
    expect((await store.readSource('default', path))?.error).toBeNull();
  });

  it('puts a file that ends its parser twice into quarantine until it changes or is reread', async () => {
    let crashes = 0;
    const { run, write, folder, texts } = bench({
      onParse({ name }) {
        if (name !== 'poison.txt') return;
        crashes += 1;
        throw new MillraceError('E_PARSE_CRASHED', 'The parser process ended with signal SIGSEGV while it read poison.txt.');
      },
    });
    write('a.txt', 'A neighbour.');
    write('poison.txt', 'poison');
    const first = await run([folder]);
    expect(crashes).toBe(2);
    expect(first.at(-1)).toMatchObject({ indexed: 1, failed: 0, quarantined: 1 });
    expect(ofType(first, 'document-failed')[0]?.error.remedy).toContain('--reread');
    const second = await run([folder]);
    expect(crashes).toBe(2);
    expect(second.at(-1)).toMatchObject({ skipped: 1, failed: 0, quarantined: 1 });
    expect(ofType(second, 'document-failed')[0]?.error).toEqual(ofType(first, 'document-failed')[0]?.error);
    await run([folder], { reread: true });
    expect(crashes).toBe(4);
    expect(await texts()).toEqual({ 'a.txt': 'A neighbour.', 'poison.txt': null });
  });

  it('reports paths that name nothing, and fails when there is nothing else', async () => {
    const { run, start, write, folder } = bench();
    write('a.txt', 'A text.');
    const events = await run(['missing.txt', 'a.txt', '*.pdf']);
    expect(ofType(events, 'document-failed').map(({ source, error }) => [source, error.code, error.message])).toEqual([
      ['missing.txt', 'E_SOURCE_MISSING', `The path ${folder}/missing.txt does not exist.`],
      ['*.pdf', 'E_SOURCE_MISSING', 'No file matches the pattern "*.pdf".'],
    ]);
    expect(events.at(-1)).toMatchObject({ type: 'ingest-end', found: 3, indexed: 1, failed: 2 });
    expect((await run(['missing.txt', 'a.txt', '*.pdf'], { dryRun: true })).at(-1)).toMatchObject({ found: 3, skipped: 1, failed: 2 });
    write('b.txt', 'Another text.');
    expect((await run(['b.txt', '*.pdf'], { dryRun: true })).at(-1)).toMatchObject({ found: 2, indexed: 1, failed: 1 });
    expect((await run(['missing.txt'])).at(-1)).toMatchObject({ type: 'ingest-failed', error: { code: 'E_SOURCE_MISSING' } });
    await expect(start(['missing.txt']).result()).rejects.toMatchObject({ code: 'E_SOURCE_MISSING' });
  });

  it('reports handed-over sources of a wrong shape and records nothing of them', async () => {
    const { run, texts } = bench();
    const wrong = [
      { id: 'both', text: 'a', bytes: new Uint8Array(1) },
      { id: 7, text: 'a' },
      { id: 'empty' },
      null,
    ] as unknown as HandedSource[];
    const events = await run([...wrong, { id: 'right', text: 'A text.' }]);
    expect(ofType(events, 'document-failed').map(({ error }) => error.code)).toEqual(wrong.map(() => 'E_INPUT_INVALID'));
    expect(ofType(events, 'document-failed')[0]?.error.message).toContain('Give either text or bytes.');
    expect(await texts()).toEqual({ right: 'A text.' });
  });

  it('leaves vectors for later on request; a later call embeds the rest', async () => {
    const { run, write, folder, store, requireWhole } = bench();
    write('a.txt', long);
    const events = await run([folder], { embed: false });
    expect(events[0]).toMatchObject({ type: 'ingest-start', embedder: null });
    expect(ofType(events, 'vectors-committed')).toEqual([]);
    expect(ofType(events, 'ingest-progress').every(({ embeddedChunks }) => embeddedChunks === 0)).toBe(true);
    expect((await store.searchText('mill', { collection: 'default' }, 3)).length).toBe(3);
    const later = await run([folder]);
    expect(later.at(-1)).toMatchObject({ indexed: 0, skipped: 1 });
    expect(ofType(later, 'vectors-committed').length).toBeGreaterThan(0);
    await requireWhole();
  });

  it('keeps collections apart', async () => {
    const { run, texts } = bench();
    await run([{ id: 'row', text: 'In one.' }], { collection: 'one' });
    await run([{ id: 'row', text: 'In two.' }], { collection: 'two' });
    expect(await texts('one')).toEqual({ row: 'In one.' });
    expect(await texts('two')).toEqual({ row: 'In two.' });
  });
});

describe('an ingest call that ends early', () => {
  it('fails with the reason when the embedder is not installed, before it reads anything', async () => {
    const refusal = new MillraceError('E_MODEL_NOT_INSTALLED', 'The embedder minilm-l6 is not on this machine.');
    const { run, start, write, folder, parsed } = bench({ loadEmbedder: () => Promise.reject(refusal) });
    write('a.txt', 'A text.');
    const events = await run([folder]);
    expect(events).toMatchObject([
      { type: 'ingest-failed', sequence: 1, error: { code: 'E_MODEL_NOT_INSTALLED', message: refusal.message } },
    ]);
    expect(parsed).toEqual([]);
    await expect(start([folder]).result()).rejects.toBe(refusal);
  });

  it.each(['E_DISK_FULL', 'E_STORE_CORRUPT', 'E_LOCKED', 'E_STORE_FAILED'] as const)(
    'ends with %s when the record fails; a repeat completes it',
    async (code) => {
      let broken = false;
      const { run, write, folder, parsed, requireWhole, texts } = bench({
        onCommit(operations) {
          // A full disk may still take the note about a failure: it is not the document's fault all the same.
          const isHit = code === 'E_STORE_FAILED' || operations.some(({ type }) => type === 'commitDocument');
          if (broken && isHit) throw new MillraceError(code, 'The record cannot be written.');
        },
        limits: { commitQuietMs: 0 },
      });
      write('a.txt', 'The first text.');
      await run([folder]);
      for (let index = 0; index < 60; index += 1) write(`b${index}.txt`, `Text number ${index}.`);
      broken = true;
      const events = await run([folder], { batchSize: 1 });
      expect(events.at(-1)).toMatchObject({ type: 'ingest-failed', error: { code } });
      expect(typesOf(events).filter((type) => type === 'ingest-failed' || type === 'ingest-end')).toHaveLength(1);
      expect(ofType(events, 'document-committed')).toEqual([]);
      // Reading stops soon after the record failed.
      expect(parsed.length).toBeLessThan(61);
      expect(await texts()).toEqual({ 'a.txt': 'The first text.' });
      broken = false;
      expect((await run([folder])).at(-1)).toMatchObject({ type: 'ingest-end', indexed: 60, skipped: 1 });
      await requireWhole();
    },
  );

  it('reports the one document that the record does not take, and commits its neighbours', async () => {
    const { run, write, folder, texts, store, requireWhole } = bench({
      onCommit(operations) {
        if (operations.some((one) => one.type === 'commitDocument' && one.document.text.slice().includes('poison'))) {
          throw new MillraceError('E_STORE_FAILED', 'string or blob too big');
        }
      },
    });
    for (let index = 0; index < 5; index += 1) write(`a${index}.txt`, index === 2 ? 'A poison text.' : `Text ${index}.`);
    const events = await run([folder]);
    expect(ofType(events, 'document-failed')).toMatchObject([{ source: `${folder}/a2.txt`, error: { code: 'E_STORE_FAILED' } }]);
    expect(events.at(-1)).toMatchObject({ type: 'ingest-end', indexed: 4, failed: 1 });
    expect((await store.readSource('default', `${folder}/a2.txt`))?.error?.code).toBe('E_STORE_FAILED');
    expect(Object.values(await texts()).filter((text) => text !== null)).toHaveLength(4);
    await requireWhole();
  });

  it('ends with the reason of an engine that is gone for good; documents are kept and a repeat embeds them', async () => {
    let broken = true;
    const { run, write, folder, texts, requireWhole } = bench({
      embedder: (fake) => ({
        ...fake,
        embed: (...call) => (broken ? Promise.reject(new MillraceError('E_ENGINE_CRASHED', 'The process ended.')) : fake.embed(...call)),
      }),
    });
    write('a.txt', long);
    const events = await run([folder]);
    expect(events.at(-1)).toMatchObject({ type: 'ingest-failed', error: { code: 'E_ENGINE_CRASHED' } });
    expect(await texts()).toEqual({ 'a.txt': long });
    broken = false;
    expect((await run([folder])).at(-1)).toMatchObject({ type: 'ingest-end', skipped: 1 });
    await requireWhole();
  });
});
