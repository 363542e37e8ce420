import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createIngestBench, type IngestBenchOptions, ofType } from '../../test/support/ingest-bench.ts';
import type { IngestEvent } from '../spec/events.ts';
import { describeIndexing, indexingSetting } from '../spec/indexing.ts';
import type { IngestOptions } from '../spec/mill.ts';
import { MillraceError } from '../errors.ts';
import { type Clock, systemClock } from '../util/clock.ts';
import { createDeferred } from '../util/deferred.ts';
import { sha256 } from '../util/hash.ts';
import { recordedSources } from './recorded-sources.ts';

const benches: ReturnType<typeof createIngestBench>[] = [];
function bench(options?: IngestBenchOptions) {
  const created = createIngestBench({ ...options, limits: { watchSettleMs: 100, watchQuietMs: 50, ...options?.limits } });
  benches.push(created);
  return created;
}

afterEach(async () => {
  await Promise.all(benches.splice(0).map((one) => one.close()));
});

const end = (events: readonly IngestEvent[]) => events.at(-1);

describe('metadata', () => {
  it('of a call, of single sources and of what is handed over go before each other in this order', async () => {
    const { run, write, store, folder } = bench();
    write('a.txt', 'A text.');
    write('b.txt', 'B text.');
    const options: IngestOptions = {
      metadata: { client: 1, year: 2020 },
      metadataBySource: { 'a.txt': { title: 'Lease', metadata: { year: 2024 } }, row: { title: 'Row', metadata: { year: 1999 } } },
    };
    await run([folder, { id: 'row', text: 'C text.', metadata: { client: 2 } }], options);
    const sources = await store.listSources('default');
    expect(sources.map(({ key, title, metadata }) => [key.replace(`${folder}/`, ''), title, metadata])).toEqual([
      ['a.txt', 'Lease', { client: 1, year: 2024 }],
      ['b.txt', null, { client: 1, year: 2020 }],
      ['row', 'Row', { client: 2, year: 1999 }],
    ]);
  });

  it('stays when the record is read again, and changes without reading a file', async () => {
    const { run, write, store, folder, parsed, start } = bench();
    write('a.txt', 'A text.');
    await run([folder], { metadata: { client: 1 } });
    await start(recordedSources(store, 'default', {}) as never).result();
    expect((await store.listSources('default'))[0]?.metadata).toEqual({ client: 1 });
    await run([folder], { metadata: { client: 2 } });
    expect((await store.listSources('default'))[0]?.metadata).toEqual({ client: 2 });
    expect(parsed).toEqual(['a.txt']);
    write('a.txt', 'Another text.');
    await run([folder]);
    expect((await store.listSources('default'))[0]?.metadata).toEqual({ client: 2 });
    await run([folder], { metadataBySource: { 'a.txt': { title: 'Lease' } } });
    await run([folder], { metadata: {} });
    expect((await store.listSources('default'))[0]).toMatchObject({ title: 'Lease', metadata: {} });
  });
});

