import { afterEach, describe, expect, it } from 'vitest';
import { createIngestBench, type IngestBenchOptions, ofType } from '../../test/support/ingest-bench.ts';
import { MillraceError } from '../errors.ts';
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

/** Document commits by their number of documents. */
function batches(commits: ReturnType<typeof bench>['commits']): number[] {
  return commits.map((operations) => operations.filter(({ type }) => type === 'commitDocument').length).filter((count) => count > 0);
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

describe('commits of ingest', () => {
  it('hold batchSize documents while many arrive, and are acknowledged afterwards', async () => {
    const clock = createManualClock();
    const { start, commits } = bench({ clock });
    const { events, ended } = collect(start(rows(25), { batchSize: 10, embed: false }));
    for (let turn = 0; turn < 50; turn += 1) await clock.settle();
    expect(batches(commits)).toEqual([10, 10, 5]);
    await ended;
    expect(ofType(events, 'document-committed')).toHaveLength(25);
  });

  it('are handed over while earlier ones are written, three in all, and acknowledged in order', async () => {
    const clock = createManualClock();
    const writes = Array.from({ length: 5 }, () => createDeferred<void>());
    let handed = 0;
    const { start } = bench({
      clock,
      onCommit: () => {
        handed += 1;
        return writes[handed - 1]?.promise;
      },
    });
    const { events, ended } = collect(start(rows(25), { batchSize: 5, embed: false }));
    const acknowledged = (): number => ofType(events, 'document-committed').length;
    for (let turn = 0; turn < 50; turn += 1) await clock.settle();
    expect([handed, acknowledged()]).toEqual([3, 0]);
    writes[1]?.resolve();
    for (let turn = 0; turn < 50; turn += 1) await clock.settle();
    expect([handed, acknowledged()]).toEqual([3, 0]);
    writes[0]?.resolve();
    for (let turn = 0; turn < 50; turn += 1) await clock.settle();
    expect([handed, acknowledged()]).toEqual([5, 10]);
    for (const write of writes) write.resolve();
    await ended;
    expect(ofType(events, 'document-committed').map(({ source }) => source)).toEqual(rows(25).map(({ id }) => id));
  });

  it('that were handed over are written before a cancelled call ends', async () => {
    const clock = createManualClock();
    const writes = [createDeferred<void>(), createDeferred<void>(), createDeferred<void>()];
    let handed = 0;
    const controller = new AbortController();
    const { start, commits, texts } = bench({
      clock,
      onCommit: () => {
        handed += 1;
        return writes[handed - 1]?.promise;
      },
    });
    const { events, ended } = collect(start(rows(15), { batchSize: 5, embed: false, signal: controller.signal }));
    for (let turn = 0; turn < 50; turn += 1) await clock.settle();
    controller.abort();
    for (let turn = 0; turn < 50; turn += 1) await clock.settle();
    expect(commits).toEqual([]);
    writes[0]?.resolve();
    writes[2]?.resolve();
    for (let turn = 0; turn < 50; turn += 1) await clock.settle();
    expect(events.at(-1)?.type).toBe('document-found');
    writes[1]?.resolve();
    await ended;
    expect(batches(commits)).toEqual([5, 5, 5]);
    expect(Object.keys(await texts())).toHaveLength(15);
    expect(events.at(-1)).toMatchObject({ type: 'ingest-failed', error: { code: 'E_CANCELLED' } });
  });

  it('end the call where the record fails, although its sources are stuck and a later batch is still being written', async () => {
    const clock = createManualClock();
    const later = createDeferred<void>();
    async function* stuck(): AsyncGenerator<HandedSource> {
      yield* rows(10);
      await createDeferred<void>().promise;
    }
    let handed = 0;
    const { start } = bench({
      clock,
      async onCommit() {
        handed += 1;
        if (handed === 2) return later.promise;
        for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
        throw new MillraceError('E_DISK_FULL', 'The disk is full.');
      },
    });
    const { events, ended } = collect(start(stuck(), { batchSize: 5, embed: false }));
    for (let turn = 0; turn < 50; turn += 1) await clock.settle();
    later.resolve();
    await ended;
    expect(handed).toBe(2);
    expect(events.at(-1)).toMatchObject({ type: 'ingest-failed', error: { code: 'E_DISK_FULL' } });
  });

  it('that were refused are not tried one by one in a cancelled call', async () => {
    const controller = new AbortController();
    let handed = 0;
    const { start, commits, texts } = bench({
      onCommit() {
        handed += 1;
        controller.abort();
        throw new MillraceError('E_STORE_FAILED', 'string or blob too big');
      },
    });
    const { events, ended } = collect(start(rows(5), { batchSize: 5, embed: false, signal: controller.signal }));
    await ended;
    expect([handed, commits]).toEqual([1, []]);
    expect(await texts()).toEqual({});
    expect(events.at(-1)).toMatchObject({ type: 'ingest-failed', error: { code: 'E_CANCELLED' } });
  });

  it('are made when nothing else arrives for a few milliseconds', async () => {
    const clock = createManualClock();
    const more = createDeferred<void>();
    async function* slow(): AsyncGenerator<HandedSource> {
      yield* rows(3);
      await more.promise;
      yield { id: 'last', text: 'The last.' };
    }
    const { start, commits } = bench({ clock });
    const { events, ended } = collect(start(slow(), { embed: false }));
    for (let turn = 0; turn < 50; turn += 1) await clock.settle();
    expect(batches(commits)).toEqual([]);
    expect(ofType(events, 'document-committed')).toEqual([]);
    await clock.advance(5);
    expect(batches(commits)).toEqual([3]);
    for (let turn = 0; turn < 10; turn += 1) await clock.settle();
    expect(ofType(events, 'document-committed')).toHaveLength(3);
    more.resolve();
    await ended;
    expect(batches(commits)).toEqual([3, 1]);
  });

  it('are made at a limit of text', async () => {
    const { run, commits } = bench({ limits: { commitLength: 1_000, commitQuietMs: 1_000 } });
    await run(rows(10, 400), { embed: false });
    expect(Math.max(...batches(commits))).toBeLessThanOrEqual(3);
    expect(batches(commits).reduce((sum, count) => sum + count)).toBe(10);
  });
});
