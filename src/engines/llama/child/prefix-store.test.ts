import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { createPrefixFolder, type PrefixFolder } from '../prefixes/prefix-folder.ts';
import type { WorkerCommand } from './messages.ts';
import type { NativeMemory } from './native-memory.ts';
import type { PrefixCells } from './prefix-cache.ts';
import { createPrefixStore } from './prefix-store.ts';
import { frameHead } from './sequence-state.ts';

const tokens = Int32Array.from({ length: 60 }, (_, index) => index * 7);
const clock = createManualClock();
let path: string;

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'millrace-prefixes-'));
});
afterEach(() => rm(path, { recursive: true }));

/** A store whose compute thread is the test; `memory` is a list of blocks that has to be empty in the end. */
function setup(options: { model?: string; folder?: Partial<PrefixFolder> } = {}) {
  const blocks = new Map<bigint, Uint8Array<ArrayBuffer>>();
  let next = 0n;
  const memory: NativeMemory = {
    allocate(bytes) {
      next += 1_000_000n;
      blocks.set(next, new Uint8Array(bytes));
      return next;
    },
    view(address, bytes) {
      const [base, block] = [...blocks].find(([start, { length }]) => address >= start && address < start + BigInt(length))!;
      return block.subarray(Number(address - base), Number(address - base) + bytes);
    },
    free: (address) => void blocks.delete(address),
  };
  const commands: WorkerCommand[] = [];
  const folder = { ...createPrefixFolder({ path, limitBytes: 1e6, clock }), ...options.folder };
  const store = createPrefixStore({
    handle: 1,
    limits: { memoryBytes: 1e6, diskBytes: 1e6 },
    folder,
    model: options.model ?? 'm',
    bytesPerToken: 10,
    memory,
    clock,
    command: (command) => commands.push(command),
  });
  const save = async (key: string, owners: readonly string[] = []): Promise<void> => {
    const address = memory.allocate(frameHead + 600);
    memory.view(address + BigInt(frameHead), 500).fill(9);
    const cells: PrefixCells = { key, tokens: 20, owners, address, offset: frameHead, bytes: 500 };
    store.onEvent({ type: 'prefix-saved', handle: 1, cells });
    await store.written();
    memory.free(address);
    store.onEvent({ type: 'prefix-dropped', handle: 1, key });
  };
  return { store, folder, blocks, commands, memory, save };
}

const ownKey = async (store: ReturnType<typeof setup>['store']): Promise<string> => (await store.lookUp(tokens, 20, [])).keep!.key;

describe('what is kept, on the side of files', () => {
  it('is found by the beginning of a prompt, in this process and in another, and by no other model', async () => {
    const { store, commands, save } = setup();
    expect(await store.lookUp(tokens, 20, ['d'])).toMatchObject({ stored: undefined, keep: { owners: ['d'] } });
    const key = await ownKey(store);
    await save(key);
    expect(commands).toEqual([{ type: 'prefix-returned', handle: 1, key }]);
    expect((await store.lookUp(tokens, 40, [])).stored).toEqual({ key, tokens: 20 });
    expect((await setup().store.lookUp(tokens.slice(0, 21), 0, [])).stored).toEqual({ key, tokens: 20 });
    // All of a prompt is never kept: its last token has to be computed.
    expect((await setup().store.lookUp(tokens.slice(0, 20), 0, [])).stored).toBeUndefined();
    expect((await setup().store.lookUp(tokens.slice(1), 0, [])).stored).toBeUndefined();
    expect((await setup({ model: 'other' }).store.lookUp(tokens, 20, [])).stored).toBeUndefined();
    expect(await store.has(tokens, 20)).toEqual({ inMemory: false, onDisk: true });
    expect(await setup().store.diskBytes()).toBeGreaterThan(500);
    expect(await setup({ model: 'other' }).store.diskBytes()).toBe(0);
    expect((await store.lookUp(tokens, 15, [])).keep).toBeUndefined();
  });

  it('is read into memory for the request that waits for it; what is gone is told as gone', async () => {
    const { store, commands, blocks, memory, save, folder } = setup();
    const key = await ownKey(store);
    await save(key);
    store.onEvent({ type: 'prefix-wanted', handle: 1, id: 7, key });
    await expect.poll(() => commands.length).toBe(2);
    const loaded = commands[1];
    const cells = loaded?.type === 'prefix-loaded' ? loaded.cells : undefined;
    expect(cells).toMatchObject({ key, tokens: 20, bytes: 500 });
    expect(memory.view(cells!.address + BigInt(cells!.offset), 500)).toEqual(new Uint8Array(500).fill(9));
    expect(store.figures()).toMatchObject({ memoryEntries: 1, memoryBytes: 500 });
    await folder.remove('m', key);
    store.onEvent({ type: 'prefix-wanted', handle: 1, id: 8, key });
    await expect.poll(() => commands.at(-1)).toEqual({ type: 'prefix-loaded', handle: 1, id: 8, cells: undefined });
    expect(blocks.size).toBe(1);
  });

  it('is not written after its document has gone, and not while a write has just failed', async () => {
    const { store, save, commands } = setup();
    const key = await ownKey(store);
    store.forget(['d']);
    const saving = save(key, ['d', 'e']);
    // The compute thread saved it after it had been told to forget.
    expect(store.figures().memoryEntries).toBe(0);
    expect(store.owners()).toEqual([]);
    await saving;
    const forget = { type: 'forget-prefixes', handle: 1, owners: ['d'] };
    expect(commands).toEqual([forget, forget, { type: 'prefix-returned', handle: 1, key }]);
    expect(await store.has(tokens, 20)).toEqual({ inMemory: false, onDisk: false });
    expect((await store.lookUp(tokens, 20, ['d'])).keep).toBeUndefined();

    let writes = 0;
    const full = setup({
      folder: {
        write: () => {
          writes += 1;
          return Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' }));
        },
      },
    });
    await full.save(key);
    await full.save(key);
    expect(writes).toBe(1);
    expect(full.store.figures().problem).toContain('disk is full');
    await clock.advance(60_001);
    await full.save(key);
    expect(writes).toBe(2);
    expect(full.commands).toHaveLength(3);
  });

  it('is deleted when the library refuses it', async () => {
    const { store, save } = setup();
    const key = await ownKey(store);
    await save(key);
    store.onEvent({ type: 'prefix-refused', handle: 1, key });
    await expect.poll(() => store.has(tokens, 20)).toEqual({ inMemory: false, onDisk: false });
    expect(store.figures().damaged).toBe(1);
  });
});