describe('what was accepted', () => {
  it('is read by the next call, whatever that is given, once', async () => {
    const { run, store, texts } = bench();
    const source = { key: 'row', uri: 'row', metadata: { a: 1 }, contentType: 'text/plain', size: 6 };
    await store.acceptSources('default', [{ source, bytes: new TextEncoder().encode('A row.') }]);
    expect(end(await run([]))).toMatchObject({ found: 1, indexed: 1 });
    expect(await texts()).toEqual({ row: 'A row.' });
    expect((await store.readSource('default', 'row'))?.metadata).toEqual({ a: 1 });
    expect(end(await run([]))).toMatchObject({ found: 0, indexed: 0 });
    // The same again, from a program that repeats what was not answered in time.
    await store.acceptSources('default', [{ source, bytes: new TextEncoder().encode('A row.') }]);
    expect(end(await run([]))).toMatchObject({ found: 1, skipped: 1 });
    expect(end(await run([]))).toMatchObject({ found: 0 });
    // Its bytes stay, for a parser or chunker of another version.
    const again = await Array.fromAsync(recordedSources(store, 'default', {}));
    expect(again).toHaveLength(1);
    expect(end(await run(again as never, { reread: true }))).toMatchObject({ found: 1, skipped: 1 });
  });

  it('whose bytes are damaged is a failed source, and the others are read', async () => {
    const first = bench();
    const store: typeof first.store = {
      ...first.store,
      readBlob: (hash) =>
        hash === sha256('Lost.')
          ? Promise.reject(new MillraceError('E_STORE_CORRUPT', `The kept bytes ${hash} are missing.`))
          : first.store.readBlob(hash),
    };
    const { run, write, folder, texts } = bench({ store });
    const handed = (key: string, text: string) => ({ source: { key, uri: key, metadata: {} }, bytes: new TextEncoder().encode(text) });
    await store.acceptSources('default', [handed('lost', 'Lost.'), handed('there', 'There.')]);
    write('a.txt', 'A text.');
    const events = await run([folder]);
    expect(end(events)).toMatchObject({ found: 3, indexed: 2, failed: 1 });
    expect(ofType(events, 'document-failed')[0]?.error).toMatchObject({
      code: 'E_SOURCE_UNREADABLE',
      message: expect.stringContaining('missing'),
    });
    expect(await texts()).toMatchObject({ 'a.txt': 'A text.', lost: null, there: 'There.' });
    expect(end(await run([]))).toMatchObject({ type: 'ingest-end', found: 0 });
    const again = await Array.fromAsync(recordedSources(store, 'default', {}));
    expect(end(await run(again as never))).toMatchObject({ found: 3, failed: 1 });
    await store.acceptSources('default', [handed('lost', 'Handed over again.')]);
    expect(end(await run([]))).toMatchObject({ found: 1, indexed: 1 });
    expect((await store.readSource('default', 'lost'))?.error).toBeNull();
  });

  it('that cannot be read is a failed source, not a pending one', async () => {
    const { run, store } = bench();
    const source = { key: 'row', uri: 'row', metadata: {}, size: 3 };
    await store.acceptSources('default', [{ source, bytes: new TextEncoder().encode('bad') }]);
    expect(end(await run([]))).toMatchObject({ found: 1, failed: 1 });
    expect(await store.readSource('default', 'row')).toMatchObject({ pendingAt: null, error: { code: 'E_DOCUMENT_DAMAGED' } });
    expect(await Array.fromAsync(recordedSources(store, 'default', { failed: true }))).toHaveLength(1);
  });
});

