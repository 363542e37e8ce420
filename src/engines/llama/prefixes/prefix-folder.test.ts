import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeHeader, encodeHeader } from './entry-file.ts';
import { createPrefixFolder, type PrefixFolder } from './prefix-folder.ts';
import { modelKey, prefixKeys, tokensOfKey } from './prefix-key.ts';

let path: string;
let now = 1_700_000_000_000;
const model = 'm'.repeat(32);
const clock = { now: () => now };
const keyOf = (seed: number): string =>
  prefixKeys(
    Int32Array.from({ length: 20 }, (_, index) => seed + index),
    [20],
  )[0]!;
const cells = (seed: number, bytes = 10_000): Uint8Array => Uint8Array.from({ length: bytes }, (_, index) => (seed + index) % 251);
const entry = (seed: number, owners: string[] = []) => ({ model, key: keyOf(seed), tokens: 20, owners });

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'millrace-prefixes-'));
});
afterEach(() => rm(path, { recursive: true }));

const folderOf = (options: Partial<Parameters<typeof createPrefixFolder>[0]> = {}): PrefixFolder =>
  createPrefixFolder({ path, limitBytes: 1e6, clock, ...options });

async function readBack(folder: PrefixFolder, seed: number, ofModel = model): Promise<{ outcome: string; bytes?: Uint8Array }> {
  let memory: Uint8Array | undefined;
  const { outcome } = await folder.read(ofModel, keyOf(seed), (bytes) => (memory = new Uint8Array(bytes)));
  return outcome === 'ok' ? { outcome, bytes: memory! } : { outcome };
}

const fileOf = (seed: number): string => join(path, model, `${keyOf(seed)}.kv`);

