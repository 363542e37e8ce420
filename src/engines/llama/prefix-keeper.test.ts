import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { PrefixCounts, StoredPrefixes } from '../../spec/prefixes.ts';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createPrefixKeeper } from './prefix-keeper.ts';
import { createPrefixFolder } from './prefixes/prefix-folder.ts';

const clock = createManualClock();
const limits = { memoryBytes: 1_000, diskBytes: 1e6 };
let path: string;

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'millrace-prefixes-'));
  const folder = createPrefixFolder({ path, limitBytes: 1e6, clock });
  for (const [number, owners] of [
    ['1', ['a']],
    ['2', ['a', 'b']],
    ['3', []],
  ] as const)
    await folder.write({ model: 'm', key: `20-${number.repeat(32)}`, tokens: 20, owners: [...owners] }, new Uint8Array(100));
});
afterEach(() => rm(path, { recursive: true }));

function setup(counts: Partial<PrefixCounts> = {}, owners: readonly string[] = [], folder = path) {
  const forgotten: string[] = [];
  const loaded: StoredPrefixes = {
    limits,
    find: () => Promise.resolve([]),
    counts: async () => ({
      memoryEntries: 1,
      memoryBytes: 100,
      diskBytes: 300,
      hits: 0,
      misses: 0,
      restoredTokens: 0,
      computedTokens: 0,
      damaged: 0,
      problem: null,
      ...counts,
    }),
    owners: () => Promise.resolve(owners),
    forget: async (documents) => void forgotten.push(...documents),
  };
  return { keeper: createPrefixKeeper({ folder, limits, clock, loaded: () => [loaded] }), forgotten };
}

it('tells what is kept, of which documents, and what all processes saved by it', async () => {
  const first = setup({ hits: 3, misses: 1, restoredTokens: 60, computedTokens: 40 });
  await first.keeper.close();
  await appendFile(join(path, 'counts.jsonl'), '{"hits":');
  const status = await setup({ hits: 1, misses: 0, restoredTokens: 20, computedTokens: 5, damaged: 2 }).keeper.status();
  expect(status).toMatchObject({
    memory: { entries: 1, bytes: 100, limitBytes: 1_000 },
    disk: { entries: 3, limitBytes: 1e6 },
    passages: 2,
    documents: 2,
    hits: 4,
    misses: 1,
    restoredTokens: 80,
    computedTokens: 45,
    damaged: 2,
  });
});

it('deletes what belongs to documents that are not on record, in memory and on disk', async () => {
  const { keeper, forgotten } = setup({}, ['c', 'd']);
  expect(await keeper.sweep((document) => Promise.resolve(document !== 'b' && document !== 'c'))).toBe(1);
  expect(forgotten.toSorted()).toEqual(['b', 'c']);
  expect(await keeper.status()).toMatchObject({ disk: { entries: 2 }, passages: 1, documents: 1 });
  expect(await keeper.purge(['a'])).toBe(1);
  expect(await keeper.sweep(() => Promise.resolve(true))).toBe(0);
  expect((await keeper.status()).disk.entries).toBe(1);
});

it('tells that it could not delete what belongs to a removed document, until it could', async () => {
  const { keeper } = setup();
  await expect(keeper.sweep(() => Promise.reject(new Error('The record is closed')))).rejects.toThrow('The record is closed');
  expect((await keeper.status()).problem).toContain('could not be deleted: The record is closed.');
  await keeper.sweep(() => Promise.resolve(true));
  expect((await keeper.status()).problem).toBeNull();
});

it('closes also where its counts cannot be written or had', async () => {
  const file = join(path, 'file');
  await appendFile(file, 'mine');
  await setup({ hits: 3 }, [], file).keeper.close();
  expect(await readFile(file, 'utf8')).toBe('mine');
  const counts = () => Promise.reject(new Error('The child died.'));
  const dead: StoredPrefixes = { limits, find: async () => [], counts, owners: async () => [], forget: async () => undefined };
  await createPrefixKeeper({ folder: path, limits, clock, loaded: () => [dead] }).close();
  const none: StoredPrefixes = { ...dead, counts: async () => undefined };
  expect(await createPrefixKeeper({ folder: path, limits, clock, loaded: () => [none] }).status()).toMatchObject({
    hits: 0,
    problem: null,
  });
});
