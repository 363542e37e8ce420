import { afterEach, describe, expect, it } from 'vitest';
import { createIngestBench, type IngestBenchOptions, ofType, readUntil, typesOf } from '../../test/support/ingest-bench.ts';
import type { IngestEvent } from '../spec/events.ts';
import type { HandedSource } from '../spec/mill.ts';
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

const documents = 12;
function write(to: ReturnType<typeof bench>): void {
  for (let index = 0; index < documents; index += 1) {
    to.write(
      `${String(index).padStart(2, '0')}.txt`,
      `Text number ${index} tells about the mill. It has a second sentence about the weir.`,
    );
  }
}

function expectCancelled(events: readonly IngestEvent[]): void {
  expect(events.at(-1)).toMatchObject({ type: 'ingest-failed', error: { code: 'E_CANCELLED' } });
  expect(typesOf(events).filter((type) => type === 'ingest-failed' || type === 'ingest-end')).toHaveLength(1);
  expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
}

/** What was acknowledged is in the record; a repeat does the rest, without duplicates. */
async function expectCompleted(one: ReturnType<typeof bench>, events: readonly IngestEvent[]): Promise<void> {
  const before = await one.texts();
  for (const { source } of ofType(events, 'document-committed'))
    expect(before[source.replace(`${one.folder}/`, '')]).toContain('Text number');
  const repeated = await one.run([one.folder]);
  expect(repeated.at(-1)).toMatchObject({ type: 'ingest-end', found: documents, failed: 0 });
  expect(Object.keys(await one.texts())).toHaveLength(documents);
  expect(one.commits.flat().filter(({ type }) => type === 'commitDocument')).toHaveLength(documents);
  await one.requireWhole();
}

describe('a cancelled ingest call', () => {
  it('ends while sources are found, even when the program’s iterable is stuck', async () => {
    const { start } = bench();
    const controller = new AbortController();
    let asked = false;
    async function* rows(): AsyncGenerator<HandedSource> {
      yield { id: 'row', text: 'A text.' };
      asked = true;
      await createDeferred<void>().promise;
    }
    const events = await readUntil(start(rows(), { signal: controller.signal }), 'document-committed', () => controller.abort());
    expect(asked).toBe(true);
    expectCancelled(events);
  });

  it('ends before it began', async () => {
    const one = bench();
    write(one);
    const events = await one.run([one.folder], { signal: AbortSignal.abort() });
    expectCancelled(events);
    expect(one.parsed).toEqual([]);
    await expectCompleted(one, events);
  });

  it('ends while files are read', async () => {
    const one = bench();
    write(one);
    const controller = new AbortController();
    const stream = one.start([one.folder], { signal: controller.signal, maxConcurrentFiles: 2 });
    const events = await readUntil(stream, 'document-found', () => controller.abort());
    expectCancelled(events);
    expect(one.parsed.length).toBeLessThan(documents);
    await expectCompleted(one, events);
  });

  it('ends while a file is parsed', async () => {
    const parsing = createDeferred<void>();
    let hang = true;
    const one = bench({
      async onParse({ name }, signal) {
        if (!hang || name !== '05.txt') return;
        parsing.resolve();
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
      },
    });
    write(one);
    const controller = new AbortController();
    const stream = one.start([one.folder], { signal: controller.signal, batchSize: 1 });
    void parsing.promise.then(() => controller.abort());
    const events = await Array.fromAsync(stream);
    hang = false;
    expectCancelled(events);
    expect(one.parsed).not.toContain('05.txt');
    await expectCompleted(one, events);
  });

  it('ends while chunks are embedded; committed vectors are kept', async () => {
    const embedding = createDeferred<void>();
    let calls = 0;
    const one = bench({
      embedder: (fake) => ({
        ...fake,
        limits: { batchTokens: 64, batchItems: 4 },
        async embed(texts, kind, options) {
          calls += 1;
          if (calls !== 3) return fake.embed(texts, kind, options);
          embedding.resolve();
          return new Promise((_, reject) => options.signal.addEventListener('abort', () => reject(options.signal.reason as Error)));
        },
      }),
    });
    write(one);
    const controller = new AbortController();
    void embedding.promise.then(() => controller.abort());
    const events = await one.run([one.folder], { signal: controller.signal });
    expectCancelled(events);
    const [status] = await one.store.collections();
    const embedded = status?.embedded[one.embedder.model.hash] ?? 0;
    expect(embedded).toBeLessThan(status?.chunks ?? 0);
    expect(ofType(events, 'vectors-committed').reduce((sum, { chunks }) => sum + chunks, 0)).toBeLessThanOrEqual(embedded);
    await expectCompleted(one, events);
  });

  it('ends when the consumer leaves the loop', async () => {
    const one = bench();
    write(one);
    const stream = one.start([one.folder], { batchSize: 1 });
    for await (const event of stream) if (event.type === 'document-committed') break;
    await expect(stream.result()).rejects.toMatchObject({ code: 'E_CANCELLED' });
    await expectCompleted(one, []);
  });

  it('says that a deadline passed when the signal was a timeout', async () => {
    const one = bench();
    write(one);
    const controller = new AbortController();
    controller.abort(new DOMException('The operation timed out.', 'TimeoutError'));
    const events = await one.run([one.folder], { signal: controller.signal });
    expect(events.at(-1)).toMatchObject({ type: 'ingest-failed', error: { code: 'E_DEADLINE_EXCEEDED' } });
  });
});

describe('an interrupted ingest call', () => {
  it.each([1, 2, 3, 5, 8, 13])('is completed by a repeat when the process is gone after %i commits', async (last) => {
    let commits = 0;
    let gone = false;
    const one = bench({
      onCommit() {
        if (gone) return;
        commits += 1;
        // The commit after the last one never happens, and nothing after it.
        if (commits > last) throw Object.assign(new Error('gone'), { code: 'ENOSPC' });
      },
    });
    write(one);
    const events = await one.run([one.folder], { batchSize: 2, maxConcurrentFiles: 2 });
    expect(['ingest-failed', 'ingest-end']).toContain(events.at(-1)?.type);
    gone = true;
    await expectCompleted(one, events);
  });
});