describe('a folder of stored prefixes', () => {
  it('gives back what was written, also to another process that uses the folder', async () => {
    const [one, other] = [folderOf(), folderOf()];
    expect(await other.keys(model)).toEqual(new Set());
    expect(await one.write(entry(1, ['d1']), cells(1))).toBe(true);
    expect(await one.write(entry(1, ['d1']), cells(1))).toBe(false);
    expect(await other.keys(model)).toEqual(new Set([keyOf(1)]));
    expect(await readBack(other, 1)).toEqual({ outcome: 'ok', bytes: cells(1) });
    expect(await other.header(entry(1))).toMatchObject({ model, tokens: 20, owners: ['d1'], payloadBytes: 10_000 });
    await one.remove(model, keyOf(1));
    expect(await readBack(other, 1)).toEqual({ outcome: 'missing' });
  });

  it('finds every damage by its hash, and deletes what is damaged', async () => {
    const folder = folderOf();
    const damages: ((file: string) => Promise<unknown>)[] = [
      (file) => truncate(file, 5_000),
      (file) => truncate(file, 20),
      (file) => truncate(file, 0),
      (file) => flip(file, 9_000),
      (file) => flip(file, 60),
      (file) => flip(file, 3),
      (file) => flip(file, 9),
      (file) => flip(file, 13),
      (file) => writeFile(file, 'more', { flag: 'a' }),
    ];
    for (const damage of damages) {
      await folder.write(entry(1), cells(1));
      await damage(fileOf(1));
      expect(await readBack(folder, 1)).toEqual({ outcome: 'damaged' });
      expect(await folder.keys(model)).toEqual(new Set());
    }
    // A good entry under the name of another one.
    await folder.write(entry(1), cells(1));
    await writeFile(fileOf(2), await readFile(fileOf(1)));
    expect(await readBack(folder, 2)).toEqual({ outcome: 'damaged' });
    await mkdir(join(path, 'other'));
    await writeFile(join(path, 'other', `${keyOf(1)}.kv`), await readFile(fileOf(1)));
    expect(await readBack(folder, 1, 'other')).toEqual({ outcome: 'damaged' });
    expect(await readBack(folder, 1)).toMatchObject({ outcome: 'ok' });
  });

  it('stays within its limit: what was used longest ago goes, across processes', async () => {
    const limitBytes = 4 * 16_384;
    const folder = folderOf({ limitBytes });
    for (const seed of [1, 2, 3]) {
      await folder.write(entry(seed), cells(seed));
      await utimes(fileOf(seed), now / 1_000 + seed, now / 1_000 + seed);
    }
    now += 100_000;
    const later = folderOf({ limitBytes });
    later.touch(model, keyOf(1));
    await expect.poll(async () => (await later.list()).find(({ key }) => key === keyOf(1))?.usedAt).toBe(now);
    for (const seed of [4, 5]) await later.write(entry(seed), cells(seed));
    expect(await later.keys(model)).toEqual(new Set([1, 4, 5, 3].map(keyOf)));
    expect((await later.list()).reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(limitBytes);
    expect(await later.write(entry(6), cells(6, limitBytes))).toBe(false);
    expect(await later.keys(model)).toHaveLength(4);
  });

  it('deletes what belongs to a document, and what no owner can be read of', async () => {
    const folder = folderOf();
    await folder.write(entry(1, ['d1', 'd2']), cells(1));
    await folder.write(entry(2, ['d3']), cells(2));
    await folder.write(entry(3), cells(3));
    await folder.write(entry(4, ['d3']), cells(4));
    await flip(fileOf(4), 60);
    expect(await folderOf().removeWhere(({ owners }) => owners.includes('d2'))).toBe(2);
    expect(await folder.keys(model)).toEqual(new Set([keyOf(2), keyOf(3)]));
  });

  it('leaves nothing behind when a write fails, and cleans up after a process that died in one', async () => {
    const full: typeof open = async (...args) => {
      const file = await open(...args);
      let writes = 0;
      const write = file.writeFile.bind(file);
      file.writeFile = async (...parts) => {
        if (++writes === 2) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
        await write(...parts);
      };
      return file;
    };
    const folder = folderOf({ open: full });
    await expect(folder.write(entry(1), cells(1))).rejects.toThrow('no space');
    expect(await readdir(join(path, model))).toEqual([]);
    const pids = { dead: 2 ** 22 + 1, living: process.pid };
    for (const pid of Object.values(pids)) await writeFile(`${fileOf(1)}.${pid}.0a-0b.partial`, 'half an entry');
    now = Date.parse('2020-01-01');
    expect(await folder.list()).toEqual([]);
    expect(await readdir(join(path, model))).toEqual([`${keyOf(1)}.kv.${pids.living}.0a-0b.partial`]);
  });
});

describe('a process that is killed while it writes', () => {
  it('leaves whole entries, and what it began is cleaned up', { timeout: 60_000 }, async () => {
    const script = fileURLToPath(new URL('../../../../test/support/prefix-writing-child.ts', import.meta.url));
    const acknowledged = new Set<string>();
    for (let round = 0; round < 3; round++) {
      const child = spawn(process.execPath, [script, path, model], { stdio: ['ignore', 'pipe', 'inherit'] });
      const exited = once(child, 'exit');
      let begun = 0;
      for await (const line of createInterface({ input: child.stdout })) {
        if (line.startsWith('there ')) acknowledged.add(line.slice(6));
        // In the middle of an entry: it was begun, and its end was not told.
        else if (++begun === 2 + round) child.kill('SIGKILL');
      }
      await exited;
    }
    const folder = folderOf({ limitBytes: 1e12 });
    expect(acknowledged.size).toBeGreaterThan(0);
    const keys = await folder.keys(model);
    for (const key of acknowledged) expect(keys).toContain(key);
    for (const key of keys) expect((await folder.read(model, key, (bytes) => new Uint8Array(bytes))).outcome).toBe('ok');
    await folder.list();
    expect((await readdir(join(path, model))).filter((name) => !name.endsWith('.kv'))).toEqual([]);
  });
});

describe('keys and headers', () => {
  it('names a beginning by its length and tokens', () => {
    const tokens = Int32Array.from({ length: 50 }, (_, index) => index * 3);
    const [short, long] = prefixKeys(tokens, [20, 40]) as [string, string];
    expect(prefixKeys(tokens.subarray(0, 20), [20])).toEqual([short]);
    expect(prefixKeys(tokens.slice(5).subarray(0, 45), [20])[0]).not.toBe(short);
    expect([tokensOfKey(short), tokensOfKey(long), tokensOfKey('20-x'), tokensOfKey('../20')]).toEqual([20, 40, undefined, undefined]);
  });

  it('has another folder for other weights, types, layouts and rotations', () => {
    const origin = { weightsSha256: 'a', libraryVersion: '1', kvType: 'f16', layout: '0,1', rope: ['model', false] } as const;
    const others = [
      { ...origin, weightsSha256: 'b' },
      { ...origin, libraryVersion: '2' },
      { ...origin, kvType: 'q8_0' as const },
      { ...origin, layout: '1,1' },
      { ...origin, rope: ['model', true] },
    ];
    expect(new Set([origin, ...others].map(modelKey)).size).toBe(6);
  });

  it('reads a header longer than the first read', () => {
    const header = {
      ...entry(
        1,
        Array.from({ length: 400 }, (_, index) => `document-${index}-${'x'.repeat(20)}`),
      ),
      payloadBytes: 5,
      payloadSha256: 'f'.repeat(64),
    };
    const bytes = encodeHeader(header);
    const first = decodeHeader(bytes.subarray(0, 8_192));
    const more = first !== undefined && 'more' in first ? first.more : 0;
    expect(decodeHeader(bytes.subarray(0, more))).toEqual({ header, start: bytes.length });
  });
});

async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[at]! ^= 1;
  await writeFile(path, bytes);
}
