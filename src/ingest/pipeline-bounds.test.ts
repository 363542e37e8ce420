import { utimesSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { createIngestBench, type IngestBenchOptions, ofType } from '../../test/support/ingest-bench.ts';
import type { IngestEvent } from '../spec/events.ts';
import type { HandedSource } from '../spec/mill.ts';
import { createManualClock } from '../testing/manual-clock.ts';
import { createDeferred } from '../util/deferred.ts';

const benches: ReturnType<typeof createIngestBench>[] = [];
function bench(options?: IngestBenchOptions) {
  const created = createIngestBench(options);
  benches.push(created);
  return created;
}

afterEach(async () => {
  await Promise.all(benches.splice(0).map((one) => one.close()));
});

function rows(count: number, length = 20): HandedSource[] {
  return Array.from({ length: count }, (_, index) => ({ id: `row-${index}`, text: `Row ${index}. `.padEnd(length, 'x') }));
}

/** Lets events collect while a manual clock stands still or moves. */
function collect(stream: AsyncIterable<IngestEvent>): { readonly events: IngestEvent[]; readonly ended: Promise<void> } {
  const events: IngestEvent[] = [];
  return {
    events,
    ended: (async () => {
      for await (const event of stream) events.push(event);
    })(),
  };
}

describe('memory of ingest', () => {
  it('holds at most the given bytes in files being read and parsed, one larger file alone', async () => {
    const limit = 1_000;
    const sizes = [400, 300, 200, 5_000, 600, 600, 100, 900, 50];
    let inHand: number[] = [];
    let most = 0;
    let alone = true;
    const { run, write, folder } = bench({
      limits: { bytesInFlight: limit },
      async onParse({ bytes }) {
        inHand.push(bytes.length);
        const sum = inHand.reduce((total, size) => total + size, 0);
        if (bytes.length > limit) alone &&= inHand.length === 1;
        else most = Math.max(most, sum);
        for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        if (bytes.length > limit) alone &&= inHand.length === 1;
        inHand = inHand.filter((_, index) => index !== inHand.indexOf(bytes.length));
      },
    });
    for (const [index, size] of sizes.entries()) write(`${index}.txt`, 'word '.repeat(size / 5));
    const events = await run([folder]);
    expect(events.at(-1)).toMatchObject({ indexed: sizes.length });
    expect(most).toBeLessThanOrEqual(limit);
    expect(most).toBeGreaterThan(600);
    expect(alone).toBe(true);
  });

  it('reads a program’s iterable ahead by a bounded number of sources', async () => {
    const hold = createDeferred<void>();
    let taken = 0;
    function* many(): Generator<HandedSource> {
      for (const row of rows(500)) {
        taken += 1;
        yield row;
      }
    }
    const { start } = bench({ limits: { foundItems: 20 }, onParse: () => hold.promise });
    const { events, ended } = collect(start(many(), { maxConcurrentFiles: 4 }));
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(taken).toBeLessThanOrEqual(20 + 4 + 1);
    hold.resolve();
    await ended;
    expect(events.at(-1)).toMatchObject({ indexed: 500 });
  });

  it('embeds alongside reading', async () => {
    const hold = createDeferred<void>();
    const { start, requireWhole } = bench({ onParse: ({ name }) => (name === 'row-9' ? hold.promise : undefined) });
    const events: IngestEvent[] = [];
    for await (const event of start(rows(10))) {
      events.push(event);
      // The last file is only parsed once the others have vectors.
      if (event.type === 'vectors-committed') hold.resolve();
    }
    expect(events.at(-1)).toMatchObject({ type: 'ingest-end', indexed: 10 });
    expect(ofType(events, 'vectors-committed').reduce((sum, { chunks }) => sum + chunks, 0)).toBe(10);
    await requireWhole();
  });
});

describe('files and calls that interfere', () => {
  it('reports a file that changed between looking and reading, and reads it the next time', async () => {
    const hold = createDeferred<void>();
    const parsing = createDeferred<void>();
    const { start, write, folder, texts, run, store } = bench({
      limits: { bytesInFlight: 1 },
      async onParse({ name }) {
        if (name !== 'a.txt') return;
        parsing.resolve();
        await hold.promise;
      },
    });
    const first = write('a.txt', 'The first text.');
    const path = write('b.txt', 'The second text.');
    const found = createDeferred<void>();
    const events: IngestEvent[] = [];
    async function* oneAfterTheOther() {
      yield first;
      await parsing.promise;
      yield path;
    }
    const reading = (async () => {
      for await (const event of start(oneAfterTheOther())) {
        events.push(event);
        if (event.type === 'document-found' && event.source === path) found.resolve();
      }
    })();
    // Looked at, but not read: the first file has all the bytes.
    await Promise.all([found.promise, parsing.promise]);
    write('b.txt', 'The second text, changed.');
    hold.resolve();
    await reading;
    expect(ofType(events, 'document-failed')).toMatchObject([
      { source: path, error: { code: 'E_SOURCE_CHANGED', message: `The file ${path} changed while it was being read.` } },
    ]);
    // Nothing is recorded of a content that was not read.
    expect(await store.readSource('default', path)).toMatchObject({ document: null, mtime: null, size: null });
    expect((await run([folder])).at(-1)).toMatchObject({ indexed: 1, skipped: 1, failed: 0 });
    expect(await texts()).toEqual({ 'a.txt': 'The first text.', 'b.txt': 'The second text, changed.' });
  });

  it('makes no duplicates when two calls ingest the same at the same time', async () => {
    const { run, texts, requireWhole } = bench();
    const ends = await Promise.all([run(rows(40)), run(rows(40))]);
    expect(ends.map((events) => events.at(-1)?.type)).toEqual(['ingest-end', 'ingest-end']);
    expect(Object.keys(await texts())).toHaveLength(40);
    await requireWhole();
  });
});

describe('progress of ingest', () => {
  it('comes at most twice a second with rate and remaining time, and last at the end of each stage', async () => {
    const clock = createManualClock();
    const one = bench({ clock, onParse: () => clock.sleep(250), limits: { commitQuietMs: 0 } });
    const { events, ended } = collect(one.start(rows(8), { maxConcurrentFiles: 1 }));
    for (let turn = 0; turn < 60 && events.at(-1)?.type !== 'ingest-end'; turn += 1) {
      await clock.advance(50);
      for (let settle = 0; settle < 5; settle += 1) await clock.settle();
    }
    await ended;
    const progress = ofType(events, 'ingest-progress');
    const reading = progress.filter(({ stage }) => stage === 'reading');
    expect(reading.length).toBeGreaterThanOrEqual(4);
    const times = reading.slice(0, -1).map(({ at }) => Date.parse(at));
    for (const [index, time] of times.slice(1).entries()) expect(time - (times[index] ?? 0)).toBeGreaterThanOrEqual(500);
    for (const one of reading) expect(one).toMatchObject({ found: 8, allFound: true });
    expect(reading[1]?.itemsPerSecond).toBeGreaterThan(2);
    expect(reading[1]?.itemsPerSecond).toBeLessThanOrEqual(4);
    expect(reading[1]?.remainingMs).toBeGreaterThan(500);
    expect(reading.map(({ settled }) => settled)).toEqual(reading.map(({ settled }) => settled).toSorted((a, b) => a - b));
    expect(reading.at(-1)).toMatchObject({ settled: 8, remainingMs: 0, chunks: 8 });
    expect(progress.at(-1)).toMatchObject({ stage: 'embedding', chunks: 8, embeddedChunks: 8, remainingMs: 0 });
    expect(events.at(-2)).toBe(progress.at(-1));
    expect(clock.pendingTimers).toBe(0);
  });

  it('says nothing of the remaining time before everything is found', async () => {
    const clock = createManualClock();
    const more = createDeferred<void>();
    async function* slow(): AsyncGenerator<HandedSource> {
      yield* rows(3);
      await more.promise;
    }
    const { events, ended } = collect(bench({ clock }).start(slow()));
    for (let turn = 0; turn < 50; turn += 1) await clock.settle();
    await clock.advance(1_000);
    expect(ofType(events, 'ingest-progress').at(-1)).toMatchObject({ found: 3, allFound: false, settled: 3, remainingMs: null });
    more.resolve();
    await ended;
  });

  it('counts anew what replaced documents leave', async () => {
    const read = createDeferred<void>();
    let isFirst = true;
    const { run, start } = bench({
      embedder: (fake) => ({
        ...fake,
        async embed(...call) {
          if (!isFirst) await read.promise;
          return fake.embed(...call);
        },
      }),
    });
    await run(rows(6));
    isFirst = false;
    const events: IngestEvent[] = [];
    for await (const event of start(rows(6, 60))) {
      events.push(event);
      // Nothing is embedded before all is read.
      if (event.type === 'ingest-progress' && event.settled === 6) read.resolve();
    }
    expect(ofType(events, 'vectors-committed').at(-1)).toMatchObject({ embeddedChunks: 6, remainingChunks: 0 });
    expect(ofType(events, 'ingest-progress').at(-1)).toMatchObject({ stage: 'embedding', chunks: 6, embeddedChunks: 6 });
  });
});

describe('files that look unchanged', () => {
  it('are skipped without being read', async () => {
    const { run, write, folder, texts } = bench();
    const path = write('a.txt', 'The first text.');
    await run([folder]);
    // Same size and time, so that only reading could tell.
    write('a.txt', 'The other text.');
    const events = await run([path]);
    expect(events.at(-1)).toMatchObject({ skipped: 1, bytes: 0 });
    expect(await texts()).toEqual({ 'a.txt': 'The first text.' });
    expect((await run([path], { reread: true })).at(-1)).toMatchObject({ indexed: 1, skipped: 0 });
    expect(await texts()).toEqual({ 'a.txt': 'The other text.' });
    expect((await run([path], { reread: true })).at(-1)).toMatchObject({ indexed: 0, skipped: 1, bytes: 15 });
  });

  it('are read again when they were written within two seconds before they were recorded, until that is past', async () => {
    const clock = createManualClock();
    const { start, folder } = bench({ clock });
    async function run(): Promise<IngestEvent[]> {
      const { events, ended } = collect(start([folder]));
      await ended;
      return events;
    }
    const path = `${folder}/a.txt`;
    const written = (clock.now() - 1_999) / 1_000;
    writeFileSync(path, 'The first text.');
    utimesSync(path, written, written);
    await run();
    writeFileSync(path, 'The other text.');
    utimesSync(path, written, written);
    expect((await run()).at(-1)).toMatchObject({ indexed: 1, bytes: 15 });
    // Still within two seconds: read, found unchanged.
    expect((await run()).at(-1)).toMatchObject({ skipped: 1, bytes: 15 });
    await clock.advance(10);
    // Read once more, recorded as looked at later, and from then on not read.
    expect((await run()).at(-1)).toMatchObject({ skipped: 1, bytes: 15 });
    expect((await run()).at(-1)).toMatchObject({ skipped: 1, bytes: 0 });
  });

  it('are read when the last attempt failed for another reason than their content', async () => {
    const { run, write, store, folder } = bench();
    const path = write('a.txt', 'A text.');
    await run([folder]);
    const source = await store.readSource('default', path);
    const error = { code: 'E_SOURCE_UNREADABLE', message: 'No permission.', remedy: 'Change it.', retryable: false };
    const { mtime, size, metadata, uri } = source ?? { mtime: null, size: null, metadata: {}, uri: '' };
    await store.commit([
      {
        type: 'commitFailure',
        collection: 'default',
        source: { key: path, uri, metadata, mtime: mtime ?? 0, size: size ?? 0 },
        error,
        at: Date.UTC(2026, 0, 1),
      },
    ]);
    expect((await run([folder])).at(-1)).toMatchObject({ skipped: 1, bytes: 7 });
    expect((await store.readSource('default', path))?.error).toBeNull();
    expect((await run([folder])).at(-1)).toMatchObject({ skipped: 1, bytes: 0 });
  });
});