describe('prune', () => {
  it('removes what is gone below the named folders, and nothing else', async () => {
    const { run, write, store, folder, texts } = bench();
    for (const name of ['docs/a.txt', 'docs/b.txt', 'other/c.txt', 'docs/d.md']) write(name, `Text ${name}.`);
    await run([folder, { id: 'row', text: 'Row.' }]);
    for (const name of ['docs/a.txt', 'other/c.txt', 'docs/d.md']) rmSync(join(folder, name));
    const without = await run([join(folder, 'docs')]);
    expect(end(without)).toMatchObject({ found: 1 });
    expect(end(without)).not.toHaveProperty('removed');

    const dry = await run([join(folder, 'docs')], { prune: true, dryRun: true });
    expect(end(dry)).toMatchObject({ found: 1, skipped: 1, indexed: 0, removed: 2 });
    expect(Object.keys(await texts())).toHaveLength(5);

    const byPattern = await run([join(folder, 'docs/*.txt')], { prune: true });
    expect(ofType(byPattern, 'document-removed').map(({ source }) => source)).toEqual([join(folder, 'docs/a.txt')]);
    await run([join(folder, 'docs')], { prune: true });
    expect(Object.keys(await texts())).toEqual(['docs/b.txt', 'other/c.txt', 'row']);
    // A named file that is gone is one to remove, an unknown one is a mistake.
    expect(end(await run([join(folder, 'other/c.txt')], { prune: true }))).toMatchObject({ failed: 0, removed: 1 });
    expect(end(await run([join(folder, 'other/never.txt')], { prune: true }))).toMatchObject({ type: 'ingest-failed' });
    // A folder that is gone may be a disk that is not there.
    rmSync(join(folder, 'docs'), { recursive: true });
    expect(end(await run([join(folder, 'docs')], { prune: true }))).toMatchObject({ type: 'ingest-failed' });
    expect(Object.keys(await texts())).toEqual(['docs/b.txt', 'row']);
    expect((await store.verify()).problems).toEqual([]);
  });

  it('of all that is on record removes nothing of a folder that is itself gone, and tells that once', async () => {
    const { start, run, write, store, folder, texts } = bench();
    async function update(options: IngestOptions = {}) {
      const events: IngestEvent[] = [];
      for await (const event of start(recordedSources(store, 'default', {}) as never, { prune: true, ...options })) events.push(event);
      return events;
    }
    for (const name of ['disk/docs/a.txt', 'disk/docs/b.txt', 'disk/docs/old/c.txt', 'disk/docs/old/deep/d.txt', 'other/e.txt'])
      write(name, `Text ${name}.`);
    await run([join(folder, 'disk/docs'), join(folder, 'other')]);
    rmSync(join(folder, 'disk/docs/b.txt'));
    rmSync(join(folder, 'disk/docs/old'), { recursive: true });
    expect(end(await update({ dryRun: true }))).toMatchObject({ failed: 0, removed: 3 });
    expect(end(await update())).toMatchObject({ failed: 0, removed: 3 });
    expect(Object.keys(await texts())).toEqual(['disk/docs/a.txt', 'other/e.txt']);

    write('disk/docs/f.txt', 'Text f.');
    await run([join(folder, 'disk/docs')]);
    renameSync(join(folder, 'disk'), join(folder, 'elsewhere'));
    const events = await update();
    expect(ofType(events, 'document-failed')).toMatchObject([
      { source: join(folder, 'disk'), error: { code: 'E_SOURCE_MISSING', message: `The path ${join(folder, 'disk')} does not exist.` } },
    ]);
    expect(end(events)).toMatchObject({ type: 'ingest-end', skipped: 1, failed: 1 });
    renameSync(join(folder, 'other'), join(folder, 'elsewhere/other'));
    expect(end(await update())).toMatchObject({ type: 'ingest-failed', error: { code: 'E_SOURCE_MISSING' } });
    expect(end(await update({ dryRun: true }))).toMatchObject({ type: 'ingest-failed', error: { code: 'E_SOURCE_MISSING' } });
    expect(Object.keys(await texts())).toEqual(['disk/docs/a.txt', 'disk/docs/f.txt', 'other/e.txt']);
    expect((await store.listSources('default')).map(({ error }) => error)).toEqual([null, null, null]);
    renameSync(join(folder, 'elsewhere'), join(folder, 'disk'));
    expect(end(await update())).toMatchObject({ skipped: 2, failed: 1 });
    expect((await store.verify()).problems).toEqual([]);
  });
});

describe('a pattern', () => {
  it('prunes below a folder whose name has signs of patterns, and nothing beside it', async () => {
    const { run, write, folder, texts } = bench();
    for (const name of ['docs (old)/[a]/x.txt', 'docs (old)/[a]/y.txt', 'docs (old)/z.txt']) write(name, `Text ${name}.`);
    await run([folder]);
    rmSync(join(folder, 'docs (old)/[a]/x.txt'));
    rmSync(join(folder, 'docs (old)/z.txt'));
    const pruned = await run([join(folder, 'docs (old)', '*', '*.txt')], { prune: true });
    expect(end(pruned)).toMatchObject({ found: 1, removed: 1 });
    expect(Object.keys(await texts())).toEqual(['docs (old)/[a]/y.txt', 'docs (old)/z.txt']);
  });
});

