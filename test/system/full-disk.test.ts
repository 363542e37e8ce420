import { existsSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPrefixFolder } from '../../src/engines/llama/prefixes/prefix-folder.ts';
import { MillraceError } from '../../src/errors.ts';
import type { Store } from '../../src/spec/store.ts';
import { openStore } from '../../src/store/open-store.ts';
import { commitLines } from '../../src/testing/store-conformance.ts';
import { systemClock } from '../../src/util/clock.ts';
import { systemRandom } from '../../src/util/random.ts';
import { collect, hubEntry, hubPath, openModelsBench } from '../support/models-bench.ts';
import { mountSmallDisk } from '../support/store-full-disk.ts';
import { tinyGguf } from '../support/tiny-models.ts';

const trial = mountSmallDisk(1);
const refusal = typeof trial === 'string' ? trial : undefined;
if (typeof trial !== 'string') trial.unmount();
if (refusal !== undefined) process.stdout.write(`skipped: ${refusal}\n`);

describe.skipIf(refusal !== undefined)('T05: a full disk', () => {
  let disk: Exclude<ReturnType<typeof mountSmallDisk>, string>;
  const stores: Store[] = [];

  beforeEach(() => {
    const mounted = mountSmallDisk(24);
    if (typeof mounted === 'string') throw new Error(mounted);
    disk = mounted;
  });
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    disk.unmount();
  });
  afterAll(() => {
    if (typeof trial !== 'string') rmSync(trial.path, { recursive: true, force: true });
  });

  async function open(mode: 'write' | 'read' = 'write'): Promise<Store> {
    const store = await openStore({ directory: join(disk.path, 'data'), mode, clock: systemClock, random: systemRandom });
    stores.push(store);
    return store;
  }

  function freeBytes(): number {
    const { bavail, bsize } = statfsSync(disk.path);
    return bavail * bsize;
  }

  /** Leaves so many bytes free. */
  function fill(left: number): string {
    const path = join(disk.path, 'ballast');
    writeFileSync(path, Buffer.alloc(Math.max(0, freeBytes() - left)));
    return path;
  }

  function document(number: number) {
    return commitLines(
      `key-${number}`,
      Array.from({ length: 400 }, (_, line) => `harbour ${number} line ${line} ${'tide '.repeat(20)}`).join('\n'),
    );
  }

  /** Commits until one is refused; tells which were acknowledged and how the refused one failed. */
  async function commitUntilRefused(store: Store, first: number): Promise<{ readonly last: number; readonly error: MillraceError }> {
    for (let number = first; number < first + 1_000; number += 1) {
      try {
        await store.commit([document(number)]);
      } catch (error) {
        return { last: number - 1, error: error as MillraceError };
      }
    }
    throw new Error('The disk never became full.');
  }

  async function keysOf(store: Store): Promise<readonly string[]> {
    return (await store.listSources('main')).map((source) => source.key).sort();
  }

  it('refuses a commit in a sentence, loses nothing, is still read, and takes commits again when there is room', async () => {
    const store = await open();
    await store.commit([document(0)]);
    const ballast = fill(2_000_000);
    const { last, error } = await commitUntilRefused(store, 1);
    expect(error).toMatchObject({ code: 'E_DISK_FULL' });
    expect(error.message).toMatch(/the disk is full.*kept/u);
    const expected = Array.from({ length: last + 1 }, (_, number) => `key-${number}`).sort();
    expect(await keysOf(store)).toEqual(expected);
    expect(await store.searchText('harbour', { collection: 'main' }, 5)).toHaveLength(5);
    expect(await keysOf(await open('read'))).toEqual(expected);
    rmSync(ballast);
    await store.commit([document(last + 1)]);
    expect(await keysOf(store)).toHaveLength(last + 2);
    expect((await store.verify()).problems).toEqual([]);
  });

  it('keeps what was acknowledged through closing on the full disk and opening again', async () => {
    const store = await open();
    const ballast = fill(2_000_000);
    const { last } = await commitUntilRefused(store, 0);
    await store.close();
    rmSync(ballast);
    const again = await open();
    expect(await keysOf(again)).toHaveLength(last + 1);
    await again.commit([document(last + 1)]);
    expect((await again.verify()).problems).toEqual([]);
  });

  it('does without a vector index that has no room, and leaves no half file', async () => {
    const store = await open();
    const text = Array.from({ length: 6_000 }, (_, line) => `line ${line}`).join('\n');
    const [outcome] = await store.commit([commitLines('many', text)]);
    const chunks = outcome?.chunks ?? [];
    const dimensions = 128;
    const vectors = chunks.map((chunk, place) => ({
      chunk,
      vector: Float32Array.from({ length: dimensions }, (_, axis) => Math.sin(place * (axis + 1) * 0.37)),
    }));
    for (let from = 0; from < vectors.length; from += 500) {
      await store.commit([{ type: 'commitVectors', embedderHash: 'e', dimensions, vectors: vectors.slice(from, from + 500) }]);
    }
    fill(200_000);
    await expect(store.rebuild()).rejects.toMatchObject({ code: 'E_DISK_FULL' });
    const folder = join(disk.path, 'data', 'index');
    expect(existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.partial')) : []).toEqual([]);
    const query = vectors[77]?.vector ?? new Float32Array(dimensions);
    const hits = await store.searchVectors(query, 'e', { collection: 'main' }, 3);
    expect(hits).toHaveLength(3);
    expect(hits[0]?.score).toBeGreaterThan(0.99);
    rmSync(join(disk.path, 'ballast'));
    await store.rebuild();
    expect(readdirSync(folder)).toHaveLength(2);
    expect((await store.verify()).problems).toEqual([]);
  });

  it('stops a pull before it begins, says how much is needed, and leaves no model behind', async () => {
    const bench = await openModelsBench();
    try {
      const bytes = tinyGguf({ weights: 100_000 });
      bench.hub.answer(hubPath, { bytes });
      const home = join(disk.path, 'home');
      fill(100_000);
      const failure: unknown = await collect(bench.models([hubEntry(bytes)], { home }).pull('tiny')).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'E_DISK_FULL', message: expect.stringMatching(/needs \d.* MB/u) as string });
      expect(bench.hub.seen).toEqual([]);
      expect(existsSync(join(home, 'models', 'tiny.gguf'))).toBe(false);
      rmSync(join(disk.path, 'ballast'));
      await collect(bench.models([hubEntry(bytes)], { home }).pull('tiny'));
      expect(existsSync(join(home, 'models', 'tiny.gguf'))).toBe(true);
    } finally {
      await bench.close();
    }
  });

  it('in the middle of a pull keeps what was fetched, without giving it its name', async () => {
    const bench = await openModelsBench();
    try {
      const bytes = tinyGguf({ weights: 500_000 });
      bench.hub.answer(hubPath, { bytes });
      const home = join(disk.path, 'home');
      const models = bench.models([hubEntry(bytes)], {
        home,
        disk: { freeBytes: () => Promise.resolve(1e12), open: (await import('../../src/models/disk.ts')).systemDisk.open },
      });
      fill(300_000);
      const failure: unknown = await collect(models.pull('tiny')).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(MillraceError);
      expect(failure).toMatchObject({ code: 'E_DISK_FULL', remedy: expect.stringContaining('Free at least') as string });
      expect(existsSync(join(home, 'models', 'tiny.gguf'))).toBe(false);
      rmSync(join(disk.path, 'ballast'));
      const events = await collect(models.pull('tiny'));
      expect(events[0]).toMatchObject({ type: 'model-source' });
      expect((events[0] as { resumedBytes: number }).resumedBytes).toBeGreaterThan(0);
    } finally {
      await bench.close();
    }
  });

  it('refuses a prefix, leaves nothing half-written of it, and takes it when there is room', async () => {
    const folder = createPrefixFolder({ path: join(disk.path, 'prefixes'), limitBytes: 1e9, clock: systemClock });
    const cells = (seed: number) => Uint8Array.from({ length: 4_000_000 }, (_, index) => (index + seed) % 251);
    const entry = (seed: number) => ({ model: 'm', key: `20-${String(seed).padStart(32, '0')}`, tokens: 20, owners: [] });
    await folder.write(entry(1), cells(1));
    const ballast = fill(2_000_000);
    await expect(folder.write(entry(2), cells(2))).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(readdirSync(join(disk.path, 'prefixes', 'm'))).toEqual([`${entry(1).key}.kv`]);
    rmSync(ballast);
    expect(await folder.write(entry(2), cells(2))).toBe(true);
    for (const seed of [1, 2]) {
      let memory = new Uint8Array(0);
      expect(await folder.read('m', entry(seed).key, (bytes) => (memory = new Uint8Array(bytes)))).toMatchObject({ outcome: 'ok' });
      expect(memory).toEqual(cells(seed));
    }
  });
});