describe('a dry run', () => {
  it('tells what would be read, writes nothing, and loads no model', async () => {
    const { run, write, store, folder, commits } = bench({ loadEmbedder: () => Promise.reject(new Error('loaded')) });
    write('a.txt', 'A text.');
    const events = await run([folder], { dryRun: true });
    expect(events.map(({ type }) => type)).toEqual(['ingest-start', 'document-found', 'ingest-end']);
    expect(commits).toEqual([]);
    expect(await store.collections()).toEqual([]);
  });
});

describe('watch', () => {
  /** Starts watching and gives what waits for an event. */
  function watching(one: ReturnType<typeof bench>, options: IngestOptions = {}) {
    const controller = new AbortController();
    const stream = one.start([one.folder], { watch: true, signal: controller.signal, ...options });
    const events: IngestEvent[] = [];
    let changed = createDeferred<void>();
    const ended = (async () => {
      for await (const event of stream) {
        events.push(event);
        changed.resolve();
        changed = createDeferred();
      }
    })();
    return {
      events,
      async until(type: IngestEvent['type'], name: string, from = 0): Promise<void> {
        while (!events.slice(from).some((event) => event.type === type && 'source' in event && event.source.endsWith(name)))
          await changed.promise;
      },
      async stop(): Promise<void> {
        controller.abort();
        await ended;
      },
    };
  }

  /** A clock whose time can be held: what waits for it then waits, however slow the machine is, and timers go on. */
  function holdingClock(): Clock & { hold(): void; release(): void } {
    let held: number | undefined;
    return {
      ...systemClock,
      monotonic: () => held ?? systemClock.monotonic(),
      hold() {
        held = systemClock.monotonic();
      },
      release() {
        held = undefined;
      },
    };
  }

  it('reads what comes and is written to, removes what goes, and keeps the document of what is renamed', async () => {
    const clock = holdingClock();
    const one = bench({ clock });
    one.write('a.txt', 'First text of the mill.');
    const watch = watching(one);
    await watch.until('document-committed', 'a.txt');

    writeFileSync(join(one.folder, 'b.txt'), 'Second text of the mill.');
    await watch.until('document-committed', 'b.txt');
    writeFileSync(join(one.folder, '.hidden.txt'), 'Hidden.');
    let from = watch.events.length;
    writeFileSync(join(one.folder, 'b.txt'), 'Second text, written anew.');
    await watch.until('document-committed', 'b.txt', from);
    const before = await one.store.readSource('default', join(one.folder, 'b.txt'));

    from = watch.events.length;
    clock.hold();
    renameSync(join(one.folder, 'b.txt'), join(one.folder, 'c.txt'));
    await watch.until('document-committed', 'c.txt', from);
    clock.release();
    await watch.until('document-removed', 'b.txt', from);
    expect((await one.store.readSource('default', join(one.folder, 'c.txt')))?.document).toBe(before?.document);
    rmSync(join(one.folder, 'a.txt'));
    await watch.until('document-removed', 'a.txt');

    await watch.stop();
    expect(watch.events.at(-1)).toMatchObject({ type: 'ingest-failed', error: { code: 'E_CANCELLED' } });
    expect(await one.texts()).toEqual({ 'c.txt': 'Second text, written anew.' });
    await one.requireWhole();
  });

  it('keeps the document of what is renamed although files settle for long, and finds all files of a new folder', async () => {
    const clock = holdingClock();
    const one = bench({ clock, limits: { watchSettleMs: 500, watchQuietMs: 20 } });
    one.write('a.txt', 'First text of the mill.');
    const watch = watching(one);
    await watch.until('document-committed', 'a.txt');
    const before = await one.store.readSource('default', join(one.folder, 'a.txt'));
    clock.hold();
    renameSync(join(one.folder, 'a.txt'), join(one.folder, 'b.txt'));
    await watch.until('document-committed', 'b.txt');
    clock.release();
    await watch.until('document-removed', 'a.txt');
    expect((await one.store.readSource('default', join(one.folder, 'b.txt')))?.document).toBe(before?.document);

    // Files that come while the new folder is listed for the first time.
    mkdirSync(join(one.folder, 'new'));
    const names = Array.from({ length: 200 }, (_, number) => `new/${number}.txt`);
    for (const name of names) await writeFile(join(one.folder, name), `Text of ${name}.`);
    for (const name of names) await watch.until('document-committed', name);
    await watch.stop();
    expect(Object.keys(await one.texts())).toHaveLength(201);
    const committed = ofType(watch.events, 'document-committed').map(({ source }) => source);
    expect(new Set(committed).size).toBe(committed.length);
  });

  it('looks through the folders as a whole when more changes than it holds', async () => {
    const one = bench({ limits: { watchedChanges: 3 } });
    for (let index = 0; index < 5; index += 1) one.write(`old-${index}.txt`, `Old text ${index}.`);
    const watch = watching(one);
    await watch.until('document-committed', 'old-4.txt');
    for (let index = 0; index < 8; index += 1) writeFileSync(join(one.folder, `new-${index}.txt`), `New text ${index}.`);
    for (let index = 0; index < 5; index += 1) rmSync(join(one.folder, `old-${index}.txt`));
    for (let index = 0; index < 8; index += 1) await watch.until('document-committed', `new-${index}.txt`);
    for (let index = 0; index < 5; index += 1) await watch.until('document-removed', `old-${index}.txt`);
    await watch.stop();
    expect(Object.keys(await one.texts())).toHaveLength(8);
  });

  it('looks through the folders as a whole when more new folders than it holds', async () => {
    // Nothing settles meanwhile: only a look at the whole finds the files.
    const one = bench({ limits: { watchedChanges: 3, watchSettleMs: 600_000 } });
    one.write('a.txt', 'A text.');
    const watch = watching(one);
    await watch.until('document-committed', 'a.txt');
    const names = Array.from({ length: 6 }, (_, index) => `new-${index}/a.txt`);
    for (const name of names) one.write(name, `Text of ${name}.`);
    for (const name of names) await watch.until('document-committed', name);
    await watch.stop();
    expect(Object.keys(await one.texts())).toEqual(['a.txt', ...names]);
  });

  it('that ends with nothing left to do notes no interruption', async () => {
    const one = bench({ limits: { progressMs: 20 } });
    one.write('a.txt', 'A text.');
    const watch = watching(one, { embed: false });
    const settled = () => ofType(watch.events, 'ingest-progress').at(-1)?.settled;
    await expect.poll(settled, { timeout: 10_000 }).toBe(1);
    one.write('b.txt', 'B text.');
    await expect.poll(settled, { timeout: 10_000 }).toBe(2);
    await watch.stop();
    expect(await one.store.readSetting(indexingSetting('default'))).toBeNull();
  });

  it('takes paths only', async () => {
    expect(end(await bench().run([{ id: 'row', text: 'A text.' }], { watch: true }))).toMatchObject({
      type: 'ingest-failed',
      error: { code: 'E_INPUT_INVALID' },
    });
  });
});

describe('while a collection is being indexed', () => {
  it('the record says how far it is, and afterwards no more', async () => {
    const notes: unknown[] = [];
    const one = bench({
      async onParse() {
        notes.push(await one.store.readSetting(indexingSetting('default')));
      },
    });
    one.write('a.txt', 'A text.');
    await one.run([one.folder]);
    expect(notes).toMatchObject([{ state: 'running', settled: 0 }]);
    expect(describeIndexing({ ...(notes[0] as object), found: 3, settled: 1 })).toBe(
      'The collection is still being indexed: 1 of 3 or more sources are read, 0 of 0 passages can be found by meaning.',
    );
    expect(describeIndexing(await one.store.readSetting(indexingSetting('default')))).toBeUndefined();
  });

  it('an interruption is noted', async () => {
    const controller = new AbortController();
    const one = bench({ onParse: () => controller.abort() });
    one.write('a.txt', 'A text.');
    await one.run([one.folder], { signal: controller.signal });
    expect(describeIndexing(await one.store.readSetting(indexingSetting('default')))).toContain(
      'Indexing of the collection was interrupted: 0 of 1',
    );
  });
});
